# SPDX-License-Identifier: MIT
# The commands a newcomer types; the build itself is CMake's (CMakePresets.json).
#   make demo       install what is missing, build, make a data set, train, and show a live fleet
#   make test       install what is missing, build, run the tests (at most 10 minutes)
#   make test-all   the long ones too: sanitizers, clang, edge build, fuzzing, kill tests
#   make coverage   line and branch coverage of lib/ by those of `make test`
#   make mutants    N=29 SEED=1: how many random faults in lib/ the unit tests notice
#   make minio      artifacts on a real MinIO, which takes 11 minutes to build the first time
#   make results    measure what docs/results.md says and write it anew (25 minutes on two cores)
#   make site       the documentation as a site in build/site: guide, tasks, concepts, reference
#   make pictures   take the pictures in docs/ anew: of the pages, and those that examples draw
#   make install    build and install below PREFIX (default /usr/local)
#   make dist       the source archive, with what a build without network needs, in build/dist
#   make uninstall  remove what the last `make install` laid down
# YES=1 installs packages without asking.
PREFIX ?= /usr/local
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
# tests wait more than they compute
TEST_JOBS ?= $(shell echo $$(($(JOBS) + 1)))
CTEST = ctest --output-on-failure --no-tests=error

.PHONY: help demo test test-all build deps test-deps bench results coverage minio mutants site pictures format install uninstall dist clean

help:
	@sed -n 's/^#   //p' Makefile

deps:
	@scripts/install-deps.sh build

test-deps:
	@scripts/install-deps.sh build test

# configure PRESET quietly (its log is shown if it fails), then build with one line a file
define build_preset
	@mkdir -p build
	@cmake --preset $(1) $(2) > build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
	@$(MAKE) --no-print-directory -C build/$(1) -j$(JOBS)
endef

build: deps
	$(call build_preset,release)

demo: build
	@scripts/demo.sh build/release

test: test-deps
	$(call build_preset,dev)
	@(cd build/dev && $(CTEST) -LE long -j$(TEST_JOBS)); code=$$?; scripts/show-skips.sh build/dev; exit $$code

test-all:
	@scripts/install-deps.sh build test long
	@scripts/test-all.sh

bench: test-deps
	$(call build_preset,dev)
	@for bench in build/dev/tests/bench/bench_*; do [ -x $$bench ] && [ -f $$bench ] && $$bench || true; done

SHARED_DATA ?= ../shared/data
SECTIONS ?=
results: test-deps
	$(call build_preset,dev)
	@nice python3 -B scripts/results build/dev $(SHARED_DATA) $(SECTIONS)

coverage: test-deps
	@python3 tests/long/coverage.py

minio: test-deps
	@scripts/install-deps.sh long
	$(call build_preset,dev)
	@/usr/bin/python3 -B tests/long/minio.py build/dev/tools

N ?= 29
SEED ?= 1
mutants: test-deps
	@python3 tests/long/mutants.py $(N) $(SEED)

site:
	@scripts/install-deps.sh build site
	@mkdir -p build
	@cmake --preset release -B build/package -DEVTWIN_PYTHON=ON > build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
	@$(MAKE) --no-print-directory -C build/package -j$(JOBS) evtwin_python
	@docs/site/build build/package/python build/site

pictures: build test-deps
	@node tests/browser/run.mjs build/release/tools build/pictures pictures
	$(call build_preset,dev)
	@python3 -B scripts/pictures build/dev

format:
	clang-format-14 -i $$(git ls-files '*.c' '*.h')

install: deps
	$(call build_preset,release,-DCMAKE_INSTALL_PREFIX=$(PREFIX))
	@cmake --install build/release

dist: deps
	@scripts/dist build/dist

uninstall:
	@cmake -DMANIFEST='$(CURDIR)/build/release/install_manifest.txt' -P cmake/EvtwinUninstall.cmake

clean:
	rm -rf build demo
