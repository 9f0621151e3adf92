#!/bin/sh
# SPDX-License-Identifier: MIT
# Install into a staging folder, move it, and build and run every example against it: through pkg-config, through the
# CMake package, and against the archive where it was built. What they print is what examples/expected says. Where a client
# library was left out of the build (COMPLETE is OFF) only 01 and 06 can work, for the edge (EDGE) only 01 can, as 08 has no
# bundle; the others must say so:
# examples.sh SOURCE_DIR BUILD_DIR CC COMPLETE
set -eu
source=$1 build=$2 cc=$3 complete=$4
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; exit 1; }
quietly() { "$@" > "$work/log" 2>&1 || { cat "$work/log"; fail "$*"; }; }

quietly cmake --install "$build" --prefix "$work/staged"
mv "$work/staged" "$work/moved" # nothing in it may know where it was made
prefix=$work/moved
libdir=$(dirname "$(find "$prefix" -name evtwin.pc)")
export PKG_CONFIG_PATH="$libdir"
export LD_LIBRARY_PATH="$(dirname "$libdir")"
examples=$(cd "$source/examples" && ls ./*.c | sed 's|^./||; s|\.c$||')
[ "$(echo "$examples" | wc -l)" -ge 8 ] || fail "the examples were not found"

# run_all WAY: every example of $work/WAY in its order, and what it prints; training and waiting once is enough
run_all() {
    cd "$work/$1"
    for name in $examples; do
        if [ "$1" != pkg-config ] && [ "$complete" = ON ]; then
            case $name in
            02_*) cp -r "$work/pkg-config/bundle" . && continue ;;
            04_* | 05_*) continue ;;
            esac
        fi
        [ -x "$name" ] || continue # not linked that way
        case $complete:$name in ON:* | *:01_simulate | OFF:06_own_sink) works=yes ;; *) works=no ;; esac
        if [ $works = no ]; then
            "./$name" > "$name.out" 2>&1 && fail "$1: $name works in a build that cannot do it"
            grep -qi 'build\|built' "$name.out" || { cat "$name.out"; fail "$1: $name does not say what is left out"; }
            echo "$1: $name: $(cat "$name.out")"
            continue
        fi
        "./$name" > "$name.out" || { cat "$name.out"; fail "$1: $name failed"; }
        "$here/golden.py" "$source/examples/expected/$name.txt" "$name.out" || { cat "$name.out"; fail "$1: $name"; }
        echo "$1: $name prints what is expected"
    done
}

# pkg-config: our folder and our library, and no one else's, also where no header of a dependency is installed
cflags=$(pkg-config --cflags evtwin | xargs)
[ "$(cd "${cflags#-I}" 2> /dev/null && pwd)" = "$prefix/include" ] || fail "--cflags: $cflags"
[ "$(pkg-config --libs-only-l evtwin | xargs)" = -levtwin ] || fail "--libs: $(pkg-config --libs evtwin)"
PKG_CONFIG_LIBDIR=$libdir PKG_CONFIG_PATH='' pkg-config --cflags --libs evtwin > /dev/null || fail "evtwin.pc needs those of others"
mkdir "$work/pkg-config"
for name in $examples; do
    file=$source/examples/$name.c
    [ "$(wc -l < "$file")" -le 60 ] || fail "$name has over 60 lines"
    # shellcheck disable=SC2046 # flags
    "$cc" -std=c11 -Wall -Wextra -Werror "$file" -o "$work/pkg-config/$name" $(pkg-config --cflags --libs evtwin)
done
run_all pkg-config

# the tour at the top of evtwin.h is a program
if [ "$complete" = ON ]; then
    {
        printf '#include <evtwin/evtwin.h>\n#include <stdio.h>\nint main(void) {\n'
        sed -n 's|^ \*     ||p' "$prefix/include/evtwin/evtwin.h"
        printf 'printf("%%zu batteries\\n", evtwin_table_rows(newest));\nreturn 0;\n}\n'
    } > tour.c
    # shellcheck disable=SC2046 # flags
    "$cc" -std=c11 -Wall -Wextra -Werror tour.c -o tour $(pkg-config --cflags --libs evtwin)
    ./tour > tour.out
    [ "$(cat tour.out)" = "50 batteries" ] || fail "the tour of evtwin.h: $(cat tour.out)"
    echo "the tour of evtwin.h runs"
fi

# CMake: a project of its own, as examples/CMakeLists.txt shows it
quietly cmake -S "$source/examples" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc"
quietly cmake --build "$work/cmake"
run_all cmake
mkdir "$work/other"
printf 'cmake_minimum_required(VERSION 3.22)\nproject(x NONE)\nfind_package(evtwin 0.2 REQUIRED COMPONENTS nonsense)\n' > "$work/other/CMakeLists.txt"
cmake -S "$work/other" -B "$work/other/build" -DCMAKE_PREFIX_PATH="$prefix" > "$work/log" 2>&1 && fail "CMake finds a component that is none"
grep -q 'no component nonsense' "$work/log" || { cat "$work/log"; fail "CMake does not say which component is none"; }

# the archive: the examples then need no libevtwin.so
if [ -f "$(dirname "$libdir")/libevtwin.a" ]; then
    quietly cmake -S "$source/examples" -B "$work/static" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" -DSTATIC=ON
    quietly cmake --build "$work/static" --target 01_simulate 06_own_sink 08_device
    nm -g --defined-only "$(dirname "$libdir")/libevtwin.a" | awk 'NF == 3 && $3 !~ /^evtwin_/ {print $3}' | grep . &&
        fail "names in the archive that could be others' too"
    mkdir "$work/archive"
    # shellcheck disable=SC2046 # flags
    "$cc" -std=c11 "$source/examples/01_simulate.c" -o "$work/archive/01_simulate" $(pkg-config --cflags evtwin) \
        "$(dirname "$libdir")/libevtwin.a" $(pkg-config --static --libs evtwin | sed 's/-levtwin//')
    for program in "$work/static/01_simulate" "$work/archive/01_simulate"; do
        readelf -d "$program" | grep -q 'NEEDED.*libevtwin' && fail "$program was linked with the shared library"
    done
    unset LD_LIBRARY_PATH
    run_all static
    "$work/archive/01_simulate" > "$work/out"
    "$here/golden.py" "$source/examples/expected/01_simulate.txt" "$work/out" || fail "--static"
    echo "pkg-config --static: 01_simulate prints what is expected"
    if [ "$complete" != ON ] && [ -e "$(pkg-config --variable=libdir jansson)/libjansson.a" ]; then # nothing shared at all
        # shellcheck disable=SC2046 # flags
        "$cc" -std=c11 -static "$source/examples/01_simulate.c" -o "$work/alone" $(pkg-config --static --cflags --libs evtwin)
        readelf -d "$work/alone" | grep NEEDED && fail "-static leaves shared libraries"
        "$work/alone" > "$work/out"
        "$here/golden.py" "$source/examples/expected/01_simulate.txt" "$work/out" || fail "-static"
        echo "-static: 01_simulate prints what is expected"
    fi
else # and those who ask for it are told how to get it
    if cmake -S "$source/examples" -B "$work/static" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" -DSTATIC=ON > "$work/log" 2>&1; then
        fail "CMake finds an archive that is not there"
    fi
    grep -q EVTWIN_STATIC=ON "$work/log" || { cat "$work/log"; fail "CMake does not say how to get the archive"; }
    echo "without the archive CMake says how to get it"
fi
