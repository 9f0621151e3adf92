// SPDX-License-Identifier: MIT

// compose FILE ENVFILE: load a compose file as docker compose does, and print it as JSON. Unknown keys,
// variables without a value and references to nothing are errors.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/sirupsen/logrus"
)

// warnings counts what the library only warns of, such as a variable that is not set.
type warnings struct{ n int }

func (w *warnings) Levels() []logrus.Level { return []logrus.Level{logrus.WarnLevel} }

func (w *warnings) Fire(entry *logrus.Entry) error {
	w.n++
	fmt.Fprintln(os.Stderr, "warning:", entry.Message)
	return nil
}

func load(file, environment string) error {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithEnvFiles(environment), cli.WithDotEnv,
		cli.WithProfiles([]string{"*"}))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	text, err := project.MarshalJSON()
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	return err
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: compose FILE ENVFILE")
		os.Exit(2)
	}
	seen := &warnings{}
	logrus.AddHook(seen)
	if err := load(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if seen.n > 0 {
		os.Exit(1)
	}
}
