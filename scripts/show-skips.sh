#!/bin/sh
# SPDX-License-Identifier: MIT
# show-skips.sh BUILD...: what the tests of the last ctest run in these folders left out, and why:
# their lines "skipped: REASON".
set -eu
for build; do
    log=$build/Testing/Temporary/LastTest.log
    [ -f "$log" ] || continue
    awk '
        /^[0-9]+\/[0-9]+ Testing: / { test = $3; reasons = 0 }
        /^skipped: / { print "  " test ": " substr($0, 10); reasons++ }
        /^ [0-9]+ SKIPPED TEST/ && !reasons { print "  " test ": " $1 " of its tests; it does not say why" }
    ' "$log"
done | awk 'NR == 1 { print "Skipped:" } { print }'
