# SPDX-License-Identifier: MIT
# tests/cli/completion.sh BIN: bash, zsh and fish complete every option of --help and the values of those that have a fixed
# list, by what --completion prints; the manual pages, where help2man made them, have every option too.
. "$(dirname "$0")/assert.sh"

# The options of a tool's --help, a line each, sorted.
options_of() {
    "$1" --help | sed -n 's/^  \(-.\), --\([a-z0-9-]*\).*/\1\n--\2/p; s/^      --\([a-z0-9-]*\).*/--\1/p' | sort -u
}

# offers_in_bash WORD…: what bash offers for the last word, a line each, sorted; the tool's completion is in ./bash
cat >ask.bash <<'BASH'
compopt() { :; } # only within a completion
source ./bash
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_${1//-/_}
printf '%s\n' "${COMPREPLY[@]}"
BASH
offers_in_bash() { bash ask.bash "$@" | sort -u; }

for tool in evtwin-train evtwin-sim evtwin-ingest evtwin-predict evtwin-serve; do
    options_of $tool >options
    check "$tool --help was understood" test "$(wc -l <options)" -gt 15
    for shell in bash zsh fish; do
        run $tool --completion $shell
        expect 0
        no_err .
        cp out $shell
    done

    if command -v bash >/dev/null; then
        offers_in_bash $tool - >offered
        check "$tool: bash offers the options of --help" diff options offered
        check "$tool: bash offers values" test "$(offers_in_bash $tool --log-format '' | xargs)" = "json text time"
        check "$tool: bash offers values after =" test "$(offers_in_bash $tool --log-format = t | xargs)" = "text time"
        touch 'a file.csv' && mkdir -p 'a folder'
        check "$tool: bash offers files" test "$(offers_in_bash $tool --config 'a fi')" = 'a file.csv'
    fi
    if command -v zsh >/dev/null; then # what zsh's _arguments is given, once zsh has read it
        (printf '_arguments() { print -rl -- "$@"; }\n' && cat zsh) >ask.zsh
        zsh -f ask.zsh >specs
        sed -n 's/^([^)]*)//; s/^\*//; s/^\(--*[a-z0-9A-Z-]*\).*/\1/p' specs | sed 's/-s$/-s/' | sort -u >given
        # -s and -S are _arguments' own
        { cat options; echo -s; echo -S; } | sort -u >wanted
        check "$tool: zsh has the options of --help" diff wanted given
        check "$tool: zsh has values" grep -q '^--log-format=\[.*\]:FORMAT:(text time json)$' specs
        check "$tool: zsh has files" grep -q '^--config=\[.*\]:FILE:_files$' specs
    fi
    if command -v fish >/dev/null; then
        HOME=$work fish --no-config -c "source fish; complete -C '$tool -'" 2>err | cut -f1 | sort -u >offered
        check "$tool: fish offers the options of --help" diff options offered
        HOME=$work fish --no-config -c "source fish; complete -C '$tool --log-format '" 2>err | cut -f1 | sort | xargs >offered
        check "$tool: fish offers values" test "$(cat offered)" = "json text time"
    fi

    page=$bin/man/$tool.1
    if [ -f "$page" ]; then # a - of an option is \- there
        sed 's/\\-/-/g; s/\\f[BIR]//g' "$page" >page
        for option in $(cat options); do
            check "$tool.1 has $option" grep -qE -e "(^| )$option([ ,=]|\$)" page
        done
        for section in NAME SYNOPSIS DESCRIPTION '"SEE ALSO"'; do
            check "$tool.1 has $section" grep -qx ".SH $section" page
        done
        check "$tool.1 has the exit codes" grep -q 'Exit codes' page
    fi
done
for shell in zsh fish; do
    command -v $shell >/dev/null || echo "there is no $shell here: its completion was not tried"
done
[ -f "$bin/man/evtwin-sim.1" ] || echo "help2man was not there when this was built: no manual pages"

run evtwin-sim --completion tcsh
expect 2
err "'tcsh' is not one of bash|zsh|fish"
finish
