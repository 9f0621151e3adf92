# SPDX-License-Identifier: MIT
"""docs/tour.md is what running examples/python/tour.py prints and draws, cell by cell."""
import os
import pathlib
import re
import sys
import tempfile
import unittest

import frames_env

LABEL = "long"
ROOT = pathlib.Path(frames_env.SOURCE)
DOCS = ROOT / "docs"
SCRIPT = ROOT / "examples" / "python" / "tour.py"
OUTPUT = re.compile(r"^```text\n.*?^```\n", re.MULTILINE | re.DOTALL)

if frames_env.version():
    sys.path[:0] = [str(ROOT / "scripts" / "pictures"), str(ROOT / "examples" / "python" / "pictures")]
    import captions
    import tour


class Tour(unittest.TestCase):
    def test_every_output_is_real(self):
        with tempfile.TemporaryDirectory() as folder:
            made, shown = tour.make(SCRIPT, folder), (DOCS / "tour.md").read_text(encoding="utf-8")
            pictures = {p.name: p.read_text(encoding="utf-8") for p in pathlib.Path(folder).glob("*.svg")}
        self.assertGreater(len(OUTPUT.findall(made)), 8)
        self.assertGreater(len(pictures), 3)
        self.assertEqual(sorted(pictures), sorted(p.name for p in (DOCS / "pictures").glob("tour-*.svg")))
        for name in pictures:
            self.assertIn(f"(pictures/{name})", made)
            self.assertLessEqual((DOCS / "pictures" / name).stat().st_size, 100_000, name)
        if captions.xgboost() != captions.made_with(DOCS):  # it grows other trees: all is as shown but for what they say
            made, shown = OUTPUT.sub("output\n", made), OUTPUT.sub("output\n", shown)
            pictures = {}
        self.maxDiff = None
        self.assertEqual(made, shown, "make pictures writes docs/tour.md anew")
        for name, text in pictures.items():
            self.assertTrue((DOCS / "pictures" / name).read_text(encoding="utf-8") == text, f"make pictures draws {name} anew")

    def test_cells_of_the_percent_format(self):
        source = "# SPDX\n# %% [markdown]\n# # Title\n# text\n\n# %%\nx = 1\n\n# %%\nprint(x + 1)\n"
        self.assertEqual(list(tour.cells(source)), [(True, "# Title\ntext"), (False, "x = 1"), (False, "print(x + 1)")])
        with tempfile.TemporaryDirectory() as folder:
            parts = tour.run(source, pathlib.Path("here.py"), folder)
            self.assertEqual(parts[-1], ("output", "2"))
            with self.assertRaises(ZeroDivisionError):
                tour.run(source + "# %%\nx / 0\n", pathlib.Path("here.py"), folder)


if __name__ == "__main__":
    if not frames_env.version():
        frames_env.run_in(["new"], os.path.abspath(__file__), *sys.argv[1:])
    else:
        unittest.main()
