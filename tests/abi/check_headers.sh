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

# SWIG reads the headers as they are, without a word; the wrapper compiles where Python's headers are
if ! command -v swig > /dev/null; then
    echo "skipped: swig is not installed"
    exit 0
fi
interface=$source/bindings/python/evtwin.i
for header in "$source"/include/evtwin/*.h; do
    name=evtwin/$(basename "$header")
    [ "$name" = evtwin/evtwin.h ] || grep -q "%include \"$name\"" "$interface" ||
        { echo "$interface does not include $name"; exit 1; }
done
bindings=$source/bindings/python
swig -python -threads -Wextra -Werror -I"$source/include" -I"$bindings" -outdir "$work" -o "$work/wrap.c" "$interface"
config=/usr/bin/python3-config
if ! "$config" --includes > /dev/null 2>&1; then
    echo "skipped: no Python headers to compile the SWIG wrapper with"
    exit 0
fi

# shellcheck disable=SC2046 # several flags
"$cc" -std=gnu11 -w -Werror=implicit -Werror=incompatible-pointer-types -fsyntax-only \
    -I"$source/include" -I"$bindings" $("$config" --includes) "$work/wrap.c"
echo "the wrapper compiles; tests/python imports it"
