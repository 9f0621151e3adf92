#!/bin/sh
# SPDX-License-Identifier: MIT
# What a release keeps for abi.baseline: baseline/make.sh COMMIT VERSION builds the library of that commit and writes
# baseline/VERSION.tar.xz: its dump by abidw, the names of its symbols, its headers and its examples.
set -eu
commit=$1 version=$2
root=$(cd "$(dirname "$0")/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/source" "$work/$version"
git -C "$root" archive "$commit" | tar -x -C "$work/source"
cmake -S "$work/source" -B "$work/build" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DEVTWIN_TESTS=OFF -DEVTWIN_TOOLS=OFF
cmake --build "$work/build" --target evtwin -j2
library=$work/build/libevtwin.so
cd "$work"
abidw --headers-dir source/include/evtwin --drop-private-types --no-corpus-path --no-comp-dir-path --short-locs "$library" > "$version/evtwin.abi"
nm -D --defined-only "$library" | sed -n 's/.* T \(evtwin_[A-Za-z0-9_]*\)@*\(.*\)/\1 \2/p' | sort > "$version/symbols"
cp -r source/include source/examples "$version"
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git -C "$root" log -1 --format=%ct "$commit")" -cf - "$version" |
    xz -9e > "$root/tests/abi/baseline/$version.tar.xz"
