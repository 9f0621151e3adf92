#!/bin/sh
# SPDX-License-Identifier: MIT
# The layer check does fail on what it is there for: check_layers_catches.sh SOURCE_DIR
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$1/lib" "$1/tools" "$1/tests" "$work"
check=$1/tests/abi/check_layers.sh
"$check" "$work" > /dev/null

expect_failure() {
    if "$check" "$work" > "$work/out" 2>&1; then
        echo "not caught: $1"
        exit 1
    fi
    grep -q "$2" "$work/out" || { echo "caught, but not as '$2':"; cat "$work/out"; exit 1; }
    rm "$work/$3"
}

echo '#include "learn/forest.h"' > "$work/lib/sim/bad1.c"
expect_failure 'across' 'bad1.c includes' lib/sim/bad1.c
echo '#include "evtwin/store.h"' > "$work/lib/core/bad2.c"
expect_failure 'up' 'bad2.c includes' lib/core/bad2.c
echo '#include <sqlite3.h>' > "$work/lib/serve/bad3.c"
expect_failure 'client library' 'another file owns' lib/serve/bad3.c
echo 'void f(char *a, char *b) { strcpy(a, b); }' > "$work/lib/core/bad4.c"
expect_failure 'banned call' 'bad4.c' lib/core/bad4.c
echo 'void g(void) { printf("x"); }' > "$work/lib/core/bad5.c"
expect_failure 'printing' 'bad5.c' lib/core/bad5.c
echo 'void *h(void) { return malloc(3); }' > "$work/lib/core/bad6.c"
expect_failure 'own allocation' 'bad6.c' lib/core/bad6.c
echo 'void i(void) { setlocale(LC_ALL, ""); }' > "$work/tools/bad7.c"
expect_failure 'a locale' 'bad7.c' tools/bad7.c
echo "the layer check catches what it should"
