# SPDX-License-Identifier: MIT
"""Data of Python as C tables, with NumPy alone: mappings, records, structured arrays; and Arrow's capsules, to
whoever takes them or leaves them. test_frames.py has the data frames."""
import ctypes
import datetime as dt
import gc
import pathlib
import resource
import subprocess
import sys
import threading
import unittest

import numpy as np

from evtwin import Table, core, errors
from evtwin._arrow import from_arrow


class Exporter:
    """What has a stream, as a Table does."""

    def __init__(self, handle):
        self.handle = handle

    def __arrow_c_stream__(self, requested_schema=None):
        return core.table_to_arrow(self.handle)


def column(handle, name):
    """Values of a column as a list, None where missing."""
    col = core.table_find(handle, name)
    rows = range(core.table_rows(handle))
    if core.table_type(handle, col) == core.TEXT:
        return [core.table_text(handle, col, row) for row in rows]
    return [core.table_number(handle, col, row) if core.table_is_valid(handle, col, row) else None for row in rows]


def type_of(handle, name):
    return core.table_type(handle, core.table_find(handle, name))


class Arrays(unittest.TestCase):
    def test_types(self):
        expected = {"f4": core.F64, "f8": core.F64, "f2": core.F64, "i1": core.I64, "u2": core.I64, "i8": core.I64,
                    "?": core.BOOL, "U3": core.TEXT, "M8[ns]": core.TIME, "M8[us]": core.TIME, "M8[D]": core.TIME,
                    "M8[h]": core.TIME, ">f8": core.F64, ">i4": core.I64}
        for dtype, kind in expected.items():
            with self.subTest(dtype):
                handle = from_arrow({"x": np.array([0, 1, 1]).astype(dtype)})
                self.assertEqual(type_of(handle, "x"), kind)
                if kind != core.TEXT and kind != core.TIME:
                    self.assertEqual(column(handle, "x"), [0, 1, 1])

    def test_float64_and_int64_are_not_copied(self):
        for values in (np.arange(5.0), np.arange(5)):
            handle = from_arrow({"x": values})
            view = np.asarray((core.table_f64 if values.dtype == float else core.table_i64)(handle, 0))
            self.assertTrue(np.shares_memory(values, view))
            values[2] = 7  # seen by the table: it is the same memory
            self.assertEqual(view[2], 7)
        strided = np.arange(10.0)[::2]
        self.assertEqual(column(from_arrow({"x": strided}), "x"), [0, 2, 4, 6, 8])

    def test_an_array_lives_as_long_as_its_table(self):
        values = np.arange(1000.0)
        before = values.sum()
        handle = from_arrow({"x": values})
        address = values.ctypes.data
        del values
        gc.collect()
        view = np.asarray(core.table_f64(handle, 0))
        del handle
        gc.collect()
        self.assertEqual(view.ctypes.data, address)
        self.assertEqual(view.sum(), before)

    def test_missing(self):
        handle = from_arrow({"f": [1.5, None, float("nan")], "i": [1, None, 3], "b": [True, None, False],
                             "s": ["a", None, ""], "n": [None, None, None],
                             "t": np.array(["2024-01-01", "NaT", "2024-01-02"], "M8[D]"),
                             "m": np.ma.masked_array([1.0, 2.0, 3.0], [0, 1, 0])})
        for name in "fibstm":
            self.assertEqual([v is None for v in column(handle, name)][:2], [False, True], name)
        self.assertEqual(column(handle, "i"), [1, None, 3])
        self.assertEqual(column(handle, "s"), ["a", None, ""])
        self.assertEqual(column(handle, "n"), [None] * 3)
        self.assertEqual(column(handle, "m"), [1, None, 3])
        self.assertEqual([type_of(handle, n) for n in "fibsn"],
                         [core.F64, core.I64, core.BOOL, core.TEXT, core.F64])

    def test_datetimes(self):
        zone = dt.timezone(dt.timedelta(hours=2))
        moments = [dt.datetime(2024, 1, 1, 12, tzinfo=zone), None, dt.datetime(1969, 12, 31, 23, tzinfo=dt.timezone.utc)]
        handle = from_arrow({"t": moments})
        self.assertEqual(core.time_format(int(np.asarray(core.table_i64(handle, 0))[0])), "2024-01-01T10:00:00.000000Z")
        self.assertEqual(np.asarray(core.table_i64(handle, 0))[2], -3600 * 10**6)
        with self.assertRaisesRegex(ValueError, "offset"):
            from_arrow({"t": [moments[0], dt.datetime(2024, 1, 1)]})
        options = core.arrow_options()
        options.naive_time = core.NAIVE_REJECT
        naive = [[dt.datetime(2024, 1, 1)], [np.datetime64("2024-01-01T00:00:00.5"), None]]
        for values in naive:
            with self.assertRaises(errors.ParseError):
                from_arrow({"t": values}, options)
        rows = Table([{"t": value} for value in naive[1]])  # as the times of a Table are, one by one
        self.assertEqual(str(rows["t"].tolist()), "[datetime.datetime(2024, 1, 1, 0, 0, 0, 500000), None]")
        with self.assertRaisesRegex(TypeError, "timedelta64"):
            from_arrow({"t": [np.timedelta64(1, "h"), 1]})

    def test_names_are_those_of_csv(self):
        """The library's alias table: units come with the name, in any naming; times as text or digits are read."""
        handle = from_arrow({"SoC": [0.5], "Battery_Voltage": [380.0], "Current / A": [-5.0],
                             "Vehicle.Powertrain.TractionBattery.StateOfHealth": [90.0],
                             "time": ["2024-01-01T00:00:00Z"]})
        units = [core.table_unit(handle, i) for i in range(5)]
        self.assertEqual(units, ["fraction", "V", "A", "percent", ""])
        self.assertEqual(core.telemetry_find(handle, "current"), 2)
        self.assertEqual(core.telemetry_factor(handle, 2), -1)
        self.assertEqual(type_of(handle, "time"), core.TIME)
        handle = from_arrow({"Unix Time / s": [1700000000.25]})
        self.assertEqual(np.asarray(core.table_i64(handle, 0))[0], 1700000000250000)

    def test_fractions_are_not_percent(self):
        values = np.linspace(0.2, 0.9, 30)
        with self.assertRaisesRegex(errors.RangeError, "fraction"):
            from_arrow({"soc": values})
        options = core.arrow_options()
        options.units = "soc=fraction"
        self.assertEqual(core.table_unit(from_arrow({"soc": values}, options), 0), "fraction")

    def test_shapes_of_data(self):
        expected = [1.0, 2.0]
        records = np.array([(1.0, "a"), (2.0, "b")], [("x", "f8"), ("id", "U1")])

        class Frame:  # a data frame of old
            columns = ["x", "id"]

            def __getitem__(self, name):
                return {"x": np.array(expected), "id": ["a", "b"]}[name]

        for data in (records, Frame(), [{"x": 1.0, "id": "a"}, {"id": "b", "x": 2.0}], {"x": expected, "id": "a b".split()},
                     Exporter(from_arrow(records))):
            handle = from_arrow(data)
            self.assertEqual((column(handle, "x"), column(handle, "id")), (expected, ["a", "b"]))
        self.assertEqual(core.table_cols(from_arrow({})), 0)
        self.assertEqual(core.table_rows(from_arrow({"x": np.empty(0)})), 0)
        sparse = from_arrow([{"x": 1.0}, {"y": 2}])
        self.assertEqual((column(sparse, "x"), column(sparse, "y")), ([1, None], [None, 2]))

    def test_a_table_is_not_one_array(self):
        table = Table({"soc": [50.0, None]})
        for key in (["soc"], 0, slice(1)):
            with self.assertRaisesRegex(TypeError, r"a column is named by a str.*rows are select\(rows\)"):
                table[key]
        for use in (np.asarray, np.array, lambda data: np.asarray(data, np.float64), np.mean):
            with self.assertRaisesRegex(TypeError, r"table\[name\]"):
                use(table)

    def test_refusals(self):
        for data, kind, text in (
                ({"x": [1, 2], "y": [1]}, ValueError, "'y' has 1 rows"), ({"x": np.zeros((2, 2))}, ValueError, "'x' has 2"),
                ({"x": 5}, TypeError, "'x'"), ({"x": "abc"}, TypeError, "'x'"), ({1: [1]}, TypeError, "name"),
                ({"x": [1, "a"]}, TypeError, "int, str"), ({"x": [2**63]}, OverflowError, "'x'"),
                ({"x": np.array([2**63], "u8")}, errors.RangeError, "x"), ({"x": np.array([1j])}, TypeError, "complex"),
                ({"x": [b"a"]}, TypeError, "bytes"), ({"x": ["a\0b"]}, errors.ParseError, "NUL"),
                ({"": [1]}, errors.SchemaError, "name"), ({"x": [np.zeros(2)]}, TypeError, "ndarray"),
                ({"x": ["\ud800"]}, ValueError, ""), (5, TypeError, "__arrow_c_stream__"), ("abc", TypeError, "str"),
                (None, TypeError, "None"), ([1, 2], TypeError, "list"), (np.zeros(3), TypeError, "ndarray"),
                ("fleet.csv", TypeError, "Table.read_csv reads a file"), (pathlib.Path("fleet.csv"), TypeError, "Table.read_csv"),
                ({"soc": 50.0}, TypeError, r"a dict of one row: \[row\]")):
            with self.subTest(repr(data)[:40]), self.assertRaisesRegex(kind, text):
                from_arrow(data)


class Capsules(unittest.TestCase):
    def test_names(self):
        handle = from_arrow({"x": [1.0]})
        self.assertIn('"arrow_array_stream"', repr(core.table_to_arrow(handle)))
        self.assertIn('"arrow_schema"', repr(core.table_arrow_schema(handle)))

    def test_a_stream_is_taken_once(self):
        capsule = core.table_to_arrow(from_arrow({"x": [1.0]}))
        core.table_from_arrow(capsule, None)
        with self.assertRaisesRegex(errors.ArgumentError, "released"):
            core.table_from_arrow(capsule, None)

    def test_other_objects_are_refused(self):
        schema = core.table_arrow_schema(core.table_create())
        for wrong in (None, 5, schema, b"arrow_array_stream"):
            with self.assertRaises((TypeError, ValueError)):
                core.table_from_arrow(wrong, None)

        class Bad:
            def __arrow_c_stream__(self):
                return 42

        class Raises:
            def __arrow_c_stream__(self):
                raise KeyError("gone")

        with self.assertRaises((TypeError, ValueError)):
            from_arrow(Bad())
        with self.assertRaisesRegex(KeyError, "gone"):
            from_arrow(Raises())

    def test_buffers_are_checked(self):
        for columns in (5, [5], [("x", "g", 0)], [(1, "g", 0, [])], [("x", "g", "0", [])], [("x", "g", 0, [5])],
                        [("x", "g", 0, 5)], [("x", "g", 0, [None] * 4)], [("x", "g", 0, [np.zeros((4, 4))[:, 1]])]):
            with self.subTest(columns), self.assertRaises((TypeError, ValueError, BufferError)):
                core.py_stream(columns, 1)
        with self.assertRaises(errors.ParseError):  # rows without a buffer
            core.table_from_arrow(core.py_stream([("x", "g", 0, [None, None])], 3), None)

    def test_nothing_leaks(self):
        data = {"x": np.arange(1000.0), "n": np.arange(1000), "id": ["a", "b"] * 500}

        def use():
            for _ in range(300):
                handle = from_arrow(data)
                core.table_to_arrow(handle)  # nobody takes it
                core.table_arrow_schema(handle)
                from_arrow(Exporter(handle))
                core.py_stream([("x", "g", 0, [None, data["x"]])], 1000)
                try:
                    core.py_stream([("x", "g", 0, [None, data["x"]]), ("y", "g", 0, [5])], 1000)
                except TypeError:
                    pass
                try:
                    from_arrow({"x": data["x"], "y": ["\0"] * 1000})
                except errors.ParseError:
                    pass

        use()
        gc.collect()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(3):
            use()
        grown_KiB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        self.assertLess(grown_KiB, 8 * 1024)  # 900 tables of 40 kB would be 36 MB
        data["x"].resize(2000, refcheck=False)  # no buffer of it is held any more

    def test_threads(self):
        """Tables are made and freed on other threads than their arrays."""
        kept, failures = [], []

        def work():
            try:
                for _ in range(50):
                    kept.append(from_arrow({"x": np.arange(100.0), "id": ["a"] * 100}))
                    while len(kept) > 20:
                        kept.pop(0)
            except Exception as error:  # noqa: BLE001 shown by the main thread
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_tables_that_live_to_the_end_end_well(self):
        """With the interpreter, in whatever order; also on a thread that goes on."""
        code = ("import numpy as np, threading, time, evtwin\n"
                "keep = [evtwin.Table({'x': np.arange(1000.0)}) for _ in range(100)]\n"
                "streams = [t.__arrow_c_stream__() for t in keep]\n"
                "def work():\n"
                "    while True:\n"
                "        evtwin.Table({'x': np.arange(10.0)})\n"
                "threading.Thread(target=work, daemon=True).start()\n"
                "time.sleep(0.2)\n")
        for _ in range(3):
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_who_lets_go_at_the_end_is_waited_for(self):
        """Threads of C that release a stream while the interpreter ends: those that wait for the GIL get it before that,
        since CPython before 3.14 would unwind them, and std::terminate ends a program with C++ below."""
        code = ("import atexit, ctypes, sys\n"
                "freed = []\n"
                "atexit.register(lambda: print(len(freed)))  # the last, as the first registered\n"
                "from evtwin import core\n"
                "class Buffer(bytearray):\n"
                "    def __del__(self):\n"
                "        freed.append(1)\n"
                "class Stream(ctypes.Structure):\n"
                "    _fields_ = [(n, ctypes.c_void_p) for n in ('schema', 'next', 'error', 'release', 'private')]\n"
                "get = ctypes.pythonapi.PyCapsule_GetPointer\n"
                "get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]\n"
                "streams, threads = [], (ctypes.c_ulong * 20)()\n"
                "for _ in threads:\n"
                "    capsule = core.py_stream([('x', 'g', 0, [None, Buffer(8)])], 1)\n"
                "    inside = Stream.from_address(get(capsule, b'arrow_array_stream'))\n"
                "    streams.append(Stream.from_buffer_copy(inside))\n"
                "    inside.release = None\n"
                "del capsule\n"
                "libc = ctypes.PyDLL(None)  # its calls keep the GIL\n"
                "sys.setswitchinterval(600)  # and so does this thread\n"
                "def start():\n"
                "    for i, stream in enumerate(streams):\n"
                "        libc.pthread_create(ctypes.byref(threads, i * ctypes.sizeof(ctypes.c_ulong)), None,\n"
                "                            ctypes.c_void_p(stream.release), ctypes.byref(stream))\n"
                "    libc.usleep(300000)  # until each waits\n"
                "atexit.register(start)\n")
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertGreater(int(done.stdout), 0)  # all 20, but for those that the machine did not start in time

    def test_a_producer_of_c(self):
        """The structs as a program without Python sees them: our stream by ctypes, moved out of its capsule."""
        class Stream(ctypes.Structure):
            _fields_ = [(name, ctypes.c_void_p) for name in ("schema", "next", "error", "release", "private")]

        capsule = core.table_to_arrow(from_arrow({"x": [1.0, 2.0]}))
        get = ctypes.pythonapi.PyCapsule_GetPointer
        get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        inside = Stream.from_address(get(capsule, b"arrow_array_stream"))
        moved = Stream.from_buffer_copy(inside)
        inside.release = None
        del capsule  # frees the struct, but not what moved
        gc.collect()
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(moved.release)(ctypes.addressof(moved))
        self.assertIsNone(moved.release)


if __name__ == "__main__":
    unittest.main()
