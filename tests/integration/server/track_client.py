# SPDX-License-Identifier: MIT
"""The C client of tracking servers (tools/mlflow_client) for tests in Python."""
import os
import subprocess
import tempfile


class Client:
    """client("run", "1", "name") is (status, text or words); ok(…) its words, which must have come;
    fails(status, …) its text."""

    def __init__(self, tools, uri, env=None, **options):
        self.log = tempfile.TemporaryFile("w+")
        self.child = subprocess.Popen(
            [os.path.join(tools, "mlflow_client"), uri, *[f"{k}={v}" for k, v in options.items()]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
            env={**os.environ, "no_proxy": "", "NO_PROXY": "", **(env or {})})
        self.opened = self.read()

    def read(self):
        line = self.child.stdout.readline()
        if not line:
            raise AssertionError(f"the client has ended with {self.child.wait(60)}: {self.said()}")
        status, *words = line.rstrip("\n").split("\t")
        return status, words

    def said(self):
        """What it has logged."""
        self.log.seek(0)
        return self.log.read()

    def __call__(self, *words):
        self.child.stdin.write("\t".join(map(str, words)) + "\n")
        self.child.stdin.flush()
        return self.read()

    def ok(self, *words):
        status, said = self(*words)
        assert status == "OK", (words, status, said)
        return said

    def fails(self, status, *words):
        got, said = self(*words)
        assert got == status, (words, got, said)
        return " ".join(said)

    def close(self):
        self.child.stdin.close()
        code = self.child.wait(60)
        assert code == 0, (code, self.said())

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
        else:
            self.child.kill()
            self.child.wait()
