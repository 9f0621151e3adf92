#!/bin/sh
# SPDX-License-Identifier: MIT
# The edge build is small, needs jansson alone, and says of everything else that it is left out:
# check_edge.sh SOURCE_DIR LIBRARY CC STRIP
set -eu
source=$1 library=$2 cc=$3 strip=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

"$strip" -o "$work/small.so" "$library"
bytes=$(wc -c < "$work/small.so")
[ "$bytes" -le 400000 ] || fail "$bytes bytes stripped, more than 400,000"
readelf -d "$library" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | grep -v -e '^libjansson' -e '^libc\.' -e '^libm\.' -e '^ld-linux' &&
    fail "it needs more than jansson"

cat > "$work/a.c" << 'C'
#include <evtwin/evtwin.h>
#include <stdio.h>
#include <string.h>

/* A cell with BPX says which file it is, and what is wrong with it here. */
static int is_refused(const char *file, const char *name) {
    evtwin_cell *cell = NULL;
    const evtwin_status st = evtwin_cell_load(file, &cell);
    printf("%s\n", evtwin_last_error());
    return st == EVTWIN_E_UNSUPPORTED && cell == NULL && strstr(evtwin_last_error(), name) != NULL &&
           strstr(evtwin_last_error(), "reads no BPX files (EVTWIN_EDGE)") != NULL;
}

int main(int argc, char **argv) {
    evtwin_pump *pump = NULL;
    evtwin_store *store = NULL;
    if (evtwin_pump_create(NULL, &pump) != EVTWIN_E_UNSUPPORTED || strstr(evtwin_last_error(), "evtwin_pump_create") == NULL ||
        strstr(evtwin_last_error(), "EVTWIN_EDGE") == NULL || pump != NULL) {
        return 1;
    }
    if (evtwin_store_open("sqlite:a.db", NULL, &store) != EVTWIN_E_UNSUPPORTED || store != NULL) {
        return 2;
    }
    evtwin_pump_free(NULL);
    evtwin_store_free(NULL);
    printf("%s\n", evtwin_last_error());
    evtwin_cell *cell = NULL;
    if (argc != 4 || !is_refused(argv[1], "m50.bpx.json") || !is_refused(argv[2], "m50.json")) {
        return 3;
    }
    if (evtwin_cell_load(argv[3], &cell) != EVTWIN_OK) {
        return 4;
    }
    evtwin_cell_free(cell);
    return 0;
}
C
"$cc" -std=c11 -I"$source/include" "$work/a.c" -o "$work/a" "$library" -Wl,-rpath,"$(dirname "$library")"
"$work/a" "$source/tests/data/cells/m50.bpx.json" "$source/tests/data/cells/m50.json" "$source/models/cells/lgm50.json" ||
    fail "what is left out does not say so: $?"

# and what is not left out works: tests/long/edge_arm.py compares the results with those of other machines
"$cc" -std=c11 -I"$source/include" "$source/tests/long/edge/results.c" -o "$work/results" "$library" -Wl,-rpath,"$(dirname "$library")"
"$work/results" "$source/tests/data/models/xgboost-1.7-logistic.json" > "$work/out" || { cat "$work/out"; fail "results"; }
[ "$(wc -l < "$work/out")" -ge 5 ] || fail "results"
echo "$bytes bytes stripped; $(wc -l < "$work/out") things done"
