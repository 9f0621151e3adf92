#!/bin/sh
# SPDX-License-Identifier: MIT
# A project that has libevtwin among its sources, as docs/link.md shows it, keeps its own kind of build and its own targets, and
# compiles with our headers: subproject.sh SOURCE_DIR CC
set -eu
source=$1 cc=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; exit 1; }
quietly() { "$@" > "$work/log" 2>&1 || { cat "$work/log"; fail "$*"; }; }

lines=$(sed -n '/^set(EVTWIN_TESTS OFF)/,/^target_link/p' "$source/docs/link.md")
[ "$(echo "$lines" | wc -l)" = 4 ] || fail "docs/link.md has no lines for a part of a build: $lines"
mkdir -p "$work/third_party" "$work/src"
ln -s "$source" "$work/third_party/libevtwin"
cp "$source/examples/01_simulate.c" "$work/src/main.c"
cat > "$work/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.22)
project(garage LANGUAGES C)
add_executable(garage src/main.c)
add_custom_target(uninstall COMMAND echo ours)
set(EVTWIN_EDGE ON)
$lines
END
quietly cmake -S "$work" -B "$work/build" -G "Unix Makefiles" -DCMAKE_C_COMPILER="$cc" -DEVTWIN_XGBOOST=OFF -DEVTWIN_SQLITE=OFF -DEVTWIN_HTTP=OFF \
    -DEVTWIN_POSTGRESQL=OFF -DEVTWIN_KAFKA=OFF -DEVTWIN_MQTT=OFF -DEVTWIN_CURL=OFF
kind=$(sed -n 's/^CMAKE_BUILD_TYPE:[A-Z]*=//p' "$work/build/CMakeCache.txt")
[ -z "$kind" ] || fail "its kind of build is now $kind"
quietly cmake --build "$work/build" --target src/main.o
[ "$(cmake --build "$work/build" --target uninstall | grep -c ours)" -ge 1 ] || fail "its target uninstall is ours"
echo "a project with libevtwin among its sources is configured and compiles"
