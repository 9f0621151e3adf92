#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""wheel.py SOURCE_DIR BUILD_DIR [VERSION]: evtwin by pip. Without VERSION: the source archive; `pip install` of it in a fresh
environment, without a network; the wheel with every library, left in BUILD_DIR/wheel. With VERSION: that wheel in a clean
CPython VERSION, and the tests of the Python package against it."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile

SOURCE, BUILD = map(os.path.abspath, sys.argv[1:3])
WHEELS = os.path.join(BUILD, "wheel")
MOST_BYTES = 15 * 1000 * 1000
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(SOURCE, "tests", "integration"))
from server.base import Skip  # noqa: E402
from server.environment import WHEEL_PYTHONS, wheel_tools  # noqa: E402

# What is imported, trained, predicted, kept and served; and which shared libraries that took. Only the C library, what
# is always beside it and Python's own may be the system's.
USE = r"""
import ctypes, json, os, pathlib, re, ssl, sys, tempfile, urllib.request
import numpy

def mapped():
    with open("/proc/self/maps", encoding="utf-8") as file:
        return {line.split()[-1] for line in file if re.search(r"\.so(\.[0-9]+)*$", line.strip())}

before = mapped()
import evtwin
for path in (evtwin.__file__, evtwin.core._core.__file__):
    assert path.startswith(sys.prefix), path
assert evtwin.core._core.__file__.endswith(".abi3.so")
with tempfile.TemporaryDirectory() as folder:
    records, lives = evtwin.Fleet(8, seed=1).run_to_failure(record_every_days=15)
    evtwin.train(records, seed=1).save(folder)
    predictor = evtwin.Predictor.load(folder)
    rul = predictor.apply(records)["rul_prediction"]
    assert numpy.isfinite(rul).all() and numpy.ptp(rul) > 0
    store = pathlib.Path(folder, "evtwin.db")
    with evtwin.Pump("sim:?fleet=2&rows=2&speed=max", store, predictor=predictor) as pump:
        assert pump.run() == 4
    with evtwin.serve(store, listen="127.0.0.1:0") as server:
        with urllib.request.urlopen(server.url + "/api/battery/latest?battery_id=BATTERY_001") as answer:
            assert json.load(answer)["data"]["rul_prediction"] is not None
        with urllib.request.urlopen(server.url + "/vendor/have.js") as answer:
            assert b'"uplot", "three"' in answer.read()  # the pages have their charts
everything = "jansson xgboost sqlite3 libmicrohttpd zlib gnutls libpq rdkafka libmosquitto libcurl".split()
assert [word.split()[0] for word in evtwin.core.build_info().split(", ")] == everything, evtwin.core.build_info()
if "--clean" in sys.argv:
    always = r"/(ld-linux[^/]*|lib(c|m|z|dl|rt|pthread|resolv|util|gcc_s|stdc\+\+))\.so[^/]*$|/lib-dynload/"
    foreign = [p for p in mapped() - before if not p.startswith(sys.prefix) and not re.search(always, p)]
    assert foreign == [], foreign
print(evtwin.__version__, len(mapped() - before), "libraries")
"""


def fail(text):
    sys.exit("FAILED: " + text)


def require(what, holds):
    if not holds:
        fail(what)


def skip(reason):
    print("skipped:", reason)
    sys.exit(77)


def run(*command, **options):
    """Its standard output; what it said, if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, **options)
    if done.returncode != 0:
        fail(f"{' '.join(command)}: {done.returncode}\n{done.stdout[-8000:]}\n{done.stderr[-8000:]}")
    return done.stdout


def environment(**more):
    """Nothing of the build folder or of this user's pip."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PIP_", "EVTWIN_", "SKBUILD"))}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            **({} if "PIP_CACHE_DIR" in more else {"PIP_NO_CACHE_DIR": "1"}), **more}


def offline():
    """Begins a command that has no network, where the kernel lets us."""
    for command in (["unshare", "-n"], ["unshare", "-rn"]):
        try:
            if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
                return command
        except OSError:
            pass
    return []


def fresh(python, folder, *packages, **more):
    """The Python of a new virtual environment with these packages, of those in the cache alone."""
    run(python, "-m", "venv", folder, env=environment())
    inside = os.path.join(folder, "bin", "python")
    run(*offline(), inside, "-m", "pip", "install", "--no-index", *packages, env=environment(**more))
    return inside


def use(python, *arguments):
    with tempfile.TemporaryDirectory() as elsewhere:
        return run(python, "-I", "-B", "-X", "faulthandler", "-c", USE, *arguments, cwd=elsewhere, env=environment()).strip()


# ---- the source archive and the wheel ----

def copy_of_source(to):
    """The files that are of the project, and their names."""
    listed = subprocess.run(["git", "-C", SOURCE, "ls-files", "-z", "-co", "--exclude-standard"], capture_output=True,
                            text=True, check=False)
    if listed.returncode != 0:
        skip("this is no checkout of git, so nobody knows which files are the project's")
    names = {name for name in listed.stdout.split("\0") if os.path.isfile(os.path.join(SOURCE, name))}
    for name in names:
        os.makedirs(os.path.dirname(os.path.join(to, name)), exist_ok=True)
        shutil.copy2(os.path.join(SOURCE, name), os.path.join(to, name))
    return names


def source_archive(tools, work):
    """A source archive, which has every file and what the pages use."""
    if shutil.which("npm") is None:
        skip("there is no npm, and no archive without what the pages use")
    names = copy_of_source(work + "/source")
    command = [tools + "/bin/python", "-m", "build", "--sdist", "--no-isolation", "-o", work + "/dist", work + "/source"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0 and "npm ci: " in done.stderr + done.stdout:
        skip("npm cannot fetch what the pages use")
    require(f"a source archive is made:\n{done.stdout}\n{done.stderr}", done.returncode == 0)
    (path,) = glob.glob(work + "/dist/*")
    with tarfile.open(path) as tar:
        (top,) = {name.split("/")[0] for name in tar.getnames()}
        packed = {m.name[len(top) + 1:] for m in tar.getmembers() if m.isfile()}
    vendor = {name for name in packed if name.startswith("web/vendor/")}
    require("it has the pages' libraries", {"web/vendor/three/three.module.min.js", "web/vendor/complete"} <= vendor)
    expected = {name for name in names if not name.startswith(".ci/")} | {"PKG-INFO"}
    require(f"it has the project's files: {packed - vendor ^ expected}", packed - vendor == expected)
    print(f"{os.path.basename(path)}: {len(packed)} files, {os.path.getsize(path) // 1000} kB", flush=True)
    return path


def by_pip(tools, archive, work):
    """pip builds and installs it in a fresh environment, with packages that are there and no network. The wheel that it made
    on the way, which it keeps in its cache."""
    jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL") or str(os.cpu_count())
    inside = fresh("/usr/bin/python3", work + "/fresh", archive, PIP_FIND_LINKS=tools + "/packages", PIP_NO_INDEX="1",
                   PIP_CACHE_DIR=work + "/cache", CMAKE_BUILD_PARALLEL_LEVEL=jobs)
    print("pip install of it in a fresh environment:", use(inside), flush=True)
    (wheel,) = glob.glob(work + "/cache/wheels/**/evtwin-*.whl", recursive=True)
    return wheel


def check_wheel(tools, path, work):
    """What is in it, and where its module looks for libraries."""
    require(path, re.search(r"/evtwin-[0-9.]+-cp311-abi3-linux_\w+\.whl$", path))
    with zipfile.ZipFile(path) as wheel:
        names = set(wheel.namelist())
        wheel.extractall(work + "/files")
    here = {n for n in names if not re.match(r"evtwin/\w+\.pyi?$|evtwin-[0-9.]+\.dist-info/", n)}
    require(f"it has nothing else: {here}", here == {"evtwin/_core.abi3.so", "evtwin/libevtwin.so.0", "evtwin/py.typed"})
    sources = {"evtwin/" + os.path.basename(n) for n in glob.glob(SOURCE + "/bindings/python/evtwin/*.py*")}
    require(f"it has the package: {sources - names}", sources | {"evtwin/core.py"} <= names)
    for file, folder in (("_core.abi3.so", "[$ORIGIN]"), ("libevtwin.so.0", None)):
        said = run("readelf", "-d", work + "/files/evtwin/" + file)
        found = re.findall(r"\((?:RPATH|RUNPATH)\).*(\[.*\])", said)
        require(f"{file} looks for libraries in {found}", found == ([folder] if folder else []))
    run(tools + "/bin/abi3audit", "--strict", path, env=environment())  # Python's stable interface alone


def make():
    shutil.rmtree(WHEELS, ignore_errors=True)
    if not os.access("/usr/bin/python3", os.X_OK) or not os.path.exists("/usr/bin/dpkg-query"):
        skip("wheels are made with the Python and the libraries of Debian or Ubuntu")
    version = run("/usr/bin/python3", "-c", "import sys; print(*sys.version_info[:2])").split()
    if (int(version[0]), int(version[1])) < (3, 11):
        skip(f"Python {'.'.join(version)} is the system's, and the package takes 3.11 or later")
    tools = wheel_tools()
    with tempfile.TemporaryDirectory(dir=BUILD) as work:
        wheel = by_pip(tools, source_archive(tools, work), work)
        check_wheel(tools, wheel, work)
        made = run(tools + "/bin/python", "-B", SOURCE + "/scripts/repair-wheel", wheel, WHEELS, env=environment()).strip()
    with zipfile.ZipFile(made) as repaired:
        names = repaired.namelist()
    libraries = [n for n in names if ".libs/" in n and not n.endswith("/")]
    require("libraries are in it", any("libxgboost" in n for n in libraries))
    require("and their licences", any(n.endswith("/licenses/libraries/libjansson4") for n in names))
    size = os.path.getsize(made)
    print(f"{os.path.basename(made)}: {size} bytes, {len(libraries)} libraries")
    require(f"at most {MOST_BYTES} bytes", size <= MOST_BYTES)
    require(f"for any Linux: {made}", re.search(r"-cp311-abi3-manylinux_2_[0-9]+_\w+\.whl$", made))


# ---- the wheel in one Python ----

def python_of(version):
    """A CPython of this version: by its name, or one of pyenv's."""
    kept = glob.glob(os.path.join(os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv"), "versions",
                                  version + ".*", "bin", "python3"))
    for python in [*sorted(kept), "python" + version, "/usr/bin/python" + version]:
        try:
            said = subprocess.run([python, "-I", "-c", "import sys, venv, ensurepip; print(*sys.version_info[:2], sep='.')"],
                                  capture_output=True, text=True, check=False).stdout.strip()
        except OSError:
            continue
        if said == version:
            return python
    return None


def try_in(version):
    found = glob.glob(WHEELS + "/*.whl")
    if not found:
        skip("there is no wheel to try: the test python.wheel says why")
    python = python_of(version)
    if python is None:
        skip(f"no CPython {version} that can make virtual environments is here (tried: pyenv's, python{version})")
    tools = wheel_tools()
    with tempfile.TemporaryDirectory(dir=BUILD) as work:
        inside = fresh(python, work + "/clean", "--find-links", tools + "/packages", *found)
        print(f"CPython {version}:", use(inside, "--clean"), flush=True)
        tests = ["core", "arrow", "values"]
        if version == WHEEL_PYTHONS[-1]:  # all of them, once
            tests += ["package", "processes", "pickles", "examples"]
        for test in tests:
            path = os.path.join(SOURCE, "tests", "python", f"test_{test}.py")
            done = subprocess.run([inside, "-B", "-X", "faulthandler", path], cwd=work, check=False,
                                  env=environment(EVTWIN_SOURCE=SOURCE, EVTWIN_BUILD=BUILD, WHEEL="1"))
            require(f"test_{test}.py against the wheel in CPython {version}", done.returncode == 0)


try:
    if len(sys.argv) > 3:
        try_in(sys.argv[3])
    else:
        make()
except Skip as missing:
    skip(missing)
