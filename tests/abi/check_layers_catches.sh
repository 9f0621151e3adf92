#!/bin/sh
# SPDX-License-Identifier: MIT
# The layer check does fail on what it is there for: check_layers_catches.sh SOURCE_DIR
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$1/lib" "$1/tools" "$1/tests" "$work"
check=$1/tests/abi/check_layers.sh

# every fault in a file of its own, then one run that has to name them all
echo '#include "learn/forest.h"' > "$work/lib/sim/bad1.c"
echo '#include "evtwin/store.h"' > "$work/lib/core/bad2.c"
echo '#include <sqlite3.h>' > "$work/lib/serve/bad3.c"
echo 'void f(char *a, char *b) { strcpy(a, b); }' > "$work/lib/core/bad4.c"
echo 'void g(void) { printf("x"); }' > "$work/lib/core/bad5.c"
echo 'void *h(void) { return malloc(3); }' > "$work/lib/core/bad6.c"
echo 'void i(void) { setlocale(LC_ALL, ""); }' > "$work/tools/bad7.c"
echo 'int j;' > "$work/lib/sim/mem.c"
if "$check" "$work" > "$work/out" 2>&1; then
    echo "nothing was caught"
    exit 1
fi
while IFS='|' read -r what line; do
    grep -q "$line" "$work/out" || { echo "not caught: $what"; cat "$work/out"; exit 1; }
done << 'END'
an include across|bad1.c includes learn/forest.h
an include up|bad2.c includes evtwin/store.h
a client library|bad3.c includes sqlite3.h, which another file owns
a banned call|bad4.c:1:void f
printing|bad5.c:1:void g
own allocation|bad6.c:1:void \*h
a locale|bad7.c:1:void i
a file name twice|duplicate file name: mem.c
END
[ "$(wc -l < "$work/out")" -eq 8 ] || { echo "something else was caught too:"; cat "$work/out"; exit 1; }
echo "the layer check catches what it should"
