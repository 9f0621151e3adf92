#!/bin/sh
# SPDX-License-Identifier: MIT
# The long tests: everything `make test` leaves out, then the same tests in other builds.
set -eu
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(nproc)}
ctest="ctest --output-on-failure --no-tests=error"
trap 'scripts/show-skips.sh build/*' EXIT # however it ends
sources='abi\.(layers|circles|docs|extension)' # what these check is the same in every build
step() { printf '\n== %s (%s)\n' "$1" "$(date +%T)"; }

step "long tests of the dev build"
cmake --preset dev > /dev/null
cmake --build build/dev -j"$jobs"
(cd build/dev && $ctest -L long -j"$jobs") # those that need the machine alone have it (RUN_SERIAL)

step "address and undefined-behaviour sanitizers"
cmake --preset asan > /dev/null
cmake --build build/asan -j"$jobs"
(cd build/asan && ASAN_OPTIONS=detect_leaks=1 $ctest -LE long -E "$sources" -j"$jobs")

step "thread sanitizer: what runs threads"
cmake --preset tsan > /dev/null
cmake --build build/tsan -j"$jobs"
# (librdkafka's threads crash it, and libmosquitto unlocks twice by itself)
(cd build/tsan && $ctest -LE long -j"$jobs" -E 'stream\.(kafka|mqtt)' -R 'core\.(parallel|table)|sim\.|serve\.|store\.|stream\.|follow\.|learn\.(forest|predictor|rounds|session_swap)$')

step "edge build: jansson alone"
cmake --preset edge > /dev/null
cmake --build build/edge -j"$jobs"
(cd build/edge && $ctest -LE long -E "$sources" -j"$jobs")

step "clang"
CC=${CLANG:-clang} cmake --preset dev -B build/clang > /dev/null
cmake --build build/clang -j"$jobs"
(cd build/clang && $ctest -LE long -j"$jobs" -E "$sources" -R 'core\.|sim\.|learn\.|abi\.')

step "fuzz targets, ${FUZZ_SECONDS:-20} s each"
CC=${CLANG:-clang} cmake --preset asan -B build/fuzz -DEVTWIN_FUZZ=ON -DEVTWIN_TOOLS=OFF > /dev/null
cmake --build build/fuzz -j"$jobs"
find build/fuzz/tests/fuzz -maxdepth 1 -name 'fuzz_*' -type f -perm -u+x -print0 |
    xargs -0 -r -n 1 -P "$jobs" sh -c '
        name=$(basename "$1") corpus=$(mktemp -d)
        "$1" -max_total_time="$0" -rss_limit_mb=2048 -timeout=10 -close_fd_mask=3 "$corpus" \
            "tests/fuzz/corpus/${name#fuzz_}" > "$1.log" 2>&1 && echo "-- $name" && rm -rf "$corpus" ||
            { cat "$1.log"; echo "$name found a fault"; exit 255; }' "${FUZZ_SECONDS:-20}"
step "done"
