# SPDX-License-Identifier: MIT
"""mypy --strict has nothing to say of the examples."""
import glob
import os
import shutil
import subprocess
import tempfile
import unittest

LABEL = "long"
EXAMPLES = sorted(glob.glob(os.path.join(os.environ["EVTWIN_SOURCE"], "examples", "python", "*.py")))


class Types(unittest.TestCase):
    def test_types_are_strict(self):
        mypy = shutil.which("mypy")
        if mypy is None:
            self.skipTest("mypy is not installed")
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([mypy, "--strict", "--follow-imports=silent", "--cache-dir", folder, *EXAMPLES], capture_output=True, text=True,
                                  check=False, env={**os.environ, "MYPYPATH": os.environ["PYTHONPATH"]})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    @unittest.skipIf(shutil.which("mypy") is None, "mypy is not installed")
    def test_a_wrong_type_is_seen(self):
        with tempfile.TemporaryDirectory() as folder:
            wrong = os.path.join(folder, "wrong.py")
            with open(wrong, "w", encoding="utf-8") as file:
                file.write("import evtwin\n\nlength: str = evtwin.Simulator().time_s\n")
            done = subprocess.run(["mypy", "--strict", "--follow-imports=silent", "--cache-dir", folder, wrong],
                                  capture_output=True, text=True, check=False,
                                  env={**os.environ, "MYPYPATH": os.environ["PYTHONPATH"]})
        self.assertEqual(done.returncode, 1)
        self.assertIn('expression has type "float"', done.stdout)


if __name__ == "__main__":
    unittest.main()
