# SPDX-License-Identifier: MIT
"""examples/python: at most 40 lines each, and they run."""
import glob
import os
import re
import subprocess
import sys
import tempfile
import unittest

EXAMPLES = sorted(glob.glob(os.path.join(os.environ["EVTWIN_SOURCE"], "examples", "python", "*.py")))


class Examples(unittest.TestCase):
    def test_there_is_the_whole_workflow_in_forty_lines(self):
        self.assertIn("workflow.py", [os.path.basename(path) for path in EXAMPLES])
        for path in EXAMPLES:
            with open(path, encoding="utf-8") as file:
                self.assertLessEqual(len(file.readlines()), 40, path)

    def test_the_workflow_runs(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([sys.executable, EXAMPLES[-1], folder], capture_output=True, text=True, timeout=600,
                                  check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, re.compile(
                r"\d+ records of 20 lives.*\nRUL: R2 0\.\d\d, failure: AUC 0\.\d\d\n"
                r"720 records predicted\nBATTERY_001: RUL \d+ cycles\n$"))


if __name__ == "__main__":
    unittest.main()
