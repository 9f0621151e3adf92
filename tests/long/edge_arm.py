#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The edge build on small machines: edge_arm.py TOOLS SOURCE_DIR BUILD_DIR LIBRARY CC

Builds the `edge` preset for 32-bit ARM under Linux and the simulator, features, forest and JSON for a
Cortex-M4 without a system, runs both under qemu, and compares the hash of every result with the host's.
Unit tests of numbers, times and tables run on ARM too. jansson for the target comes from the
distribution, into the work folder only.
"""
import glob
import os
import shutil
import subprocess
import tarfile

import longtest as t

SOURCE, BUILD, LIBRARY, CC = t.PROGRAMS
EDGE = SOURCE + "/tests/long/edge"
MODEL = SOURCE + "/tests/data/models/xgboost-1.7-logistic.json"
STRICT = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-I" + SOURCE + "/include"]
UNIT_TESTS = ["num", "time", "table", "json", "forest"]
LINUX, M4 = "arm-linux-gnueabihf-", "arm-none-eabi-"
CORTEX = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-O2", "-ffp-contract=off",
          "-ffunction-sections", "-fdata-sections"]
# what a device does: no files but a model, no threads, no tools
BARE = ["lib/core/*.c", "lib/sim/*.c", "lib/stream/envelope.c", "lib/stream/telemetry_json.c", "lib/learn/features.c",
        "lib/learn/history.c", "lib/learn/derive.c", "lib/learn/charge_curve.c", "lib/learn/forest*.c",
        "lib/learn/json_scan.c", "lib/learn/model_scan.c", "lib/learn/ubj_scan.c", "tests/long/edge/*.c", "tests/long/edge/bare/*.c"]
NOT_BARE = ["bpx.c", "bpx_cell.c", "bpx_function.c"]  # sim/bpx_none.c is in their place


def lacks(*programs):
    missing = [p for p in programs if shutil.which(p) is None]
    if missing:
        t.say("skipped here: there is no " + ", ".join(missing))
    return bool(missing)


def call(what, command, timeout=900, **more):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=timeout, check=False, **more)
    t.require(what, done.returncode == 0, done.stdout[-2000:])
    return done.stdout


def apt(folder, *words, sources=(), arch=None):
    """apt-get with lists and cache of its own; False where it cannot get it (no network, another system)."""
    for place in ("lists/partial", "cache/archives/partial"):
        os.makedirs(f"{folder}/{place}", exist_ok=True)
    path = os.path.abspath(folder)
    options = [f"Dir::State::Lists={path}/lists", f"Dir::Cache={path}/cache", "APT::Sandbox::User=root"]
    if arch:
        options += ["APT::Architecture=" + arch, "APT::Architectures=" + arch, "Dir::State::status=/dev/null"]
    if sources:
        with open(folder + "/sources.list", "w") as f:
            f.write("\n".join(sources) + "\n")
        options += [f"Dir::Etc::sourcelist={path}/sources.list", "Dir::Etc::sourceparts=/dev/null"]
    command = ["apt-get", "-q", *(word for o in options for word in ("-o", o))]
    for rest in (["update"], list(words)):
        done = subprocess.run([*command, *rest], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
    if done.returncode != 0:
        t.say("skipped here: " + done.stdout.strip().splitlines()[-1])
    return done.returncode == 0


def on_host():
    call("the host's program", [CC, *STRICT, EDGE + "/results.c", "-o", "host", LIBRARY,
                                "-Wl,-rpath," + os.path.dirname(LIBRARY)])
    return call("the host's results", ["./host", MODEL])


def compare(what, got, wanted):
    t.check(f"{what}: every result is the host's", got == wanted, f"\n{got}\ninstead of\n{wanted}")
    t.say(f"{what}: {len(got.splitlines())} hashes compared")


def linux_libraries():
    """A root with the target's jansson and cmocka, or None."""
    if lacks(LINUX + "gcc", "qemu-arm", "apt-get", "dpkg-deb"):
        return None
    packages = ["libjansson-dev", "libjansson4", "libcmocka-dev", "libcmocka0"]
    if not apt(".", "download", *packages, arch="armhf"):
        return None
    for package in glob.glob("*.deb"):
        call(package, ["dpkg-deb", "-x", package, "root"])
    return t.WORK + "/root"


def under_linux(root, wanted):
    """The preset as it is, for 32 bits."""
    libraries = root + "/usr/lib/arm-linux-gnueabihf"
    run = ["qemu-arm", "-L", "/usr/arm-linux-gnueabihf", "-E", f"LD_LIBRARY_PATH={t.WORK}/arm:{libraries}"]
    find = dict(os.environ, PKG_CONFIG_LIBDIR=libraries + "/pkgconfig", PKG_CONFIG_SYSROOT_DIR=root)
    link = "-Wl,-rpath-link," + libraries
    call("cmake for 32-bit ARM", ["cmake", "--preset", "edge", "-S", SOURCE, "-B", t.WORK + "/arm", "-DEVTWIN_TESTS=ON",
                                  "-DCMAKE_TOOLCHAIN_FILE=" + SOURCE + "/cmake/arm-linux.cmake",
                                  "-DCMAKE_EXE_LINKER_FLAGS=" + link], env=find)
    targets = ["evtwin", *("test_" + name for name in UNIT_TESTS)]
    call("the edge build for 32-bit ARM, no warning", ["cmake", "--build", "arm", f"-j{os.cpu_count()}",
                                                       "--target", *targets])
    call("strip", [LINUX + "strip", "-o", "small.so", "arm/libevtwin.so"])
    size = os.path.getsize("small.so")
    t.check("its size, stripped, is at most 400,000 bytes", size <= 400_000, f"{size} bytes")
    t.say(f"32-bit ARM: {size} bytes stripped")
    call("the program for 32-bit ARM", [LINUX + "gcc", *STRICT, EDGE + "/results.c", "-o", "results", "-Larm",
                                        "-levtwin", link])
    compare("32-bit ARM, Linux", call("its results", [*run, "./results", MODEL]), wanted)
    for name in UNIT_TESTS:
        call(f"test_{name} on 32-bit ARM", [*run, f"arm/tests/unit/test_{name}"])
        t.say(f"test_{name} passes on 32-bit ARM")


def jansson_source():
    """Unpacked in the work folder, with the configuration of a machine without a system."""
    found = subprocess.run(["apt-get", "indextargets", "--format", "deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)",
                            "Created-By: Packages"], stdout=subprocess.PIPE, text=True, check=False).stdout
    os.makedirs("source", exist_ok=True)
    if not apt("source", "source", "--download-only", "jansson", sources=sorted(set(found.split("\n")) - {""})):
        return None
    with tarfile.open(glob.glob("source/jansson_*.orig.tar.*")[0]) as archive:
        archive.extractall("source")
    folder = glob.glob("source/jansson-*/src")[0]
    for name, lines in (
            ("jansson_config.h", ["JSON_INLINE inline", "JSON_INTEGER_IS_LONG_LONG 1", "JSON_HAVE_LOCALECONV 0",
                                  "JSON_HAVE_ATOMIC_BUILTINS 0", "JSON_HAVE_SYNC_BUILTINS 0",
                                  "JSON_PARSER_MAX_DEPTH 2048"]),
            ("jansson_private_config.h", ["INITIAL_HASHTABLE_ORDER 3"])):
        with open(f"{folder}/{name}", "w") as f:
            f.write("".join(f"#define {line}\n" for line in lines))
    return folder


def without_system(wanted):
    """A Cortex-M4: objects of the library, jansson and newlib in one image; semihosting is its console."""
    if lacks(M4 + "gcc", "qemu-system-arm", "apt-get"):
        return False
    jansson = jansson_source()
    if jansson is None:
        return False
    # int32_t is a long there, which only the formats notice
    ours = ["-std=c11", "-Wall", "-Wextra", "-Wno-psabi", "-Wno-format", "-Wno-type-limits", "-Werror",
            "-D_GNU_SOURCE", "-D_POSIX_TIMERS", "-D_POSIX_MONOTONIC_CLOCK",
            '-DEVTWIN_BUILD_INFO="jansson"', "-I" + EDGE + "/bare", f"-I{SOURCE}/include",
            f"-I{SOURCE}/lib", "-I" + jansson, f"-I{BUILD}/lib/sim"]
    os.makedirs("m4", exist_ok=True)
    files = [f for pattern in BARE for f in sorted(glob.glob(f"{SOURCE}/{pattern}"))
             if os.path.basename(f) not in NOT_BARE]
    files.append(BUILD + "/lib/sim/evtwin__cells.c")
    for i, file in enumerate(files + sorted(glob.glob(jansson + "/*.c"))):
        flags = ours if i < len(files) else ["-w", "-DHAVE_STDINT_H", "-I" + jansson]
        call(f"{os.path.basename(file)} for a Cortex-M4, no warning",
             [M4 + "gcc", *CORTEX, *flags, "-c", file, "-o", f"m4/{i}.o"])
    call("the image for a Cortex-M4", [M4 + "gcc", *CORTEX, "-T", EDGE + "/bare/mps2.ld", "-nostartfiles",
                                       "-Wl,--gc-sections", "--specs=rdimon.specs", *glob.glob("m4/*.o"), "-lm",
                                       "-o", "m4/results.elf"])
    size = call("its size", [M4 + "size", "m4/results.elf"]).splitlines()[1].split()
    t.say(f"Cortex-M4: {int(size[0]) // 1024} KiB of code, {int(size[1]) // 1024} KiB of data in the image")
    shutil.copy(MODEL, "m4/model.json")
    got = call("the image runs", ["qemu-system-arm", "-M", "mps2-an386", "-nographic", "-monitor", "none",
                                  "-serial", "null", "-semihosting-config", "enable=on,target=native",
                                  "-kernel", "results.elf"], cwd="m4", timeout=120)
    compare("Cortex-M4, no system", got, wanted)
    return True


wanted = on_host()
t.say("the host's results:\n" + wanted.rstrip())
root = linux_libraries()
if root:
    under_linux(root, wanted)
if not without_system(wanted) and not root:
    t.skip("no compiler, emulator or jansson for ARM")
t.finish()
