#!/bin/sh
# SPDX-License-Identifier: MIT
# The library was linked hard: check_hardening.sh LIBRARY
set -eu
library=$1
dynamic=$(readelf -dW "$library")
segments=$(readelf -lW "$library")
status=0
must() { echo "$2" | grep -q "$3" || { echo "$1 is missing"; status=1; }; }
must "SONAME" "$dynamic" 'SONAME.*libevtwin\.so\.[0-9]'
must "immediate binding" "$dynamic" 'BIND_NOW\|NOW'
must "RELRO" "$segments" 'GNU_RELRO'
echo "$segments" | grep -q 'GNU_STACK.*RWE' && { echo "the stack is executable"; status=1; }
echo "$segments" | grep -q 'LOAD.*RWE' && { echo "a segment is writable and executable"; status=1; }
echo "$dynamic" | grep -q TEXTREL && { echo "text relocations"; status=1; }
nm -D "$library" | grep -q __stack_chk_fail || { echo "no stack protector"; status=1; }
exit $status
