# SPDX-License-Identifier: MIT
"""Make what examples show in docs/ anew: the pictures of the concept pages with their captions, and the tour.

    python3 scripts/pictures BUILD [NAME...]      with the package in BUILD/python; NAME is a picture, or "tour"

It runs itself in the environment of tests that has matplotlib and data frames.
"""
import importlib
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DOCS = ROOT / "docs"
EXAMPLES = ROOT / "examples" / "python"


def draw(names):
    """Write the pictures and captions, and the tour."""
    sys.path[:0] = [str(EXAMPLES / "pictures"), str(HERE)]
    import captions
    import figure
    import tour

    for name in names or (*figure.NAMES, "tour"):
        if name == "tour":
            tour.write(EXAMPLES / "tour.py", DOCS)
            continue
        picture = importlib.import_module(name)
        series = picture.compute()
        picture.draw(series, DOCS / "pictures" / f"{name}.svg")
        captions.write(DOCS, name, picture.caption(series))
        print(f"docs/pictures/{name}.svg: {picture.caption(series)}", flush=True)
    captions.write_made_with(DOCS)


def main(build, names):
    """Draw, in the environment that has what it takes."""
    if os.environ.get("EVTWIN_FRAMES"):
        draw(names)
        return 0
    sys.path.insert(0, str(ROOT / "tests" / "integration"))
    from server.environment import frames_python

    env = {**os.environ, "EVTWIN_FRAMES": "new", "PYTHONPATH": str(pathlib.Path(build, "python").resolve())}
    return subprocess.run([frames_python("new"), "-B", *sys.argv], env=env, check=False).returncode


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
