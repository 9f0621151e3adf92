#!/bin/sh
# SPDX-License-Identifier: MIT
# A build without the client libraries of PostgreSQL, Kafka, MQTT, deliveries and TLS: it needs none of them, says which
# option is missing, and does everything else: check_without.sh SOURCE_DIR BUILD_DIR CC
set -eu
source=$1 build=$2 cc=$3
mkdir -p "$build/run"
cmake -S "$source" -B "$build" -DCMAKE_C_COMPILER="$cc" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG=-O1 \
    -DEVTWIN_POSTGRESQL=OFF -DEVTWIN_KAFKA=OFF -DEVTWIN_MQTT=OFF -DEVTWIN_CURL=OFF -DEVTWIN_TLS=OFF -DEVTWIN_TESTS=OFF -DEVTWIN_WERROR=ON \
    > "$build/log" 2>&1 || { cat "$build/log"; exit 1; }
cmake --build "$build" --target evtwin-ingest evtwin-serve evtwin-sim -j2 >> "$build/log" 2>&1 || { tail -n 40 "$build/log"; exit 1; }
cd "$build/run"
rm -rf -- *
fail() { echo "FAILED: $*"; exit 1; }
for uri in postgresql://h/d=POSTGRESQL postgres://h/d=POSTGRESQL kafka://h/t=KAFKA mqtt://h/t=MQTT mqtts://h/t=MQTT; do
    for end in --sink --source; do
        other=--source\ jsonl:-
        [ $end = --sink ] || other='--sink null:'
        code=0
        # shellcheck disable=SC2086 # an option and its value
        ../tools/evtwin-ingest $end "${uri%=*}" $other >out 2>&1 </dev/null || code=$?
        [ $code -eq 2 ] || fail "$end ${uri%=*}: exit code $code: $(cat out)"
        grep -qF -e "-DEVTWIN_${uri#*=}=ON" out || fail "$end ${uri%=*} does not name the option: $(cat out)"
    done
done
(umask 077; echo http://localhost:1/ >hook)
code=0
../tools/evtwin-serve --store sqlite:a.db --alert-webhook-file hook >out 2>&1 || code=$?
[ $code -eq 2 ] && grep -qF -e -DEVTWIN_CURL=ON out || fail "alerts: exit code $code: $(cat out)"
code=0
../tools/evtwin-serve --store sqlite:a.db --tls-cert a.crt --tls-key a.key >out 2>&1 || code=$?
[ $code -eq 2 ] && grep -qF -e -DEVTWIN_TLS=ON out || fail "TLS: exit code $code: $(cat out)"
! ldd "$build/libevtwin.so" | grep -E 'libpq|librdkafka|libmosquitto|libcurl' || fail "it is linked with them"
../tools/evtwin-sim --speed max --interval 60 --duration 600 --sink sqlite:a.db --spool spool -q || fail "simulate"
../tools/evtwin-ingest --source sqlite:a.db --sink jsonl:a.jsonl --once -q
[ "$(wc -l <a.jsonl)" -eq 10 ] || fail "records come out as they went in"
