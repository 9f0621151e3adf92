#!/bin/sh
# SPDX-License-Identifier: MIT
# Install what is missing to build (with "test" to test, with "long" for the long tests too, with "site" for the
# documentation site), by name, saying why:
#   install-deps.sh build [test [long]] [site]
# Asks before it uses sudo unless YES=1 is set or it runs as root. Where there is no apt it lists
# what to install.
set -eu

# package | what it is for | how to see that it is there (a command, file:PATH that may have wildcards,
# pkg:NAME for pkg-config, python:MODULE)
build_list='
gcc|C compiler|gcc
libc6-dev|C headers|file:/usr/include/stdio.h
make|runs the steps|make
cmake|builds the library|cmake
pkg-config|finds libraries|pkg-config
libjansson-dev|reads and writes JSON|pkg:jansson
libxgboost-dev|trains the models|pkg:xgboost
libsqlite3-dev|keeps the telemetry|pkg:sqlite3
libmicrohttpd-dev|serves REST and the page|pkg:libmicrohttpd
libgnutls28-dev|encrypts what the server sends|pkg:gnutls
zlib1g-dev|compresses answers of the server|pkg:zlib
libpq-dev|talks to PostgreSQL|pkg:libpq
librdkafka-dev|talks to Kafka|pkg:rdkafka
libmosquitto-dev|talks to MQTT brokers|pkg:libmosquitto
libcurl4-openssl-dev|delivers alerts by web hook and mail|pkg:libcurl
help2man|makes the manual pages of the tools|help2man
npm|gets uPlot and three, with which the pages draw (without it they have no charts)|npm
python3|shows and checks the live fleet of the demo, runs tests|python3
'
test_list='
libcmocka-dev|unit tests|pkg:cmocka
g++|checks the headers as C++|g++
swig|makes the core of the Python package from the headers|swig
curl|asks the server in tests|curl
jq|takes answers apart in the lines of the REST page, which are run|jq
zsh|tries its completion of the tools|zsh
fish|tries its completion of the tools|fish
python3-dev|compiles what SWIG makes of the headers|file:/usr/bin/python3-config
python3-numpy|has the arrays that the Python package takes and gives|python:numpy
sqlite3|looks into databases in tests|sqlite3
postgresql|is the PostgreSQL that tests start, each its own (Debian also starts one as a service)|file:/usr/lib/postgresql/*/bin/postgres
mosquitto|is the MQTT broker that tests start (Debian also starts one as a service)|file:/usr/sbin/mosquitto
openssl|makes the certificates of test servers|openssl
xz-utils|unpacks the ABI of the last release|xz
abigail-tools|compares types with those of the last release|abidiff
python3-psycopg2|writes to PostgreSQL as the users of the Python demo do|python:psycopg2
python3-jsonschema|compares what the server answers with its description|python:jsonschema
python3-yaml|reads deploy/ in tests|python:yaml
systemd|checks the units of its services|systemd-analyze
python3-paho-mqtt|publishes as they do|python:paho.mqtt.client
'
site_list='
swig|makes the core of the Python package, whose docstrings the site shows|swig
python3-dev|compiles what SWIG makes of the headers|file:/usr/bin/python3-config
python3-numpy|has the arrays that the Python package takes and gives|python:numpy
doxygen|reads the headers|doxygen
python3-sphinx|makes pages of the documents|python:sphinx
python3-breathe|brings both together|python:breathe
python3-myst-parser|lets Sphinx read Markdown|python:myst_parser
furo|is how the site looks|python:furo
katex|turns formulas into MathML|file:/usr/share/nodejs/katex/package.json
nodejs|runs it|node
python3-yaml|reads the description of the REST API|python:yaml
'
long_list='
clang|second compiler|clang
mypy|checks the types of the Python examples|mypy
python3-venv|has the MLflow that tests fetch|file:/usr/lib/python3*/ensurepip/__init__.py
golang-go|builds the S3 that tests fetch|go
libclang-rt-dev|sanitizers and fuzzers of clang|fuzzer
gcc-arm-linux-gnueabihf|builds for 32-bit ARM|arm-linux-gnueabihf-gcc
libc6-dev-armhf-cross|its C library|file:/usr/arm-linux-gnueabihf/include/stdio.h
gcc-arm-none-eabi|builds for a Cortex-M4|arm-none-eabi-gcc
libnewlib-arm-none-eabi|its C library|file:/usr/include/newlib/stdio.h
qemu-user|runs what was built for ARM|qemu-arm
qemu-system-arm|is a board with a Cortex-M4|qemu-system-arm
dpkg-dev|builds the Debian packages|dpkg-buildpackage
debhelper|builds them|dh
dh-python|builds that of Python|dh_python3
fakeroot|builds them|fakeroot
lintian|reads them|lintian
debootstrap|makes the bare tree where they are tried|debootstrap
prometheus|scrapes the metrics in a test; promtool checks them (Debian also starts it as a service)|prometheus
python3-prometheus-client|reads OpenMetrics in a test, more strictly than it|python:prometheus_client
python3-xgboost|has the tracker by which processes train together|python:xgboost
faketime|gives a tool a wrong clock in the cases|faketime
default-jre-headless|runs the Kafka that tests start|java
maven|fetches that Kafka|mvn
slowhttptest|holds connections of the server in a test|slowhttptest
kcat|reads topics of Kafka as other programs see them|kcat
wrk|asks the server as fast as it can in the benchmark|wrk
python3-kafka|reads and writes Kafka as the users of the Python demo do|python:kafka
'
if grep -qs '^ID=debian' /etc/os-release; then # Ubuntu has it as a snap only
    long_list="${long_list}chromium|shows the pages to their tests|chromium
"
fi

want=
for kind in "$@"; do
    case $kind in
    build) want=$want$build_list ;;
    test) want=$want$test_list ;;
    long) want=$want$long_list$site_list ;;
    site) want=$want$site_list ;;
    *) echo "install-deps.sh: '$kind' is not build, test, long or site" >&2; exit 2 ;;
    esac
done

is_there() {
    case $1 in
    python:*) /usr/bin/python3 -c "import ${1#python:}" 2> /dev/null ;;
    pkg:*) command -v pkg-config > /dev/null && pkg-config --exists "${1#pkg:}" ;;
    file:*) [ -n "$(ls -d ${1#file:} 2> /dev/null)" ] ;;
    fuzzer) echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' |
        clang -fsanitize=fuzzer,address -x c - -o /dev/null 2> /dev/null ;;
    *) command -v "$1" > /dev/null ;;
    esac
}

missing=
reasons=
save=$IFS
IFS='
'
for line in $want; do
    package=${line%%|*}
    rest=${line#*|}
    if ! is_there "${rest#*|}"; then
        missing="$missing $package"
        reasons="$reasons
  $package: ${rest%%|*}"
    fi
done
IFS=$save
[ -n "$missing" ] || exit 0

echo "libevtwin needs these packages, which are missing:$reasons" >&2
if ! command -v apt-get > /dev/null; then
    echo "This is not a Debian or Ubuntu system: install the same libraries (with their headers) by your
own package manager and run the command again. On Windows use WSL2 with Debian or Ubuntu." >&2
    exit 1
fi

sudo=
if [ "$(id -u)" != 0 ]; then
    command -v sudo > /dev/null || { echo "Run as root: apt-get install$missing" >&2; exit 1; }
    sudo=sudo
    if [ "${YES:-}" != 1 ]; then
        printf 'Install them now with sudo apt-get install? [y/N] ' >&2
        read -r answer || answer=n
        case $answer in
        y | Y | yes) ;;
        *) echo "Nothing installed. By hand: sudo apt-get install$missing" >&2; exit 1 ;;
        esac
    fi
fi
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -q >&2
# shellcheck disable=SC2086 # a list of names
if ! $sudo apt-get install -q -y --no-install-recommends $missing >&2; then
    echo "apt-get could not install them. On Ubuntu the 'universe' component must be enabled:
sudo add-apt-repository universe" >&2
    exit 1
fi
