#!/bin/sh
# SPDX-License-Identifier: MIT
# What is written twice agrees: check_docs.sh SOURCE_DIR
set -eu
cd "$1"
status=0
bad() { echo "$*"; status=1; }

# one version
header=$(sed -n 's/^#define EVTWIN_VERSION "\(.*\)"/\1/p' include/evtwin/base.h)
parts=$(sed -n 's/^#define EVTWIN_VERSION_[A-Z]* \([0-9]*\)/\1/p' include/evtwin/base.h | paste -sd.)
cmake=$(sed -n 's/^project(evtwin VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
changelog=$(sed -n 's/^## \([0-9.]*\).*/\1/p' CHANGELOG.md | head -n 1)
for version in "$parts" "$cmake" "$changelog"; do
    [ "$version" = "$header" ] || bad "version $version is not $header of base.h"
done

# the README's C example is examples/01_simulate.c
awk '/^```c$/ {on = 1; next} /^```$/ {if (on) exit} on' README.md > /tmp/readme-example.$$
grep -v '^/\* SPDX' examples/01_simulate.c | diff -u - /tmp/readme-example.$$ || bad "README.md's example differs from examples/01_simulate.c"
rm -f /tmp/readme-example.$$

# every public function has its contract in the header: a comment above it, or behind it on its line
for file in include/evtwin/*.h; do
    awk -v file="$file" '
        /^EVTWIN_API/ { if (previous !~ /\*\/ *$/ && $0 !~ /\/\*\*</) { print file ": no comment: " $0; bad = 1 } }
        { if ($0 !~ /^EVTWIN_API/ || $0 !~ /\/\*\*</) previous = $0 }
        END { exit bad }' "$file" || status=1
done

# links between our documents lead somewhere
for file in README.md CONTRIBUTING.md SECURITY.md CHANGELOG.md docs/*.md deploy/README.md deploy/*/README.md; do
    for link in $(grep -o '](\([^) ]*\)' "$file" | sed 's/](//; s/#.*//' | grep -v '^[a-z]*:'); do
        [ -e "$(dirname "$file")/$link" ] || bad "$file links to $link, which is absent"
    done
done

# and those to a heading find it, by the anchor that is made of its words
anchors() {
    awk '/^```/ {in_code = !in_code} !in_code && sub(/^#+ /, "") {print tolower($0)}' "$1" |
        sed 's/[^[:alnum:]_ -]//g; s/ /-/g'
}
for file in README.md CONTRIBUTING.md SECURITY.md CHANGELOG.md docs/*.md deploy/README.md deploy/*/README.md; do
    for link in $(grep -o '](\([a-z./-]*.md\)\{0,1\}#[^) ]*' "$file" | sed 's/](//'); do
        page=${link%%#*}
        page=${page:+$(dirname "$file")/$page}
        anchors "${page:-$file}" | grep -qxF "${link#*#}" || bad "$file links to $link, which has no such heading"
    done
done

# every cause of a finding is explained, and nothing else is
causes=$(sed -nE 's/^FINDING\([A-Z_]+, "([a-z-]+)", .*/\1/p' lib/learn/findings.def | sort -u)
[ "$(echo "$causes" | wc -l)" -gt 5 ] || bad "the causes of findings were not understood"
for cause in $causes; do
    grep -q "^|.*\`$cause\`" docs/cli.md || bad "docs/cli.md does not explain the finding $cause"
done

# every test that the threat model names is there: the last column names files and their functions
sed -n 's/^| .* | \([^|]*`[^|]*\) |$/\1/p' docs/threat-model.md | grep -o '`[^`]*`' | tr -d '`' |
    while read -r name; do
        case $name in
        *.c) file=tests/unit/$name; [ -f "$file" ] || echo "docs/threat-model.md names $file, which is absent" ;;
        *.py) file=tests/$name; [ -f "$file" ] || echo "docs/threat-model.md names $file, which is absent" ;;
        *) grep -qw "$name" "$file" || echo "docs/threat-model.md names $name, which is not in $file" ;;
        esac
    done > /tmp/threat-model.$$
[ ! -s /tmp/threat-model.$$ ] || { cat /tmp/threat-model.$$; status=1; }
rm -f /tmp/threat-model.$$

# no merge was left half done
for file in $(find . -path ./build -prune -o \( -name '*.md' -o -name '*.[ch]' -o -name '*.txt' -o -name '*.yaml' \) -print); do
    ! grep -nE '^(<<<<<<< |>>>>>>> )' "$file" || bad "$file has marks of a merge"
done

# README names the two commands
for command in 'make demo' 'make test'; do
    grep -q "$command" README.md || bad "README.md does not name $command"
done
exit $status
