#!/bin/sh
# SPDX-License-Identifier: MIT
# What is installed is removed again, to the last file and folder of ours, and nothing else:
# uninstall.sh SOURCE_DIR BUILD_DIR
set -eu
source=$1 build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; exit 1; }
export DESTDIR="$work/root [1]" # which a pattern of files would not match
prefix="/opt/this one"

mkdir -p "$DESTDIR$prefix/share/evtwin" "$DESTDIR$prefix/include"
echo mine > "$DESTDIR$prefix/share/evtwin/mine"
cmake --install "$build" --prefix "$prefix" > "$work/log" || { cat "$work/log"; exit 1; }
cp "$build/install_manifest.txt" "$work/manifest"
(cd "$DESTDIR$prefix" && find . -type f -o -type l) > "$work/installed"
for file in share/doc/evtwin/LICENSE include/evtwin/evtwin.h lib/systemd/system/evtwin-serve.service; do
    case $file in *.service) [ -e "$build/tools/evtwin-serve" ] || continue ;; esac
    grep -qx "./$file" "$work/installed" || fail "$file was not installed"
done
if [ -e "$build/tools/evtwin-serve" ]; then
    grep -q '^ExecStart=/opt/this\\x20one/bin/evtwin-serve' "$DESTDIR$prefix/lib/systemd/system/evtwin-serve.service" || fail "the unit starts another tool"
    env -u LD_LIBRARY_PATH "$DESTDIR$prefix/bin/evtwin-sim" --version > "$work/log" || fail "a tool does not find its library"
    readelf -d "$DESTDIR$prefix/bin/evtwin-sim" | grep -q "RUNPATH.*\[\$ORIGIN/" || fail "it looks for its library elsewhere"
fi
cmp "$source/LICENSE" "$DESTDIR$prefix/share/doc/evtwin/LICENSE" || fail "the licence"

cmake -DMANIFEST="$work/manifest" -P "$source/cmake/EvtwinUninstall.cmake" > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
left=$(cd "$DESTDIR$prefix" && find . -type f -o -type l)
[ "$left" = ./share/evtwin/mine ] || fail "left behind, or removed too: $left"
[ ! -e "$DESTDIR$prefix/include/evtwin" ] || fail "an empty folder of ours was left behind"
[ -d "$DESTDIR$prefix/include" ] || fail "a folder of others was removed"
cmake -DMANIFEST="$work/manifest" -P "$source/cmake/EvtwinUninstall.cmake" > "$work/log" 2>&1 && fail "twice"
grep -q 'nothing was installed' "$work/log" || fail "it does not say why: $(cat "$work/log")"
echo "$(wc -l < "$work/installed") files came and went; one of others stayed"
