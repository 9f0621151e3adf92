#!/bin/sh
# SPDX-License-Identifier: MIT
# An include never points up or across; a client library is included where it belongs; banned calls
# stay out: check_layers.sh SOURCE_DIR
set -eu
cd "$1"

# layer: whose private and public headers it may include
may_use() {
    case $1 in
    core) echo core ;;
    io) echo core io ;;
    sim) echo core sim ;;
    learn) echo core learn ;;
    store) echo core io store ;;
    track) echo core io track ;;
    follow) echo core io learn track follow ;;
    stream) echo core io sim learn store stream ;;
    serve) echo core io learn store track follow stream serve ;;
    tools) echo tools core sim learn store track follow stream serve ;;
    esac
}

layer_of_public() {
    case $1 in
    base | table | arrow | telemetry | thresholds | target) echo core ;;
    cell | sim) echo sim ;;
    audit | explain | features | fit | peers | train | model | predictor | session) echo learn ;;
    alert) echo serve ;;
    follower) echo follow ;;
    store | stream | serve | track) echo "$1" ;;
    screen | spool) echo stream ;;
    evtwin) echo tools ;;
    *) echo "unknown-header-$1" ;;
    esac
}

# the only files that may see a client library's header
may_include() {
    case $2 in
    sqlite3.h) case $1 in lib/io/sqlite*.c | lib/store/store_sqlite*.[ch] | lib/io/sqlite*.h) return 0 ;; esac ;;
    xgboost/c_api.h) case $1 in lib/learn/booster.c | lib/learn/booster_peers.c) return 0 ;; esac ;;
    libpq-fe.h) case $1 in lib/io/postgres*.c) return 0 ;; esac ;;
    librdkafka/rdkafka*.h) case $1 in lib/io/kafka*.c) return 0 ;; esac ;;
    mosquitto.h | mqtt_protocol.h) case $1 in lib/io/mqtt*.c) return 0 ;; esac ;;
    curl/*.h) case $1 in lib/io/curl*.c | lib/io/curl_inside.h) return 0 ;; esac ;;
    microhttpd.h) case $1 in lib/serve/http*.c) return 0 ;; esac ;;
    gnutls/*.h) [ "$1" = lib/serve/http_tls.c ] && return 0 ;;
    zlib.h) [ "$1" = lib/serve/http_gzip.c ] && return 0 ;;
    *) return 0 ;;
    esac
    return 1
}

bad=$(mktemp)
trap 'rm -f "$bad"' EXIT
files=$(find lib tools -name '*.[ch]' | sort)
n=$(echo "$files" | wc -l)

layer_of() {
    case $1 in
    tools/*) layer=tools ;;
    *) layer=${1#lib/} layer=${layer%%/*} ;;
    esac
}

# Lines "FILE:INCLUDE" of includes like the pattern.
includes() {
    # shellcheck disable=SC2086 # names of ours
    grep -oHE "^ *# *include $1" $files | sed 's/: *# *include [<"]/:/; s/[>"]$//'
}

includes '"[^"]*"' | while IFS=: read -r file include; do
    layer_of "$file"
    case $include in
    evtwin/*) name=${include#evtwin/} from=$(layer_of_public "${name%.h}") ;;
    store/lazy.h | store/alerts.h) from=store ;; # what a store gives to sources and sinks, and to alerts
    */*) from=${include%%/*}
        # another layer's private header is open only to layers below ours that say so: core and io
        [ "$from" = "$layer" ] || [ "$from" = core ] || [ "$from" = io ] || from="private-$from" ;;
    *) from=$layer ;;
    esac
    [ "$layer" = tools ] && case $include in evtwin/* | cli/*.h) from=tools ;; esac
    case " $(may_use "$layer") " in
    *" $from "*) ;;
    *) echo "$file includes $include ($from), which is above or beside $layer" >> "$bad" ;;
    esac
done

clients='(sqlite3|xgboost/c_api|microhttpd|zlib|libpq-fe|librdkafka/rdkafka[a-z_]*|mosquitto|mqtt_protocol|curl/[a-z]*|gnutls/[a-z0-9]*)'
includes "[<\"]$clients[.]h[>\"]" | while IFS=: read -r file include; do
    may_include "$file" "$include" || echo "$file includes $include, which another file owns" >> "$bad"
done

# Lines "FILE:LINE:TEXT" that match the pattern and are neither comments nor allowed.
lines_with() {
    # shellcheck disable=SC2086
    grep -HnE "$1" $files | grep -vE '^[^:]+:[0-9]+: *(\*|//|/\*)' | grep -v 'layer-check: allowed'
}

# calls that lose bounds, errors or the locale's independence; the tools may exit
lines_with '\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atof|strtod|alloca|rand|srand|system|popen|tmpnam|setlocale|abort)\(' >> "$bad" || true
lines_with '\bexit\(' | grep -v '^tools/' >> "$bad" || true

# the allocator of core/mem.c is the only one in the library
lines_with '(^|[^_a-z>.])(malloc|calloc|realloc|free|strdup|strndup)\(' | grep -vE '^(tools/|lib/core/mem\.c:)' >> "$bad" || true

# stdout and stderr belong to the tools
lines_with '[^sn_a-z](printf|puts|perror)\(|fprintf\((stderr|stdout)' | grep -v '^tools/' >> "$bad" || true

# file names are unique, so that a name says where a thing is
find lib tools -name '*.[ch]' -exec basename {} \; | sort | uniq -d | sed 's/^/duplicate file name: /' >> "$bad"

[ "$n" -gt 20 ] || echo "only $n files found: wrong folder?" >> "$bad"
if [ -s "$bad" ]; then
    cat "$bad"
    exit 1
fi
echo "$n files: no include points up or across"
