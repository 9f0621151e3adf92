#!/bin/sh
# SPDX-License-Identifier: MIT
# The builds that `make test-all` tests beside that of `make test`; their logs are shown when they fail.
set -eu
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(nproc)}

# make build/NAME, configured by the rest of the line
make_build() {
    name=$1
    shift
    echo "-- build/$name"
    { "$@" -B "build/$name" && cmake --build "build/$name" -j"$jobs"; } > "build/$name.log" 2>&1 || {
        cat "build/$name.log"
        exit 1
    }
}

make_build asan cmake --preset asan
make_build tsan cmake --preset tsan
make_build edge cmake --preset edge
export CC="${CLANG:-clang}"
make_build clang cmake --preset dev
make_build fuzz cmake --preset asan -DEVTWIN_FUZZ=ON -DEVTWIN_TOOLS=OFF
