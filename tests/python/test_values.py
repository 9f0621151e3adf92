# SPDX-License-Identifier: MIT
"""Values as NumPy's users have them where C takes a number, a time or a list; what is refused with its
name; and what callbacks raise."""
import datetime
import decimal
import functools
import os
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

    def test_a_misspelt_option_names_the_one_that_is_near(self):
        for wrong, near in (("sed", "seed"), ("start_tme", "start_time"), ("n_pack", "n_packs")):
            with self.assertRaisesRegex(TypeError, f"'{wrong}' .did you mean '{near}'.*: sim_options has no"):
                evtwin.Simulator(**{wrong: 1})
        for wrong in ("colour", "thisow"):  # thisown is SWIG's
            with self.assertRaisesRegex(TypeError, f"'{wrong}': sim_options has no"):
                evtwin.Simulator(**{wrong: 1})
        with self.assertRaisesRegex(TypeError, "'strt' .did you mean 'start'"):  # not as C has it: from is a word of Python
            evtwin.Store("sqlite::memory:").history("A", strt=1)
        with self.assertRaises(AttributeError) as caught:
            evtwin.Simulater
        self.assertEqual((caught.exception.name, caught.exception.obj), ("Simulater", evtwin))  # from which Python guesses

    def test_a_path_is_what_the_system_takes_for_one(self):
        class Place:
            def __fspath__(self):
                return os.fsencode(os.path.join(folder, "a.db"))

        with tempfile.TemporaryDirectory() as folder:
            for make in (evtwin.Store, evtwin.sink, evtwin.source):
                make(Place()).close()
                with self.assertRaisesRegex(TypeError, "is bytes: a URI is a str"):
                    make(b"sqlite:b.db")
            self.assertEqual(os.listdir(folder), ["a.db"])
            with self.assertRaisesRegex(errors.NotFoundError, "^/nowhere/x.csv: "):
                evtwin.Table.read_csv(b"/nowhere/x.csv")

    def test_another_object_is_refused_by_its_name(self):
        for call in (lambda: evtwin.Session("models"), lambda: evtwin.Pump(SOURCE, predictor="models"),
                     lambda: evtwin.Pump(SOURCE, spool=evtwin.sink("null:")), lambda: evtwin.Pump(SOURCE).swap_predictor(None)):
            with self.assertRaisesRegex(TypeError, "an evtwin.(Predictor|Spool) is needed, not "):
                call()
        for wrong in (None, 5, evtwin.Table):
            with self.assertRaisesRegex(TypeError, "is needed, not "):
                evtwin.source(wrong)

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
        with self.assertRaisesRegex(OverflowError, "64 bits of microseconds"):
            evtwin.to_us(np.datetime64(2**62, "D"))
        for wrong in (1.7e9, np.float64(1.7e15), datetime.date(2024, 1, 1), decimal.Decimal(5), None, np.timedelta64(1, "s")):
            with self.subTest(wrong), self.assertRaisesRegex(TypeError, "whole microseconds since 1970, is needed"):
                evtwin.to_us(wrong)

        class Local(datetime.tzinfo):
            def utcoffset(self, _when):
                return None

        with self.assertRaisesRegex(ValueError, "has no offset"):
            evtwin.to_us(datetime.datetime(2024, 1, 1, tzinfo=Local()))
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
        with self.assertRaisesRegex(TypeError, "masked"):
            table.select(np.ma.masked_array([True, True, False], [0, 1, 0]))
        self.assertEqual(len(table.select(np.ma.masked_array([True, True, False]))), 2)
        for wrong in ([-1], [3], [2**64 - 1]):
            with self.subTest(wrong), self.assertRaisesRegex(errors.ArgumentError, "of a table of 3"):
                table.select(wrong)


class Columns(unittest.TestCase):
    def test_values_that_numpy_and_databases_give(self):
        """As Arrow's decimals and dates are taken."""
        early = datetime.datetime.min.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=2)))  # in UTC in the year 0
        table = evtwin.Table({
            "d": [decimal.Decimal("1.5"), None, decimal.Decimal("sNaN")], "t": [datetime.date(2024, 1, 2), None, datetime.date.max],
            "m": np.ma.masked_array(np.array(["2024", "2025", "2026"], "M8[D]"), [0, 1, 0]), "e": [early, None, early]})
        self.assertEqual(table.types, {"d": "f64", "t": "time", "m": "time", "e": "time"})
        np.testing.assert_array_equal(table["d"], [1.5, np.nan, np.nan])
        np.testing.assert_array_equal(table["t"], np.array(["2024-01-02", "NaT", "9999-12-31"], "M8[us]"))
        np.testing.assert_array_equal(table["m"], np.array(["2024", "NaT", "2026"], "M8[us]"))
        self.assertEqual(table["e"][0], np.datetime64("0000-12-31T22:00", "us"))
        with self.assertRaisesRegex(TypeError, "holds date, datetime"):
            evtwin.Table({"t": [datetime.date(2024, 1, 1), datetime.datetime(2024, 1, 1)]})
        with self.assertRaisesRegex(errors.ParseError, "time"):
            evtwin.Table({"time": [datetime.date(2024, 1, 1)]}, naive_time="reject")

    def test_a_shell_completes_the_names_of_columns(self):
        self.assertEqual(evtwin.Table({"soc": [50.0]})._ipython_key_completions_(), ["soc"])
        self.assertIn("RULRegressor", dir(evtwin))


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
        for wrong in (np.array([[90, 20j]]), np.array([["2024", "2025"]], "M8[D]"), np.array([[1, 2]], "m8[s]")):
            for x in (wrong, np.ma.masked_array(wrong), list(wrong)):  # a list of moments, too
                with self.subTest(x), self.assertRaisesRegex(TypeError, "real numbers are needed"):
                    predictor.predict(x)
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

    def test_what_nobody_would_await_is_refused(self):
        """An async sink would return before it has written, and its rows would be acknowledged."""
        async def later(*_arguments):
            raise AssertionError("it runs")

        def part(_batch):
            yield

        class Own:
            def __init__(self, **members):
                self.__dict__.update(members)

            def write(self, _batch):
                pass

        class Called:
            __call__ = later

        for wrong in (later, functools.partial(later, 1), Called(), part, Own(write=later), Own(flush=later), Own(close=later)):
            with self.subTest(wrong), self.assertRaisesRegex(TypeError, "nobody would (await|iterate) it"):
                evtwin.sink(wrong)
        for wrong in (Own(read=later), Own(read=Own.write, commit=later)):
            with self.assertRaisesRegex(TypeError, "nobody would await it"):
                evtwin.source(wrong)
        for call in (lambda: evtwin.Pump(SOURCE, on_event=later), lambda: evtwin.Fleet(1).run_to_failure(progress=later),
                     lambda: evtwin.train({"soc": [50.0]}, progress=later)):
            with self.assertRaisesRegex(TypeError, "(on_event|progress) is async"):
                call()
        with evtwin.Pump(SOURCE, lambda batch: later(batch)) as pump, self.assertRaises(errors.ExternalError) as caught:
            pump.run()
        self.assertRegex(str(caught.exception.__cause__), "nobody awaits: the rows would be lost")
        with evtwin.Pump(SOURCE, lambda batch: part(batch)) as pump, self.assertRaises(errors.ExternalError) as caught:
            pump.run()
        self.assertRegex(str(caught.exception.__cause__), "nobody iterates: the rows would be lost")

    def test_a_refused_sink_leaves_the_source_to_its_owner(self):
        source = evtwin.source(SOURCE)
        closed = evtwin.sink("null:")
        closed.close()
        for wrong, kind in (("nowhere:", errors.UnsupportedError), (5, TypeError), (closed, errors.StateError)):
            with self.subTest(wrong), self.assertRaises(kind):
                evtwin.Pump(source, "null:", wrong)
        with evtwin.sink("null:") as twice:
            for how in ({}, {"dead_letters": twice}):
                with self.assertRaisesRegex(errors.ArgumentError, "a sink is given twice"):
                    evtwin.Pump(source, twice, *([] if how else [twice]), **how)
            self.assertFalse(twice.closed)
        with evtwin.Pump(source, "null:") as pump:
            self.assertEqual(pump.run(), 3)

    def test_a_callback_that_uses_or_closes_its_own_object(self):
        """It is refused, or nothing is left to do; it never waits for itself."""
        class Own:
            handle = None

            def read(self, _max_rows, _timeout_s):
                evtwin.Pump(self.handle, "null:")

            def write(self, _batch):
                self.handle.close()

            def close(self):
                self.handle.close()
                closed.append(self)

        closed = []
        for make, use in ((evtwin.source, evtwin.Source.read), (evtwin.sink, lambda sink: sink.write({"battery_id": ["A"]}))):
            own = Own()
            own.handle = make(own)
            with self.assertRaisesRegex(errors.StateError, "a callback must not (call|close) the object that it serves"):
                use(own.handle)
            own.handle.close()
        self.assertEqual(len(closed), 2)

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
