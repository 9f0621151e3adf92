#!/bin/sh
# SPDX-License-Identifier: MIT
# A project that has libevtwin among its sources, as docs/link.md shows it, keeps its own kind of build and its own targets, and
# compiles with our headers, also one in C++ alone. Its choices of folders count: what pkg-config then says is where things are.
# subproject.sh SOURCE_DIR CC
set -eu
command -v c++ > /dev/null || { echo "skipped: no C++ compiler"; exit 77; }
source=$1 cc=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; exit 1; }
quietly() { "$@" > "$work/log" 2>&1 || { cat "$work/log"; fail "$*"; }; }

lines=$(sed -n '/^set(EVTWIN_TESTS OFF)/,/^target_link/p' "$source/docs/link.md")
[ "$(echo "$lines" | wc -l)" = 4 ] || fail "docs/link.md has no lines for a part of a build: $lines"
mkdir -p "$work/third_party" "$work/src"
ln -s "$source" "$work/third_party/libevtwin"
cp "$source/examples/01_simulate.c" "$work/src/main.cpp"
cat > "$work/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.22)
project(garage LANGUAGES CXX)
add_executable(garage src/main.cpp)
set_property(TARGET garage PROPERTY UNITY_BUILD OFF)
add_custom_target(uninstall COMMAND echo ours)
set(EVTWIN_EDGE ON)
$lines
END
quietly cmake -S "$work" -B "$work/build" -G "Unix Makefiles" -DCMAKE_C_COMPILER="$cc" -DEVTWIN_XGBOOST=OFF -DEVTWIN_SQLITE=OFF -DEVTWIN_HTTP=OFF \
    -DEVTWIN_POSTGRESQL=OFF -DEVTWIN_KAFKA=OFF -DEVTWIN_MQTT=OFF -DEVTWIN_CURL=OFF -DCMAKE_UNITY_BUILD=ON -DCMAKE_C_FLAGS=-D_FORTIFY_SOURCE=3 \
    -DCMAKE_CXX_FLAGS='-std=c++17 -Wall -Wextra -Wpedantic -Werror' "-DCMAKE_INSTALL_PREFIX=/opt/our garage"
kind=$(sed -n 's/^CMAKE_BUILD_TYPE:[A-Z]*=//p' "$work/build/CMakeCache.txt")
[ -z "$kind" ] || fail "its kind of build is now $kind"
quietly cmake --build "$work/build" --target src/main.o
objects=$work/build/third_party/libevtwin/CMakeFiles/evtwin_objects.dir
grep -q unity "$objects/build.make" && fail "our sources are put together, and their static names clash"
[ "$(cmake --build "$work/build" --target uninstall | grep -c ours)" -ge 1 ] || fail "its target uninstall is ours"

# folders: one of another machine, which may be moved, and an absolute one
at() { # FLAGS LIBDIR: what pkg-config says where the library is in LIBDIR
    quietly cmake "$work/build" "-DCMAKE_INSTALL_LIBDIR=$2" -DCMAKE_BUILD_TYPE=Release
    mkdir -p "$work/there/$2/pkgconfig" && cp "$work/build/third_party/libevtwin/evtwin.pc" "$work/there/$2/pkgconfig"
    said=$(PKG_CONFIG_LIBDIR=$work/there/$2/pkgconfig pkg-config --cflags --libs evtwin | sed 's| *$||')
    [ "$said" = "$1" ] || fail "CMAKE_INSTALL_LIBDIR=$2: $said"
}
at "-I$work/there/lib/x/pkgconfig/../../../include -L$work/there/lib/x/pkgconfig/../../../lib/x -levtwin" lib/x
at '-I/opt/our\ garage/include -L/opt/lib64 -levtwin' /opt/lib64
grep -q '_FORTIFY_SOURCE=3' "$objects/flags.make" || fail "its flags are not ours"
grep -q '_FORTIFY_SOURCE=2' "$objects/flags.make" && fail "its _FORTIFY_SOURCE is lowered"
echo "a project with libevtwin among its sources is configured and compiles"
