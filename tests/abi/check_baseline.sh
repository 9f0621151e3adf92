#!/bin/sh
# SPDX-License-Identifier: MIT
# The library beside the last release (docs/abi.md): check_baseline.sh SOURCE_DIR LIBRARY CC
#  - every symbol of the release is there, in its node, with the same types (abidiff), but those of the list of what broke;
#  - programs of the release run with this library, or are refused by the loader with the name of what they lack.
set -eu
source=$1 library=$2 cc=$3
version=0.1.0
here=$source/tests/abi/baseline
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; exit 1; }
tar -xJf "$here/$version.tar.xz" -C "$work"
release=$work/$version
cd "$work"

# what broke is named in the changelog
sed -n '/^### Renamed and removed/,/^## /p' "$source/CHANGELOG.md" > renamed
[ -s renamed ] || fail "the changelog's list was not found"
while read -r name; do
    grep -qw "$name" renamed || fail "CHANGELOG.md, Renamed and removed, does not name $name"
done < "$here/broken-since-$version.txt"

# what did not is exported in its node; what changed is not, so that no old program gets it
nm -D --defined-only "$library" | sed -n 's/.* T \(evtwin_[A-Za-z0-9_]*\)@*\(.*\)/\1 \2/p' | sort > symbols
grep -vwFf "$here/broken-since-$version.txt" "$release/symbols" > kept
[ "$(wc -l < kept)" -gt 100 ] || fail "the release's symbols were not understood"
comm -23 kept symbols > lost
[ ! -s lost ] || fail "symbols of $version that are gone or in another node of lib/evtwin.map: $(xargs < lost)"
grep EVTWIN_0\$ symbols | comm -13 kept - > misplaced
[ ! -s misplaced ] || fail "not of $version as they are now, so they belong to a later node of lib/evtwin.map: $(xargs < misplaced)"
echo "$(wc -l < kept) symbols of $version are there, $(wc -l < "$here/broken-since-$version.txt") broke"

# types
compare() { # NEW_LIBRARY_OR_DUMP: what changed in types, after the suppressions
    abidiff --no-added-syms --suppr "$here/suppressions.ini" --headers-dir2 "$source/include/evtwin" --drop-private-types \
        "$release/evtwin.abi" "$1" > report 2>&1 || [ $? -lt 64 ] || [ $? -eq 1 ] || { cat report; fail "abidiff"; }
    grep -q '^Functions changes summary' report || [ ! -s report ] || { head report; fail "abidiff's report was not understood"; }
    sed -n 's/^Functions changes summary: .* Removed, \([0-9]*\) Changed.*/\1/p; s/^Variables changes summary: 0 Removed, 0 Changed.*//p' report | xargs
}
if ! command -v abidiff > /dev/null; then
    echo "skipped: there is no abidiff (Debian: abigail-tools): types were not compared"
elif [ "$(uname -m)" != x86_64 ] || ! readelf -SW "$library" | grep -q '\.debug_info'; then
    echo "skipped: the release's dump is of x86_64 with debug information: types were not compared"
else
    n=$(compare "$library")
    [ "$n" = 0 ] || { cat report; fail "types of $version changed: put the symbols into a new node and into the list of what broke"; }
    # it sees a change
    sed "/<function-decl name='evtwin_sim_advance'/,/<\/function-decl>/{/<parameter/d;}" "$release/evtwin.abi" > changed.abi
    cmp -s "$release/evtwin.abi" changed.abi && fail "the dump was not changed"
    [ "$(compare changed.abi)" != 0 ] || fail "abidiff did not see a function without its parameters"
    echo "abidiff: the types of $version are as they were"
fi

# programs linked with the release: a library of its names stands for it
sed 's/\(.*\) .*/void \1(void); void \1(void) {}/' "$release/symbols" > stub.c
{ echo 'EVTWIN_0 { global:'; sed 's/ .*/;/' "$release/symbols"; echo 'local: *; };'; } > stub.map
mkdir old new
"$cc" -shared -fPIC -Wl,-soname,libevtwin.so.0 -Wl,--version-script=stub.map stub.c -o old/libevtwin.so
cp "$library" new/libevtwin.so.0
for program in "$here/old_program.c" "$release"/examples/*.c; do
    "$cc" -std=c11 "-I$release/include" "$program" -o "$(basename "$program" .c)" -Lold -levtwin
done
export LD_LIBRARY_PATH="$work/new" LD_BIND_NOW=1
printf 'time,battery_id,soc\n2026-01-01T00:00:00Z,A,81.5\n2026-01-01T00:00:01Z,A,80.5\n' > rows.csv
./old_program rows.csv "$source/tests/data/models/xgboost-1.7-logistic.json" > out || { cat out; fail "old_program"; }
printf '2 rows, soc 80.5\n2 packs\na probability\n' | diff - out || fail "old_program"
./01_simulate > out || { cat out; fail "01_simulate of $version"; }
grep -q '^BATTERY_003: [0-9.]* %$' out || { cat out; fail "01_simulate of $version"; }
for example in 02_train_and_predict 03_store; do # they call what changed
    "./$example" > out 2>&1 && fail "$example of $version runs, though what it calls has changed"
    grep -q 'undefined symbol: evtwin_.*version EVTWIN_0' out || { cat out; fail "$example does not say what it lacks"; }
    echo "$example of $version is refused: $(sed 's/.*undefined/undefined/' out)"
done
echo "programs of $version run"
