# SPDX-License-Identifier: MIT
"""The pictures of the concept pages are what the examples make: each SVG is read back by the labels of its axes, and holds
the series that the example computes; so does the one in docs/, under a caption with the same numbers."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import frames_env

LABEL = "long"
ROOT = pathlib.Path(frames_env.SOURCE)
DOCS = ROOT / "docs"
LEARNED = ("splits", "intervals", "reasons")  # by XGBoost, of which another version grows other trees

if frames_env.version():
    sys.path[:0] = [str(ROOT / "scripts" / "pictures"), str(ROOT / "examples" / "python" / "pictures")]
    import importlib

    import captions
    import figure
    import numpy as np
    import svg
    from trained import trainer


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", text)]


class Pictures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.examples = {name: importlib.import_module(name) for name in figure.NAMES}
        cls.series = {name: example.compute() for name, example in cls.examples.items()}
        cls.is_same_xgboost = captions.xgboost() == captions.made_with(DOCS)

    def assert_holds(self, path, series):
        drawn = svg.read(path)
        self.assertEqual(sorted(drawn), sorted(figure.gid(name)[len(svg.ID):] for name in series), path)
        for name, (x, y) in series.items():
            self.assertEqual(svg.differs(drawn[figure.gid(name)[len(svg.ID):]], x, y), "", f"{path}: {name}")

    def test_each_holds_what_it_claims(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, example in self.examples.items():
                path = pathlib.Path(folder, name + ".svg")
                example.draw(self.series[name], path)
                self.assert_holds(path, self.series[name])

    def test_those_of_docs_are_these(self):
        self.assertEqual({p.stem for p in (DOCS / "pictures").glob("*.svg") if not p.stem.startswith("tour-")}, set(figure.NAMES))
        for name, example in self.examples.items():
            path = DOCS / "pictures" / f"{name}.svg"
            self.assertLessEqual(path.stat().st_size, 100_000, path)
            written, caption = captions.shown(DOCS, name), example.caption(self.series[name])
            self.assertTrue(written, f"no page of docs/ shows {name}.svg above a caption")
            for line in written:
                if self.is_same_xgboost or name not in LEARNED:
                    self.assertEqual(line, caption, "make pictures writes it anew")
                else:
                    np.testing.assert_allclose(numbers(line), numbers(caption), rtol=0.3, atol=15, err_msg=line)
            if self.is_same_xgboost or name not in LEARNED:
                self.assert_holds(path, self.series[name])

    def test_the_folder_is_a_program(self):
        program = [sys.executable, "-B", str(ROOT / "examples" / "python" / "pictures")]
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([*program, folder + "/new", "heat"], capture_output=True, text=True, timeout=600, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(done.stdout, f"heat: {self.examples['heat'].caption(self.series['heat'])}\n")
            self.assert_holds(pathlib.Path(folder, "new", "heat.svg"), self.series["heat"])
            wrong = subprocess.run([*program, folder, "voltage", "speed"], capture_output=True, text=True, timeout=600, check=False)
            self.assertNotEqual(wrong.returncode, 0)
            self.assertIn("usage: pictures FOLDER [voltage]", wrong.stderr)

    def test_a_changed_picture_is_seen(self):
        path = DOCS / "pictures" / "heat.svg"
        series = {**self.series["heat"]}
        x, y = series["1C"]
        for changed in ((x, y + 0.2), (x[1:], y[1:]), (1.01 * x, y)):
            with self.assertRaises(AssertionError):
                self.assert_holds(path, {**series, "1C": changed})
        with self.assertRaises(AssertionError):
            self.assert_holds(path, {name: values for name, values in series.items() if name != "1C"})

    def test_the_circuit_explains_the_pulse(self):
        """V = U + v1 + v2 - I R0, with the cell's own R0: the series are not drawn from one another."""
        import evtwin

        (_, v), (_, behind) = self.series["voltage"]["pulse voltage"], self.series["voltage"]["pulse with branches"]
        r0 = evtwin.Cell().r0_ohm(0.6, 25.0)
        in_pulse = slice(20, 30)  # warm cells and another state of charge come later
        np.testing.assert_allclose((behind - v)[in_pulse], evtwin.Cell().capacity_Ah * r0, rtol=0.1)
        np.testing.assert_allclose((behind - v)[:20], 0.0, atol=1e-9)

    def test_fade_falls_to_its_ends(self):
        series = self.series["fade"]
        packs = {name: values for name, values in series.items() if not name.startswith("ends")}
        ends = np.sort(np.concatenate([series["ends by capacity"][0], series["ends by resistance"][0]]))
        self.assertEqual(len(packs), len(ends))
        for name, (cycles, health) in packs.items():
            self.assertTrue(np.all(np.diff(cycles) > 0) and np.all(np.diff(health) < 0), name)
        np.testing.assert_allclose(np.sort([cycles[-1] for cycles, _ in packs.values()]), ends, atol=45)  # a month of cycles

    def test_reasons_sum_up_to_the_answer(self):
        from trained import records

        predictor, example = trainer().predictor(), self.examples["reasons"]
        fleet = records(2)
        row = np.flatnonzero(fleet["battery_id"] == example.BATTERY)[example.ROW]
        answer = predictor.predict(np.array([[fleet[name][row] for name in predictor.features]]))[0, 0]
        (_, drawn), _ = self.series["reasons"]["answer"]
        self.assertAlmostEqual(drawn, answer, delta=1e-3)

    def test_leaks_flatter_and_intervals_cover(self):
        leak, honest, *baselines = (to for (_, to), _ in self.series["splits"].values())
        self.assertLess(leak, honest)
        self.assertLess(honest, min(baselines))
        self.assertGreater(self.series["intervals"]["coverage"][1].mean(), 80)


if __name__ == "__main__":
    if not frames_env.version():
        frames_env.run_in(["new"], os.path.abspath(__file__), *sys.argv[1:])
    else:
        unittest.main()
