#!/bin/sh
# SPDX-License-Identifier: MIT
# Each public header alone is good C11, C++17 and SWIG input: check_headers.sh SOURCE_DIR CC
set -eu
source=$1 cc=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for header in "$source"/include/evtwin/*.h; do
    name=evtwin/$(basename "$header")
    printf '#include "%s"\n#include "%s"\nint use_%s;\n' "$name" "$name" "$(basename "$header" .h)" > "$work/one.c"
    "$cc" -std=c11 -pedantic -Wall -Wextra -Werror -I"$source/include" -fsyntax-only "$work/one.c"
    if command -v g++ > /dev/null; then
        cp "$work/one.c" "$work/one.cc"
        g++ -std=c++17 -pedantic -Wall -Wextra -Werror -I"$source/include" -fsyntax-only "$work/one.cc"
    else
        echo "skipped: no C++ compiler for $name"
    fi
done

# SWIG reads the headers as they are, without a word (451 is about how a binding sets a text member of an
# options struct, which no header can change); the wrapper compiles where Python's headers are
if ! command -v swig > /dev/null; then
    echo "skipped: swig is not installed"
    exit 0
fi
{
    echo '%module evtwin'
    echo '%{'
    echo '#include "evtwin/evtwin.h"'
    echo '%}'
    echo '%include <stdint.i>'
    for header in base table telemetry cell sim features model predictor train store stream serve; do
        [ -f "$source/include/evtwin/$header.h" ]
        echo "%include \"evtwin/$header.h\""
    done
} > "$work/evtwin.i"
swig -python -Wextra -Werror -w451 -I"$source/include" -outdir "$work" -o "$work/wrap.c" "$work/evtwin.i"
if /usr/bin/python3-config --includes > /dev/null 2>&1; then
    "$cc" -std=gnu11 -w -Werror=implicit -Werror=incompatible-pointer-types -I"$source/include" \
        $(/usr/bin/python3-config --includes) -fsyntax-only "$work/wrap.c"
    echo "the SWIG wrapper compiles"
else
    echo "skipped: no Python headers to compile the SWIG wrapper with"
fi
