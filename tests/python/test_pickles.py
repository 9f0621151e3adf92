# SPDX-License-Identifier: MIT
"""What goes to other processes: tables, models, predictors and reports by pickle, the rest not, which says so."""
import copy
import multiprocessing
import os
import pathlib
import pickle
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy as np

import evtwin
from evtwin import core


def setUpModule():
    global folder, records, trainer, bundle
    folder = tempfile.TemporaryDirectory()
    bundle = pathlib.Path(folder.name, "models")
    records, _ = evtwin.Fleet(8, seed=1).run_to_failure(record_every_days=30)
    trainer = evtwin.train(records, seed=1)
    trainer.save(bundle)


def tearDownModule():
    folder.cleanup()


def again(thing, protocol=pickle.HIGHEST_PROTOCOL):
    return pickle.loads(pickle.dumps(thing, protocol))


def in_another_process(data):
    """Run by a spawned process, which has nothing of this one."""
    table, predictor = data
    return predictor.apply(table)["rul_prediction"].tolist(), predictor.info


class Tables(unittest.TestCase):
    def check(self, table, other):
        self.assertEqual((table.columns, table.units, table.types, len(table)), (other.columns, other.units, other.types, len(other)))
        for name in table.columns:
            np.testing.assert_array_equal(table[name], other[name])

    def test_every_column_comes_back_as_it_is(self):
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            self.check(again(records, protocol), records)
        odd = evtwin.Table({"soc": [0.5, None, 0.25], "n": [2**62 + 1, None, -1], "Current / A": [1.0, 2.0, 3.0],
                            "time": np.array(["2024-01-01", "NaT", "1969-12-31"], "M8[us]"), "b": [True, None, False],
                            "t": ["a", None, ""], "a,b=c": ["ü", "x", "x"], "plain": [True] * 3}, units={"soc": "fraction"})
        self.check(again(odd), odd)
        self.assertEqual(np.asarray(core.table_i64(again(odd)._handle, 1))[0], 2**62 + 1)
        self.check(again(odd.select([])), odd.select([]))
        self.check(again(evtwin.Table({})), evtwin.Table({}))

    def test_protocol_5_passes_arrays_on(self):
        parts = []
        packed = pickle.dumps(records, 5, buffer_callback=parts.append)
        addresses = [np.frombuffer(part.raw(), np.uint8).ctypes.data for part in parts]
        self.assertIn(records["soc"].ctypes.data, addresses)
        self.check(pickle.loads(packed, buffers=parts), records)

    def test_a_copy_of_what_never_changes_is_itself(self):
        self.assertIs(copy.copy(records), records)
        self.assertIs(copy.deepcopy([records])[0], records)


class Models(unittest.TestCase):
    def test_a_model_of_a_file_or_of_bytes(self):
        path = bundle / "rul_model.json"
        x = np.random.default_rng(1).normal(size=(20, 7)).astype(np.float32)
        for model in (evtwin.Model.load(path), evtwin.Model.load_buffer("x", path.read_bytes()), evtwin.Model.load(path, all_trees=True)):
            for other in (again(model), again(again(model))):
                np.testing.assert_array_equal(other.predict(x), model.predict(x))
                self.assertEqual(repr(other), repr(model))

    def test_a_file_that_changed_is_refused(self):
        path = pathlib.Path(folder.name, "model.json")
        shutil.copy(bundle / "rul_model.json", path)
        model = evtwin.Model.load(path)
        path.write_bytes((bundle / "failure_model.json").read_bytes())
        with self.assertRaisesRegex(ValueError, "has changed since it was loaded"):
            pickle.dumps(model)
        path.unlink()
        with self.assertRaises(FileNotFoundError):
            pickle.dumps(model)

    def test_a_predictor_of_a_folder_or_of_a_training(self):
        for predictor in (evtwin.Predictor.load(bundle), trainer.predictor()):
            predictor.set_version("fleet/7")
            predictor.set_coverage("each")
            for other in (again(predictor), again(again(predictor))):
                self.assertEqual(other.info.version, "fleet/7")
                table, same = predictor.apply(records), other.apply(records)
                for name in ("rul_prediction", "rul_low", "rul_high", "failure_probability"):
                    np.testing.assert_array_equal(table[name], same[name])

    def test_of_a_training_that_was_closed_it_says_what_to_do(self):
        with evtwin.train(records, targets={"rul": {"trees": 5}}) as closed:
            predictor = closed.predictor()
        with self.assertRaisesRegex(evtwin.StateError, r"this Predictor is of was closed: save\(\)"):
            pickle.dumps(predictor)
        self.assertEqual(len(predictor.apply(records)), len(records))

    def test_a_bundle_that_changed_is_refused(self):
        path = pathlib.Path(folder.name, "changed")
        shutil.copytree(bundle, path)
        predictor = evtwin.Predictor.load(path)
        original = (path / "scaler.json").read_bytes()
        (path / "scaler.json").write_bytes(original + b" ")
        with self.assertRaisesRegex(ValueError, "scaler.json has changed since"):
            pickle.dumps(predictor)
        (path / "scaler.json").write_bytes(original)
        (path / "manifest.json").write_bytes((path / "manifest.json").read_bytes() + b"\n")
        with self.assertRaisesRegex(ValueError, "changed has changed since"):
            pickle.dumps(predictor)

    def test_another_process_predicts_the_same(self):
        predictor = evtwin.Predictor.load(bundle)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            predicted, info = pool.apply(in_another_process, [(records, predictor)])
        self.assertEqual(predicted, predictor.apply(records)["rul_prediction"].tolist())
        self.assertEqual(info, predictor.info)


class Reports(unittest.TestCase):
    def test_a_report_is_known_in_a_process_that_made_none(self):
        score = trainer.score("rul")
        path = os.path.join(folder.name, "score")
        with open(path, "wb") as file:
            pickle.dump(score, file)
        code = f"import pathlib, pickle; print(repr(pickle.loads(pathlib.Path({path!r}).read_bytes())))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        self.assertEqual((done.stdout.strip(), done.stderr), (repr(score), ""))
        with self.assertRaises(AttributeError):
            evtwin.reports.Nothing


class Refusals(unittest.TestCase):
    def test_what_is_of_one_process_says_so(self):
        predictor = evtwin.Predictor.load(bundle)
        things = [evtwin.Pump("sim:?rows=1", "null:"), evtwin.Store(pathlib.Path(folder.name, "a.db")), evtwin.sink("null:"), evtwin.source("sim:"),
                  evtwin.Session(predictor), evtwin.Simulator(), evtwin.Metrics(), evtwin.Tracker("http://127.0.0.1:1"), trainer]
        for thing in things:
            for use in (pickle.dumps, copy.copy, copy.deepcopy):
                with self.subTest(type(thing)), self.assertRaisesRegex(TypeError, f"{type(thing).__name__} cannot be pickled"):
                    use(thing)
        predictor.close()
        with self.assertRaises(evtwin.StateError):
            pickle.dumps(predictor)


if __name__ == "__main__":
    unittest.main()
