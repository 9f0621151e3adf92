#!/bin/sh
# SPDX-License-Identifier: MIT
# Install into a staging folder; build and run every example against it, through pkg-config and
# through CMake, after moving the folder. Where a client library was left out of the build (COMPLETE is
# not ON) only 01 and 06 can work; the others must say so: check_install.sh SOURCE_DIR BUILD_DIR CC COMPLETE
set -eu
source=$1 build=$2 cc=$3 complete=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/staged" > "$work/log" || { cat "$work/log"; exit 1; }
mv "$work/staged" "$work/moved" # nothing in it may know where it was made
prefix=$work/moved
libdir=$(dirname "$(find "$prefix" -name evtwin.pc)")
export PKG_CONFIG_PATH=$libdir
export LD_LIBRARY_PATH=$(dirname "$libdir")

mkdir "$work/run" && cd "$work/run"
for example in "$source"/examples/*.c; do
    name=$(basename "$example" .c)
    lines=$(wc -l < "$example")
    [ "$lines" -le 60 ] || { echo "$name has $lines lines, over 60"; exit 1; }
    "$cc" -std=c11 -Wall -Wextra -Werror "$example" -o "$name" $(pkg-config --cflags --libs evtwin)
    if [ "$complete" != ON ] && [ "$name" != 01_simulate ] && [ "$name" != 06_own_sink ]; then
        "./$name" > "$name.out" 2>&1 && { echo "$name works in a build that cannot do it"; exit 1; }
        grep -qi 'build\|built' "$name.out" || { echo "$name does not say what is left out"; cat "$name.out"; exit 1; }
        echo "$name: $(cat "$name.out")"
        continue
    fi
    "./$name" > "$name.out" || { echo "$name failed"; cat "$name.out"; exit 1; }
    [ -s "$name.out" ] || { echo "$name printed nothing"; exit 1; }
    echo "pkg-config: $name runs"
done

# the tour at the top of evtwin.h is a program
if [ "$complete" = ON ]; then
    {
        printf '#include <evtwin/evtwin.h>\n#include <stdio.h>\nint main(void) {\n'
        sed -n 's|^ \*     ||p' "$prefix/include/evtwin/evtwin.h"
        printf 'printf("%%zu batteries\\n", evtwin_table_rows(newest));\nreturn 0;\n}\n'
    } > tour.c
    "$cc" -std=c11 -Wall -Wextra -Werror tour.c -o tour $(pkg-config --cflags --libs evtwin)
    ./tour > tour.out
    [ "$(cat tour.out)" = "50 batteries" ] || { echo "the tour of evtwin.h: $(cat tour.out)"; exit 1; }
    echo "the tour of evtwin.h runs"
fi

mkdir "$work/cmake"
version=$(sed -n 's/^#define EVTWIN_VERSION "\([0-9]*\.[0-9]*\).*/\1/p' "$source/include/evtwin/base.h")
cat > "$work/cmake/CMakeLists.txt" << CMAKE
cmake_minimum_required(VERSION 3.22)
project(user C)
find_package(evtwin $version REQUIRED)
add_executable(user $source/examples/01_simulate.c)
target_link_libraries(user PRIVATE evtwin::evtwin)
CMAKE
cmake -S "$work/cmake" -B "$work/cmake/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" > "$work/log" 2>&1 &&
    cmake --build "$work/cmake/build" >> "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
"$work/cmake/build/user" > user.out
diff 01_simulate.out user.out
echo "CMake: 01_simulate runs and prints the same"
