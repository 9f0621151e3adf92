# SPDX-License-Identifier: MIT
"""examples/python: the whole workflow in at most 40 lines, and it runs. (The tour: test_tour.py.)"""
import os
import re
import subprocess
import sys
import tempfile
import unittest

WORKFLOW = os.path.join(os.environ["EVTWIN_SOURCE"], "examples", "python", "workflow.py")


class Examples(unittest.TestCase):
    def test_there_is_the_whole_workflow_in_forty_lines(self):
        with open(WORKFLOW, encoding="utf-8") as file:
            self.assertLessEqual(len(file.readlines()), 40)

    def test_the_workflow_runs(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([sys.executable, WORKFLOW, folder], capture_output=True, text=True, timeout=600,
                                  check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, re.compile(
                r"\d+ records of 20 lives.*\nRUL: R2 0\.\d\d, failure: AUC 0\.\d\d\n"
                r"720 records predicted\nBATTERY_001: RUL \d+ cycles\n$"))


if __name__ == "__main__":
    unittest.main()
