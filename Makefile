# SPDX-License-Identifier: MIT
# The commands a newcomer types; the build itself is CMake's (CMakePresets.json).
#   make demo       install what is missing, build, make a data set, train, and show a live fleet
#   make test       install what is missing, build, run the tests (at most 10 minutes)
#   make test-all   the long ones too: sanitizers, clang, edge build, fuzzing, kill tests
#   make install    build and install below PREFIX (default /usr/local)
# YES=1 installs packages without asking.
PREFIX ?= /usr/local
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
CTEST = ctest --output-on-failure --no-tests=error

.PHONY: help demo test test-all build deps test-deps bench format install clean

help:
	@sed -n 's/^#   //p' Makefile

deps:
	@scripts/install-deps.sh build

test-deps:
	@scripts/install-deps.sh build test

build: deps
	@cmake --preset release > build.log 2>&1 || { cat build.log; exit 1; }
	@rm -f build.log
	cmake --build build/release -j$(JOBS)

demo: build
	scripts/demo.sh build/release

build/dev/CMakeCache.txt: CMakePresets.json CMakeLists.txt
	cmake --preset dev

test: test-deps
	cmake --preset dev
	cmake --build build/dev -j$(JOBS)
	cd build/dev && $(CTEST) -LE long -j$(JOBS)

test-all: test-deps
	scripts/test-all.sh

bench: deps
	cmake --preset dev
	cmake --build build/dev -j$(JOBS)
	for bench in build/dev/tests/bench/bench_*; do [ -x $$bench ] && [ -f $$bench ] && $$bench || true; done

format:
	clang-format-14 -i $$(git ls-files '*.c' '*.h')

install: deps
	cmake --preset release -DCMAKE_INSTALL_PREFIX=$(PREFIX)
	cmake --build build/release -j$(JOBS)
	cmake --install build/release

clean:
	rm -rf build demo
