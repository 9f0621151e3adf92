#!/bin/sh
# SPDX-License-Identifier: MIT
# Build the library a second time with the files of this folder added, and see that a made-up quantity,
# target, source and sink work everywhere: check_extension.sh SOURCE_DIR BUILD_DIR TOOLS CC
set -eu
source=$1 build=$2 tools=$3 cc=$4
mkdir -p "$build/run"
cmake -S "$source" -B "$build" -DCMAKE_C_COMPILER="$cc" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG=-O1 \
    -DEVTWIN_TOOLS=OFF -DEVTWIN_EXTENSION="$source/tests/extension" > "$build/log" 2>&1 || { cat "$build/log"; exit 1; }
cmake --build "$build" --target test_extension -j2 >> "$build/log" 2>&1 || { tail -n 40 "$build/log"; exit 1; }
cd "$build/run"
rm -rf -- *
"$tools/evtwin-sim" --quiet --fleet 2 --speed max --duration 60 --sink sqlite:old.db
"$build/tests/extension/test_extension" old.db
