# SPDX-License-Identifier: MIT
"""Values as NumPy's users have them where C takes a number, a time or a list; what is refused with its
name; and what callbacks raise."""
import datetime
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np

import evtwin
from evtwin import core, errors
from evtwin._base import to_ms

SOURCE = "sim:?rows=3&speed=max"


class Options(unittest.TestCase):
    def test_numbers_of_numpy_are_numbers(self):
        sim = evtwin.Fleet(np.int64(3), seed=np.uint8(5), step_s=np.float32(2), without_defects=np.bool_(True))
        self.assertEqual((sim._options.n_packs, sim._options.seed, sim._options.step_s, sim._options.without_defects),
                         (3, 5, 2.0, 1))

    def test_numbers_of_numpy_are_arguments_of_core(self):
        table = core.table_create()
        col = core.table_add_column(table, "a", np.int32(core.F64), None)
        core.table_resize(table, np.int64(3))
        core.table_set_f64(table, np.uint8(col), np.array(1), np.float32(0.5))
        self.assertEqual(core.table_number(table, col, np.int16(1)), 0.5)
        self.assertEqual(core.time_format(np.int64(0)), core.time_format(0))

        class Second:
            def __index__(self):
                return 1

        self.assertEqual(core.table_number(table, col, Second()), 0.5)
        for wrong, kind in ((1.0, TypeError), (np.float64(1), TypeError), ("1", TypeError), (None, TypeError), (-1, OverflowError),
                            (np.int64(-1), OverflowError), (2**64, OverflowError), (np.arange(2), TypeError)):
            with self.subTest(wrong), self.assertRaises(kind):
                core.table_number(table, col, wrong)
        for wrong in ("1", None, np.arange(2), 1j):
            with self.subTest(wrong), self.assertRaises(TypeError):
                core.table_set_f64(table, col, 0, wrong)

    def test_what_c_does_not_take_is_refused_by_name(self):
        for wrong, kind in (({"seed": -1}, OverflowError), ({"seed": 1.5}, TypeError), ({"seed": np.float32(1)}, TypeError),
                            ({"n_packs": "many"}, TypeError), ({"seed": np.arange(2)}, TypeError)):
            with self.subTest(wrong), self.assertRaises(kind):
                evtwin.Simulator(**wrong)
        with self.assertRaisesRegex(OverflowError, "seed is -1, not of C's type 'uint64_t'"):
            evtwin.Simulator(seed=-1)
        with self.assertRaisesRegex(TypeError, "features is"):
            evtwin.train({"soc": [1.0]}, features=["soc", 3])
        for name in ("this", "thisown"):
            with self.assertRaisesRegex(TypeError, "unexpected option"):
                evtwin.Simulator(**{name: 0})

    def test_a_list_of_names_may_be_an_array(self):
        """As the columns of a frame are; a set has no order."""
        self.assertEqual(evtwin._base.options(core.train_options, {"features": np.array(["soc", "soh"], object)}).features, "soc,soh")
        with self.assertRaisesRegex(TypeError, "features: expected str"):
            evtwin.train({"soc": [1.0]}, features={"soc"})

    def test_units_are_a_mapping_wherever_they_are_taken(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "a.csv")
            path.write_text("soc;power\n0,5;1\n", encoding="utf-8")
            for units in ({"soc": "fraction"}, "soc=fraction", ["soc=fraction"]):
                self.assertEqual(evtwin.Table.read_csv(path, units=units).units["soc"], "fraction")
                self.assertEqual(evtwin.Table({"soc": [0.5]}, units=units).units["soc"], "fraction")

    def test_units_of_a_training_are_those_of_its_table(self):
        """What is wrong with the table is not said to whoever gives them to the wrong call."""
        for use in (evtwin.train, evtwin.audit):
            with self.assertRaisesRegex(TypeError, r"Table\(data, units="):
                use({"soc": np.linspace(0.1, 0.9, 50)}, units={"soc": "fraction"})

    def test_one_string_is_a_list_of_one(self):
        with self.assertRaisesRegex(LookupError, "'range' is not a target"):
            evtwin.train({"soc": [1.0]}, targets="range")
        options = core.server_options()
        options.set_allow_hosts("twin.example")
        self.assertEqual(options._kept["allow_hosts"][0], ["twin.example"])


class Times(unittest.TestCase):
    def test_times_of_a_table_are_moments(self):
        table = evtwin.Table({"time": [datetime.datetime(2024, 6, 1, tzinfo=datetime.timezone.utc)]})
        moment = table["time"][0]
        us = evtwin.to_us(datetime.datetime(2024, 6, 1, tzinfo=datetime.timezone.utc))
        for unit in ("us", "ns", "s", "D"):
            self.assertEqual(evtwin.to_us(moment.astype(f"datetime64[{unit}]")), us)
        sim = evtwin.Simulator(start_time=moment)
        self.assertEqual(sim.read()["time"][0], moment)
        self.assertIsNone(evtwin.Store("sqlite::memory:").history("A", start=moment))

    def test_what_is_no_moment(self):
        with self.assertRaisesRegex(ValueError, "NaT"):
            evtwin.to_us(np.datetime64("NaT"))
        with self.assertRaisesRegex(TypeError, "is text"):
            evtwin.Store("sqlite::memory:").history("A", start="2024-01-01")

    def test_a_time_to_wait(self):
        self.assertEqual((to_ms(0), to_ms(1.5), to_ms(float("inf"))), (0, 1500, 2**31 - 1))
        self.assertEqual(len(evtwin.source(SOURCE).read(timeout_s=float("inf"))), 3)
        for wrong in (-1, float("nan")):
            with self.assertRaisesRegex(ValueError, "time to wait"):
                evtwin.source(SOURCE).read(timeout_s=wrong)


class Rows(unittest.TestCase):
    def test_rows_are_selected_by_integers_or_a_mask(self):
        table = evtwin.Table({"x": [1.0, 2.0, 3.0]})
        self.assertEqual(table.select(np.array([2, 0], np.uint8))["x"].tolist(), [3, 1])
        self.assertEqual(table.select([True, False, True])["x"].tolist(), [1, 3])
        for wrong in ([0.7], ["0"], [None]):
            with self.subTest(wrong), self.assertRaisesRegex(TypeError, "integers"):
                table.select(wrong)
        for wrong in ([-1], [3], [2**64 - 1]):
            with self.subTest(wrong), self.assertRaisesRegex(errors.ArgumentError, "of a table of 3"):
                table.select(wrong)


class Matrices(unittest.TestCase):
    class Frame:
        """What predict sees of a data frame."""

        def __init__(self, columns, values):
            self.columns, self.values = columns, np.asarray(values, float)

        def __array__(self, dtype=None, copy=None):
            return self.values.astype(dtype or float)

    def test_a_frame_has_the_columns_of_the_model(self):
        """Another order would be another battery, without a word."""
        records, _ = evtwin.Fleet(8, seed=1).run_to_failure(record_every_days=30)
        trainer = evtwin.train(records, targets={"rul": {"trees": 5}}, features=["soh", "temperature"])
        self.assertAlmostEqual(sum(trainer.importance("rul").values()), 1)
        for name in ("range", "failure"):  # not NaN of each feature
            with self.assertRaises(errors.NotFoundError):
                trainer.importance(name)
        predictor = trainer.predictor()
        right = predictor.predict([[90, 20]])
        np.testing.assert_array_equal(predictor.predict(self.Frame(["soh", "temperature"], [[90, 20]])), right)
        for names in (["temperature", "soh"], ["SoH", "Battery_Temperature"], [0, 1]):
            with self.subTest(names), self.assertRaisesRegex(errors.SchemaError, "a matrix has soh, temperature, in this"):
                predictor.predict(self.Frame(names, [[20, 90]]))
        # what a mask hides is missing, whatever lies behind it
        for x in (np.ma.masked_array([[90.0, 20]], [[False, True]]), np.ma.masked_array([[90, 20]], [[True, False]])):
            self.assertTrue(np.isnan(predictor.predict(x))[0, 0])
        np.testing.assert_array_equal(predictor.predict(np.ma.masked_array([[90.0, 20]])), right)
        self.assertEqual(len(predictor.reasons("rul", [90, 20], np.int64(1))), 1)
        for k in (1.0, "1", -1):
            with self.subTest(k), self.assertRaises((TypeError, OverflowError)):
                predictor.reasons("rul", [90, 20], k)


class Exceptions(unittest.TestCase):
    def test_the_status_of_others_is_not_ours(self):
        """An exception of an HTTP client has a status, too: what may pass is tried again."""
        for status in ("503", -1, None):
            class Unavailable(ConnectionError):
                pass

            Unavailable.status = status

            def write(_batch):
                raise Unavailable("try later")

            with self.subTest(status), evtwin.Pump(SOURCE, write) as pump, self.assertRaises(errors.AgainError):
                pump.run()

        def write_busy(_batch):
            raise errors.BusyError("held by another")

        with evtwin.Pump(SOURCE, write_busy) as pump, self.assertRaises(errors.BusyError):
            pump.run()

    def test_a_wish_to_stop_is_never_lost(self):
        """Ctrl-C while a sink writes: also where the pump holds the rows, or another sink has failed before."""
        def away(_batch):
            raise ConnectionError("away")

        for kind in (KeyboardInterrupt, SystemExit):
            def stop(_what):
                raise kind

            for sinks, options in (((stop,), {"max_held_rows": 100}), ((away, stop), {"max_held_rows": 100}),
                                   ((away, stop), {}), ((away,), {"max_held_rows": 100, "on_event": stop})):
                with self.subTest((kind, len(sinks), options)), evtwin.Pump(SOURCE, *sinks, **options) as pump:
                    with self.assertRaises(kind):
                        pump.run_once()

    def test_a_name_may_be_made_anew_each_time(self):
        class Own:
            @property
            def name(self):
                return "".join(["a name of", " many letters" * 5])

        own = Own()
        for handle, uri in ((core.sink_create(own), core.sink_uri), (core.source_create(own), core.source_uri)):
            self.assertEqual(uri(handle), own.name)


class Ends(unittest.TestCase):
    def test_all_is_closed_while_others_make_more(self):
        code = ("import evtwin, threading, time, sys\n"
                "sys.setswitchinterval(1e-5)\n"
                "keep = [evtwin.Thresholds() for _ in range(20000)]\n"
                "def work():\n"
                "    more = []\n"
                "    while True:\n"
                "        more.append(evtwin.Thresholds())\n"
                "for _ in range(3):\n"
                "    threading.Thread(target=work, daemon=True).start()\n"
                "time.sleep(0.2)\n")
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
