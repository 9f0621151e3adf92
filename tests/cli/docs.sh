# SPDX-License-Identifier: MIT
# tests/cli/docs.sh BIN [--update]: docs/cli.md holds every tool's --help word for word.
update=${2:-}
. "$(dirname "$0")/assert.sh"
page=$root/docs/cli.md

for tool in evtwin-train evtwin-sim evtwin-ingest evtwin-predict evtwin-serve; do
    run $tool --help
    expect 0
    if [ "$update" = --update ]; then
        awk -v tool="$tool" -v help="$work/out" '
            $0 == "<!-- " tool " --help -->" {
                print; print "```text"
                while ((getline line < help) > 0) { print line }
                print "```"; skipping = 1; next
            }
            skipping && /^```/ { fences++; if (fences == 2) { skipping = fences = 0 } next }
            !skipping { print }' "$page" >"$work/page" && cp "$work/page" "$page"
    fi
    awk -v tool="$tool" '
        $0 == "<!-- " tool " --help -->" { found = 1; next }
        found && /^```/ { if (inside) { exit } inside = 1; next }
        inside { print }' "$page" >documented
    check "docs/cli.md differs from $tool --help; run tests/cli/docs.sh BUILD/tools --update" \
        diff documented out
done
finish
