#!/bin/sh
# SPDX-License-Identifier: MIT
# header = map = exported symbols: check_symbols.sh SOURCE_DIR LIBRARY
set -eu
source=$1 library=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# functions declared with EVTWIN_API, comments removed and lines joined
cat "$source"/include/evtwin/*.h | sed 's|/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/||g' | tr '\n' ' ' |
    sed 's|/\*\*|\n/**|g; s|\*/|*/\n|g' | grep -v '^/\*' | tr '\n' ' ' | tr ';' '\n' |
    sed -n 's/.*EVTWIN_API[^(]*[ *]\(evtwin_[a-zA-Z0-9_]*\) *(.*/\1/p' | sort -u > "$work/headers"
sed -n 's/^ *\(evtwin_[a-zA-Z0-9_]*\);.*/\1/p' "$source/lib/evtwin.map" | sort > "$work/map"
nm -D --defined-only "$library" | awk '$2 ~ /[TDBR]/ {print $3}' | sed 's/@.*//' | grep '^evtwin' | sort > "$work/exported"

[ "$(wc -l < "$work/map")" -gt 100 ] || { echo "the map was not understood"; exit 1; }
status=0
for pair in "headers map" "map exported"; do
    set -- $pair
    if ! diff -u "$work/$1" "$work/$2" > "$work/diff"; then
        echo "$1 and $2 differ:"
        cat "$work/diff"
        status=1
    fi
done
uniq -d "$work/map" | grep . && { echo "duplicate in the map"; status=1; }

# nothing but our names leaves the library (sanitizers add their own)
nm -D --defined-only "$library" | awk '$2 ~ /[TDBRV]/ {print $3}' | sed 's/@.*//' |
    grep -v -e '^evtwin_' -e '^EVTWIN_' -e '^__asan' -e '^__odr_asan' -e '^_init$' -e '^_fini$' && { echo "foreign symbols are exported"; status=1; }
echo "$(wc -l < "$work/map") symbols in headers, map and library"
exit $status
