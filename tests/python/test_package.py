# SPDX-License-Identifier: MIT
"""The Python layer: what users give and do, also the wrong way, and in callbacks. test_processes.py has threads, forks and the exit."""
import datetime
import gc
import logging
import os
import pathlib
import signal
import threading
import time
import unittest
import weakref

import numpy as np

import evtwin
import small_training
from evtwin import errors

UTC = datetime.timezone.utc


def setUpModule():
    global folder, records, bundle, model
    folder, records, bundle, model = small_training.make()


def tearDownModule():
    folder.cleanup()


def path(name):
    return pathlib.Path(folder.name, name)


class Arrays(unittest.TestCase):
    def setUp(self):
        self.x = np.random.default_rng(1).normal(size=(50, model.width)).astype(np.float32)

    def test_any_array_gives_what_the_right_one_gives(self):
        right = model.predict(self.x)
        for other in (self.x.astype(np.float64), np.asfortranarray(self.x), self.x.tolist(),
                      np.repeat(self.x, 2, axis=1)[:, ::2], self.x.astype(">f4"), memoryview(self.x)):
            np.testing.assert_array_equal(model.predict(other), right)
        np.testing.assert_array_equal(model.predict(self.x[7:8]), right[7:8])
        self.assertEqual(model.predict(self.x[:0]).shape, (0,))

    def test_out_receives_the_result_without_a_copy(self):
        out = np.empty(50, np.float32)
        self.assertIs(model.predict(self.x, out), out)
        np.testing.assert_array_equal(out, model.predict(self.x))
        read_only = np.empty(50, np.float32)
        read_only.flags.writeable = False
        for wrong, kind in ((np.empty(49, np.float32), ValueError), (np.empty(51, np.float32), ValueError),
                            (np.empty(50), TypeError), (np.empty(100, np.float32)[::2], ValueError),
                            (read_only, ValueError), ([0.0] * 50, TypeError)):
            with self.assertRaises(kind):
                model.predict(self.x, wrong)

    def test_wrong_shapes_and_kinds_are_refused(self):
        with self.assertRaisesRegex(errors.SchemaError, "the model has 7 features"):
            model.predict(self.x[:, :3])
        for wrong in (self.x[0], self.x[None], None, "rows", [["a"] * 7], [[1, 2], [3]]):
            with self.assertRaises((ValueError, TypeError)):
                model.predict(wrong)

    def test_apply_leaves_columns_where_they_are_and_tables_as_they_are(self):
        predictor = evtwin.Predictor.load(bundle)
        data = {name: records[name].copy() for name in records.columns}
        table = predictor.apply(data)
        self.assertTrue(np.shares_memory(table["soc"], data["soc"]))
        same = predictor.apply(records)
        self.assertFalse(np.shares_memory(same["soc"], records["soc"]))
        self.assertNotIn("rul_prediction", records.columns)
        np.testing.assert_array_equal(table["rul_prediction"], same["rul_prediction"])

    def test_contributions_sum_to_the_margin(self):
        phi = model.contributions(self.x)
        np.testing.assert_allclose(phi.sum(axis=1), model.margin(self.x), rtol=1e-4, atol=1e-2)

    def test_a_predictor_of_matrices_and_of_tables_agrees(self):
        predictor = evtwin.Predictor.load(bundle)
        table = predictor.apply(records)
        x = np.column_stack([records[name] for name in predictor.features]).astype(float)
        y = predictor.predict(x)
        self.assertEqual(y.shape, (len(records), 2))
        alive = table["rul_prediction"] > 0  # 0 below the end of life of the labels
        np.testing.assert_allclose(y[alive, 0], table["rul_prediction"][alive])
        self.assertNotIn("rul_prediction", records)
        self.assertEqual(len(predictor.reasons("rul", x[0], 2)), 2)
        self.assertEqual(predictor.targets, ["rul", "failure"])


class Tables(unittest.TestCase):
    def test_columns_have_the_types_of_the_schema(self):
        table = evtwin.Table({"battery_id": ["A", None], "time": [datetime.datetime(2024, 1, 1, tzinfo=UTC), None],
                              "SoC": [1, 0], "charge_cycles": [3, None], "note": ["x", "y"]})
        self.assertEqual(table.types, {"battery_id": "text", "time": "time", "SoC": "f64", "charge_cycles": "i64",
                                       "note": "text"})
        self.assertEqual(table.units["SoC"], "fraction")
        self.assertEqual(table["time"][0], np.datetime64("2024-01-01"))
        self.assertTrue(np.isnat(table["time"][1]) and np.isnan(table["charge_cycles"][1]))
        self.assertEqual(table["battery_id"].tolist(), ["A", None])
        with self.assertRaisesRegex(KeyError, "no column 'soc'; there are battery_id"):
            table["soc"]

    def test_select_and_csv(self):
        some = records.select(records["soh"] > 95)
        self.assertTrue((some["soh"] > 95).all())
        self.assertEqual(len(records.select([])), 0)
        with self.assertRaises(ValueError):
            records.select([-1])
        some.write_csv(path("some.csv"))
        again = evtwin.Table.read_csv(path("some.csv"))
        np.testing.assert_array_equal(again["voltage"], some["voltage"])
        with self.assertRaises(FileNotFoundError):
            evtwin.Table.read_csv(path("none.csv"))

    def test_names_of_other_standards(self):
        test = evtwin.Table({"time": np.array([0, 1500000], "datetime64[us]"), "battery_id": ["A", "A"],
                             "voltage": [390.0, 391.0], "current": [10.0, -5.0], "power_consumption": [3900.0, 1955.0],
                             "label": ["x", "y"]})
        bdf = test.convert("bdf")
        self.assertEqual(bdf.columns, ["Test Time / s", "Voltage / V", "Current / A", "Unix Time / s", "battery_id",
                                       "Power / W", "label"])
        self.assertEqual(bdf["Test Time / s"].tolist(), [0.0, 1.5])
        self.assertEqual(bdf["Power / W"].tolist(), [-3900.0, 1955.0])
        self.assertEqual(test.convert("vss")["Vehicle.Powertrain.TractionBattery.CurrentCurrent"].tolist(), [-10.0, 5.0])
        test.write_csv(path("test.bdf.csv"), names="bdf")
        again = evtwin.Table.read_csv(path("test.bdf.csv")).convert("evtwin")
        for name in test.columns:
            np.testing.assert_array_equal(again[name], test[name])
        with self.assertRaisesRegex(ValueError, "'iso' is not a naming; there are evtwin, .*vss"):
            test.convert("iso")
        with self.assertRaisesRegex(evtwin.errors.DataError, "row 1 has no current"):
            evtwin.Table({"sim_time_s": [0.0], "voltage": [1.0], "current": [np.nan]}).convert("bdf")
        with open(path("back.bdf.csv"), "w") as f:
            f.write("Test Time / s,Voltage / V\n5,3\n4,3\n")
        with self.assertRaisesRegex(ValueError, "back.bdf.csv:3:1: 'Test Time / s' goes back from 5 .line 2. to 4"):
            evtwin.Table.read_csv(path("back.bdf.csv"))
        self.assertEqual(len(evtwin.Table.read_csv(path("back.bdf.csv"), has_several_tests=1)), 2)

    def test_data_that_is_no_table(self):
        for wrong in (3, "soc", [1, 2], {"soc": [1, 2], "soh": [1]}, {"soc": 3}, {"time": ["yesterday"]}):
            with self.assertRaises((TypeError, ValueError)):
                evtwin.Table(wrong)


class Units(unittest.TestCase):
    """Values in other units than ours, and files whose names would name other files."""

    def test_temperatures(self):
        for unit, values in (("degF", [66.2, -40.0, None]), ("K", [292.15, 233.15, None]), ("degF", [66, -40, 32])):
            t = evtwin.Table({"battery_id": ["A"] * 3, "temperature": values}, units={"temperature": unit})
            expected = [19, -40] if unit == "K" or values[0] == 66.2 else [18.888888889, -40, 0]
            self.assertEqual(t["temperature"][:len(expected)].tolist(), expected)
            self.assertEqual(t.units["temperature"], "degC")
        with self.assertRaisesRegex(evtwin.SchemaError, "degC or K or degF"):
            evtwin.Table({"temperature": [1.0]}, units={"temperature": "Rankine"})
        with self.assertRaisesRegex(evtwin.RangeError, "temperature=K"):
            evtwin.train({"battery_id": ["A", "B"], "temperature": [292.0, 293.0], "rul": [1.0, 2.0]}, features=["temperature"])

    def test_path_with_a_question_mark(self):
        for what in (evtwin.Store, evtwin.sink, evtwin.source, evtwin.serve):
            with self.assertRaisesRegex(ValueError, "contains '\\?'"):
                what(path("fleet?retention_days=1"))
        self.assertFalse(path("fleet").exists())


class Options(unittest.TestCase):
    def test_unknown_and_impossible_options_are_refused_with_what_there_is(self):
        with self.assertRaisesRegex(TypeError, "unexpected option 'sede'.*n_packs"):
            evtwin.Simulator(sede=3)
        with self.assertRaisesRegex(ValueError, "'weekly' is not one of cycle, daily"):
            evtwin.Simulator(use="weekly")
        with self.assertRaisesRegex(errors.ArgumentError, "step_s"):
            evtwin.Simulator(step_s=-1.0)
        with self.assertRaises(TypeError):
            evtwin.Simulator(n_packs="many")
        with self.assertRaises(TypeError):
            evtwin.train(records, targets={"rul": {"leaves": 3}})
        with self.assertRaisesRegex(LookupError, "rul, failure"):
            evtwin.train(records, targets=["range"])

    def test_times_are_datetimes_with_an_offset(self):
        start = datetime.datetime(2024, 6, 1, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
        sim = evtwin.Simulator(start_time=start)
        sim.advance(60)
        self.assertEqual(sim.read()["time"][0], np.datetime64("2024-06-01T10:01:00"))
        with self.assertRaisesRegex(ValueError, "has no offset"):
            sim.read(datetime.datetime(2024, 6, 1))
        self.assertEqual(evtwin.from_us(evtwin.to_us(start)), start)

    def test_the_same_seed_gives_the_same_bits(self):
        a, b = (evtwin.Fleet(3, seed=5, n_threads=n) for n in (1, 2))
        for sim in (a, b):
            sim.advance(86400)
        np.testing.assert_array_equal(a.truth("soc_frac"), b.truth("soc_frac"))
        np.testing.assert_array_equal(a.read()["voltage"], b.read()["voltage"])


class Closing(unittest.TestCase):
    def test_a_closed_object_says_so_in_every_call(self):
        with evtwin.Simulator() as sim:
            sim.advance(1)
        with self.assertRaisesRegex(errors.StateError, "Simulator: it was closed"):
            sim.advance(1)
        sim.close()
        self.assertIn("closed", repr(sim))
        with self.assertRaises(errors.StateError):
            with sim:
                pass

    def test_what_a_pump_took_is_gone_for_others(self):
        predictor = evtwin.Predictor.load(bundle)
        with evtwin.Pump("sim:?rows=1&speed=max", "null:", predictor=predictor):
            with self.assertRaisesRegex(errors.StateError, "given away"):
                predictor.targets

    def test_closing_waits_for_the_call_of_another_thread(self):
        sim = evtwin.Fleet(50)
        thread = threading.Thread(target=sim.advance, args=(200000,))
        thread.start()
        while sim._owner is None and thread.is_alive():
            time.sleep(0.001)
        sim.close()
        thread.join()
        self.assertTrue(sim.closed)

    def test_objects_are_freed_with_their_last_reference(self):
        store = evtwin.Store(path("freed.db"))
        store.insert(evtwin.Simulator(battery_id="A_1").read())
        gone = weakref.ref(store)
        del store
        gc.collect()
        self.assertIsNone(gone())
        # its writer lock too
        with evtwin.Store(path("freed.db")) as other:
            other.insert(evtwin.Simulator(battery_id="A_1").read(evtwin.to_us(datetime.datetime.now(UTC))))


class Callbacks(unittest.TestCase):
    SOURCE = "sim:?fleet=2&rows=3&speed=max"

    def test_own_sinks_get_tables_that_they_may_keep(self):
        kept = []
        with evtwin.Pump(self.SOURCE, kept.append) as pump:
            self.assertEqual(pump.run(), 6)
        gc.collect()
        self.assertEqual(sum(len(batch.rows) for batch in kept), 6)
        self.assertEqual(kept[0].rows["battery_id"][0], "BATTERY_001")
        self.assertEqual(kept[0].source, "sim:")

    def test_an_exception_in_a_sink_is_the_cause_of_the_failure(self):
        class Full(OSError):
            pass

        def write(_batch):
            raise Full("no room for six")

        with evtwin.Pump(self.SOURCE, write) as pump:
            with self.assertRaisesRegex(OSError, "Full: no room for six") as caught:
                pump.run()
        self.assertIsInstance(caught.exception, errors.InputOutputError)
        self.assertIsInstance(caught.exception.__cause__, Full)

    def test_a_keyboard_interrupt_in_a_sink_stays_one(self):
        def write(_batch):
            raise KeyboardInterrupt

        with evtwin.Pump(self.SOURCE, write) as pump:
            with self.assertRaises(KeyboardInterrupt):
                pump.run()

    def test_a_sink_that_fails_for_a_while_gets_everything_once(self):
        class Flaky:
            name = "flaky:"
            rows = tries = flushed = closed = 0

            def write(self, batch):
                self.tries += 1
                if self.tries < 3:
                    raise ConnectionError("away")
                self.rows += len(batch.rows)

            def flush(self):
                self.flushed += 1

            def close(self):
                self.closed += 1

        flaky, events = Flaky(), []
        with evtwin.Pump(self.SOURCE, flaky, max_held_rows=100, first_pause_s=0.0, longest_pause_s=0.0,
                         on_event=events.append) as pump:
            pump.run()
            self.assertEqual((pump.sink_stats[0].uri, pump.sink_stats[0].n_lost), ("flaky:", 0))
        self.assertEqual((flaky.rows, flaky.closed), (6, 1))
        self.assertGreater(flaky.flushed, 0)
        self.assertEqual([event.kind for event in events][:1], ["sink_failed"])
        self.assertIn("ConnectionError: away", events[0].text)

    def test_a_sink_gives_states_back(self):
        """A second pump goes on with the past that the first one left in a sink of Python."""
        class Keeper:
            def __init__(self):
                self.kept, self.asked, self.rows = {}, [], []

            def write(self, batch):
                self.rows.append(batch.rows)
                states = batch.states
                for i, battery in enumerate(states["battery_id"]):
                    self.kept[battery] = states.select([i])

            def states(self, batteries):
                self.asked.append(sorted(batteries["battery_id"]))
                known = [self.kept[b] for b in batteries["battery_id"] if b in self.kept]
                return known[0] if known else None

        def pump(sink, rows):
            with evtwin.Pump(rows, sink, predictor=evtwin.Predictor.load(history), recalls_states=True) as each:
                each.run()
            return sink

        history = path("history")
        evtwin.train(records, seed=1, recipe="history").save(history)
        one = records.select(records["battery_id"] == records["battery_id"][0])
        half = len(one) // 2
        parts = [one.select(range(half)), one.select(range(half, len(one)))]
        whole = pump(Keeper(), [one])
        apart = Keeper()
        for part in parts:
            pump(apart, [part])
        predicted = [np.concatenate([rows["rul_prediction"] for rows in sink.rows]) for sink in (whole, apart)]
        np.testing.assert_array_equal(*predicted)
        self.assertEqual(apart.asked, [[one["battery_id"][0]]] * 2)
        with evtwin.sink(apart) as sink:
            self.assertEqual(sink.states(one.select([0]))["battery_id"].tolist(), [one["battery_id"][0]])
            self.assertIsNone(sink.states({"battery_id": ["nobody"]}))
        for answer, kind in ((5, TypeError), (ValueError("broken"), evtwin.DataError)):
            def states(_batteries, answer=answer):
                if isinstance(answer, Exception):
                    raise answer
                return answer
            apart.states = states
            with self.subTest(answer), evtwin.sink(apart) as sink, self.assertRaises((kind, evtwin.Error)) as caught:
                sink.states(one.select([0]))
            self.assertIn(type(caught.exception.__cause__ or caught.exception), (TypeError, ValueError))

    def test_own_sources_by_read_and_by_iteration(self):
        table = evtwin.Fleet(4).read()

        class Twice:
            name, committed, left = "twice:", None, 2

            def read(self, max_rows, timeout_s):
                self.left -= 1
                return None if self.left < 0 else (table, f"at {self.left}")

            def commit(self, position):
                self.committed = position

        twice = Twice()
        with evtwin.Pump(twice, "null:") as pump:
            self.assertEqual(pump.run(), 8)
        self.assertEqual(twice.committed, "at 0")
        with evtwin.Pump(iter([table, table]), "null:", max_batch_rows=3) as pump:
            self.assertEqual(pump.run(), 8)
        rows = [{"battery_id": "A", "time": "2024-01-01T00:00:00Z", "SoC": 1, "soh": 90, "charge_cycles": 3, "x": "y"},
                {"battery_id": "B", "time": "2024-01-01T00:00:00Z", "SoC": 0.5, "soh": None, "charge_cycles": None}]
        for batch in evtwin.source([rows, rows]):
            self.assertEqual((batch["soc"].tolist(), batch["soh"][0]), ([100, 50], 90))
            self.assertTrue(np.isnan(batch["charge_cycles"][1]))

    def test_one_table_is_a_source_and_so_is_one_row_after_another(self):
        table = evtwin.Fleet(3).read()
        columns = {name: table[name] for name in table.columns}

        class Frame:  # of pandas, as far as it goes: iterating gives names
            columns = table.columns

            def __getitem__(self, name):
                return table[name]

            def __iter__(self):
                return iter(self.columns)

        for one in (table, columns, Frame()):
            batches = list(evtwin.source(one))
            self.assertEqual([batch["battery_id"].tolist() for batch in batches], [table["battery_id"].tolist()])
        row = {"battery_id": "A", "time": table["time"][0], "soc": 50.0, "soh": None}
        for rows in ([row, row], (each for each in (row, row))):
            self.assertEqual([batch["soc"].tolist() for batch in evtwin.source(rows)], [[50.0], [50.0]])

        class Reader:  # as pyarrow's: it gives its batches one by one
            left = 2

            def __arrow_c_stream__(self, requested_schema=None):
                raise AssertionError("all at once")

            def __iter__(self):
                return self

            def __next__(self):
                self.left -= 1
                if self.left < 0:
                    raise StopIteration
                return table

        self.assertEqual([len(batch) for batch in evtwin.source(Reader())], [3, 3])

    def test_a_source_that_raises_or_answers_nonsense(self):
        def broken():
            raise LookupError("where?")
            yield

        for origin, words in ((broken(), "LookupError: where"), ([3], "TypeError: a table is needed"), ([{"time": [3]}], "")):
            with evtwin.Pump(origin, "sqlite::memory:") as pump:
                with self.assertRaisesRegex(errors.Error, words):
                    pump.run()

    def test_a_callback_that_calls_its_own_pump_is_refused(self):
        pump = evtwin.Pump(self.SOURCE, lambda _batch: pump.run_once())
        with pump, self.assertRaisesRegex(errors.Error, "a callback must not call"):
            pump.run()

    def test_the_log_goes_to_logging(self):
        with self.assertLogs("evtwin", logging.INFO) as caught:
            path("naive.csv").write_text("time,battery_id,soc\n2024-01-01 00:00:00,A,50\n")
            evtwin.Table.read_csv(path("naive.csv"))
        self.assertIn("offset", caught.output[0])

    def test_ctrl_c_ends_long_work(self):
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        try:
            with self.assertRaises(KeyboardInterrupt):
                evtwin.Fleet(5000).run_to_failure(record_every_days=1)
        finally:
            timer.cancel()


if __name__ == "__main__":
    unittest.main()
