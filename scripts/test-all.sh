#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The long tests: everything `make test` leaves out, then the same tests in other builds. Those are built
# while the long tests run, which mostly wait; niced, so that they take what the tests leave.
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(nproc)}
tests=${TEST_JOBS:-$((jobs + 1))} # they wait more than they compute
ctest="ctest --output-on-failure --no-tests=error"
sources='abi\.(layers|circles|docs|extension)' # what these check is the same in every build
step() { printf '\n== %s (%s)\n' "$1" "$(date +%T)"; }

step "long tests of the dev build"
cmake --preset dev > /dev/null
cmake --build build/dev -j"$jobs"
set -m # a process group of its own; in a session of its own niceness would mean nothing (sched_autogroup)
nice -n 19 scripts/build-others.sh > build/others.log 2>&1 &
others=$!
set +m
trap 'kill -- -$others 2> /dev/null || true; scripts/show-skips.sh build/*' EXIT # however it ends
(cd build/dev && $ctest -L long -j"$tests") # those that need the machine alone share it with those builds only

step "the other builds"
wait $others || { cat build/others.log; exit 1; }

step "address and undefined-behaviour sanitizers"
(cd build/asan && ASAN_OPTIONS=detect_leaks=1 $ctest -LE long -E "$sources" -j"$tests")

step "thread sanitizer: what runs threads"
# (librdkafka's threads crash it, and libmosquitto unlocks twice by itself)
(cd build/tsan && $ctest -LE long -j"$tests" -E 'stream\.(kafka|mqtt)' -R 'core\.(parallel|table)|sim\.|serve\.|store\.|stream\.|follow\.|learn\.(forest|predictor|rounds|session_swap)$')

step "edge build: jansson alone"
(cd build/edge && $ctest -LE long -E "$sources" -j"$tests")

step "clang"
(cd build/clang && $ctest -LE long -j"$tests" -E "$sources" -R 'core\.|sim\.|learn\.|abi\.')

step "fuzz targets, ${FUZZ_SECONDS:-20} s each"
find build/fuzz/tests/fuzz -maxdepth 1 -name 'fuzz_*' -type f -perm -u+x -print0 |
    xargs -0 -r -n 1 -P "$jobs" sh -c '
        name=$(basename "$1") corpus=$(mktemp -d)
        "$1" -max_total_time="$0" -rss_limit_mb=2048 -timeout=10 -close_fd_mask=3 "$corpus" \
            "tests/fuzz/corpus/${name#fuzz_}" > "$1.log" 2>&1 && echo "-- $name" && rm -rf "$corpus" ||
            { cat "$1.log"; echo "$name found a fault"; exit 255; }' "${FUZZ_SECONDS:-20}"
step "done"
