#!/bin/sh
# SPDX-License-Identifier: MIT
# The circle check does fail on a circle, names its files and symbols, and nothing else:
# check_circles_catches.sh SOURCE_DIR PYTHON NM CC
set -eu
check="$2 $1/tests/abi/check_circles.py $3" cc=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p made.dir/lib

compile() { # NAME: from standard input
    cat > "$1.c"
    "$cc" -c "$1.c" -o "made.dir/lib/$1.c.o"
}
compile base << 'END'
int base(void); int base(void) { return 1; }
END
compile left << 'END'
int base(void); int left(void); int left(void) { return base(); }
END
compile right << 'END'
int left(void); int right(void); int right(void) { return left(); }
END
$check made.dir/lib/*.o > /dev/null

# left -> middle -> right -> left; base and top stay outside
compile left << 'END'
int base(void); int middle(void); int left(void); int left(void) { return base() + middle(); }
END
compile middle << 'END'
extern int right_data; int middle(void); int middle(void) { return right_data; }
END
compile right << 'END'
int left(void); int right_data = 1; int right(void); int right(void) { return left(); }
END
compile top << 'END'
int right(void); int top(void); int top(void) { return right(); }
END
if $check made.dir/lib/*.o > out; then
    echo "a circle was not caught"
    exit 1
fi
cat > expected << 'END'
circle: lib/left.c lib/middle.c lib/right.c
  lib/left.c uses lib/middle.c: middle
  lib/middle.c uses lib/right.c: right_data
  lib/right.c uses lib/left.c: left
END
diff -u expected out
echo "the circle check catches what it should"
