# SPDX-License-Identifier: MIT
"""mypy --strict has nothing to say of the examples."""
import glob
import os
import shutil
import subprocess
import tempfile
import unittest

LABEL = "long"
PYTHON = os.path.join(os.environ["EVTWIN_SOURCE"], "examples", "python")
EXAMPLES = sorted(glob.glob(os.path.join(PYTHON, "**", "*.py"), recursive=True))
# what draws and what else examples use has no types where mypy runs; evtwin is what is checked
UNTYPED = "".join(f"[mypy-{module}.*]\nignore_missing_imports = True\n" for module in ("matplotlib", "pandas", "polars", "sklearn"))


def mypy(folder, *files):
    """Run it on these files; its cache and configuration go to the folder."""
    config = os.path.join(folder, "mypy.ini")
    with open(config, "w", encoding="utf-8") as file:
        file.write("[mypy]\n" + UNTYPED)
    return subprocess.run(["mypy", "--strict", "--follow-imports=silent", "--config-file", config, "--cache-dir", folder, *files],
                          capture_output=True, text=True, check=False,
                          env={**os.environ, "MYPYPATH": os.pathsep.join([os.environ["PYTHONPATH"], os.path.join(PYTHON, "pictures")])})


class Types(unittest.TestCase):
    @unittest.skipIf(shutil.which("mypy") is None, "mypy is not installed")
    def test_types_are_strict(self):
        with tempfile.TemporaryDirectory() as folder:
            done = mypy(folder, *EXAMPLES)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    @unittest.skipIf(shutil.which("mypy") is None, "mypy is not installed")
    def test_a_wrong_type_is_seen(self):
        with tempfile.TemporaryDirectory() as folder:
            wrong = os.path.join(folder, "wrong.py")
            with open(wrong, "w", encoding="utf-8") as file:
                file.write("import evtwin\n\nlength: str = evtwin.Simulator().time_s\n")
            done = mypy(folder, wrong)
        self.assertEqual(done.returncode, 1)
        self.assertIn('expression has type "float"', done.stdout)


if __name__ == "__main__":
    unittest.main()
