# SPDX-License-Identifier: MIT
"""evtwin.core: SWIG makes it of the headers without a warning, all of the C library is in it, and it takes no harm
from what it is given."""
import gc
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import numpy as np

from evtwin import core, errors

SOURCE = os.environ["EVTWIN_SOURCE"]
BINDINGS = os.path.join(SOURCE, "bindings", "python")


def text_of(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as file:
        return file.read()


def public_symbols():
    return re.findall(r"^\s*(evtwin_\w+);", text_of("lib", "evtwin.map"), re.M)


WAITS = re.compile(r"pthread_mutex_lock|pthread_cond_(timed)?wait|pthread_join|poll|(clock_)?nanosleep|f?open(64)?|fsync|read|write|send|recv|"
                   r"connect|PQ\w+|sqlite3_(step|exec|open_v2|prepare_v2)|rd_kafka_\w+|mosquitto_\w+|curl_\w+|XG\w+|evtwin__log\w*")
"""What waits for others, or computes long, or calls back."""
POINTER = "what a pointer names"
SAFE = {"drop_data": "releases memory that others lent: Python's own takes the GIL, which its holder may",
        "release_schema": "the same of what the library itself gave out", "release_array": "the same",
        "evtwin_table_validity": "its lock is held while a bitmap is made, which calls nobody"}


def calls_of(library):
    """function -> what it calls or takes the address of. Functions of one file have their address in their name, as
    others may be called the same."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", library], capture_output=True, text=True, check=True).stdout
    public = set(public_symbols())
    calls, name = {}, None
    for line in text.splitlines():
        if begins := re.match(r"0*([0-9a-f]+) <([^>@]+)(@.*)?>:$", line):
            name = begins[2] if begins[2] in public else f"{begins[2]} {begins[1]}"
            if begins[3] is not None:  # only the way to another library, or to our own
                name = None
            else:
                calls[name] = set()
        elif name and (to := re.search(r"\s(?:call|jmp|j[a-z]+|lea|bl?|adrp?)\b.*\b([0-9a-f]+) <([^>+@]+)(@[^>]*)?>", line)):
            calls[name].add(to[2] if to[2] in public or to[3] is not None else f"{to[2]} {to[1]}")
        elif name and re.search(r"\s(?:(?:call|jmp)\s+\*|blr\b)", line) and "notrack" not in line:
            calls[name].add(POINTER)
    return calls


def way_to_a_wait(calls, function):
    """The shortest way from a function to one of WAITS, in words; None if there is none."""
    before, todo = {function: None}, [function] if function not in SAFE else []
    while todo:
        here = todo.pop(0)
        for to in sorted(calls.get(here, ())):
            if to in before or to.split(" ")[0] in SAFE:
                continue
            before[to] = here
            if to == POINTER or WAITS.fullmatch(to.split(" ")[0]):
                way = [to]
                while before[way[-1]] is not None:
                    way.append(before[way[-1]])
                return " > ".join(reversed(way))
            todo.append(to)
    return None


class Generated(unittest.TestCase):
    def test_swig_makes_the_module_that_was_built_without_a_warning(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                ["swig", "-python", "-threads", "-Wextra", "-Werror", "-I" + os.path.join(SOURCE, "include"),
                 "-I" + BINDINGS, "-outdir", folder, "-o", os.path.join(folder, "wrap.c"),
                 os.path.join(BINDINGS, "evtwin.i")], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
            made, built = (pathlib.Path(path).read_text(encoding="utf-8")
                           for path in (os.path.join(folder, "core.py"), core.__file__))
            if "WHEEL" in os.environ and made.splitlines()[1] != built.splitlines()[1]:
                self.skipTest("the wheel is made with pip's SWIG")
            self.assertEqual(made, built)

    def test_every_symbol_is_there_or_left_out_with_a_reason(self):
        left_out = dict(re.findall(r"^%ignore (evtwin_\w+);\s+/\* (.+) \*/$", text_of("bindings", "python", "left_out.i"),
                                   re.M))
        for name in public_symbols():
            short = name[len("evtwin_"):]
            if name in left_out:
                self.assertFalse(hasattr(core, short), name)
            elif name.endswith("_free") and hasattr(core, short[:-len("_free")]):
                # as a method of the class: its destructor
                self.assertTrue(hasattr(getattr(core, short[:-len("_free")]), "__swig_destroy__"), name)
                self.assertFalse(hasattr(core, short), f"{name} would free it a second time")
            elif name.endswith("_init"):
                self.assertIn("__init__", vars(getattr(core, short[:-len("_init")])), name)
            else:
                self.assertTrue(callable(getattr(core, short, None)), name)
        self.assertEqual(set(left_out) - set(public_symbols()), set())

    def test_every_handle_of_c_is_an_object(self):
        """Also one that a header brings anew: without its line in handles.i Python could neither make nor free it."""
        headers = "".join(text_of("include", "evtwin", name) for name in os.listdir(os.path.join(SOURCE, "include", "evtwin"))
                          if name.endswith(".h"))
        handles = set(re.findall(r"^EVTWIN_API void evtwin_(\w+)_free\(evtwin_\1 \*", headers, re.M))
        self.assertGreater(len(handles), 20)
        for name in handles:
            self.assertTrue(hasattr(getattr(core, name, None), "__swig_destroy__"), name)

    def test_every_call_is_known_to_wait_or_not(self):
        """What is not in threads.i keeps the GIL: it must be a mere look-up."""
        releases = set(re.findall(r"^%thread (\w+);", text_of("bindings", "python", "threads.i"), re.M))
        self.assertEqual(releases - set(public_symbols()), set())
        waits = re.compile(r"_(open|load|save|read|write|start|apply|predict|insert|train|run|advance|create|check|join|agree|"
                           r"upload|download|flush|finish|run_once)$")
        keeps = {name for name in public_symbols() if waits.search(name)} - releases
        # they only make an empty object
        self.assertEqual(keeps, {"evtwin_table_create"})

    def test_no_call_that_keeps_the_gil_comes_to_a_wait(self):
        """By the code itself, and not by names: who calls whom in the library. What is called through a pointer may wait."""
        library = os.path.join(os.environ["EVTWIN_BUILD"], "libevtwin.so")
        if shutil.which("objdump") is None or not os.path.exists(library):
            self.skipTest("there is no objdump (Debian: binutils), or no library in the build folder")
        calls = calls_of(library)
        if not set(SAFE) <= {name.split(" ")[0] for name in calls} or not any(POINTER in to for to in calls.values()):
            self.skipTest("this compiler has put functions that are known to be safe into others")
        releases = set(re.findall(r"^%thread (\w+);", text_of("bindings", "python", "threads.i"), re.M))
        self.assertGreater(sum(way_to_a_wait(calls, name) is not None for name in releases), 80, "the test sees them")
        left_out = set(re.findall(r"^%ignore (evtwin_\w+);", text_of("bindings", "python", "left_out.i"), re.M))
        # destructors release it by themselves
        keeps = {name for name in public_symbols() if not name.endswith(("_free", "_options_init"))} - releases - left_out
        ways = [way for name in sorted(keeps) if (way := way_to_a_wait(calls, name))]
        self.assertEqual(ways, [], "add them to threads.i")

    def test_errors_are_those_of_the_library(self):
        known = re.findall(r"X\((E_\w+), (-\d+), \"([^\"]+)\"\)", text_of("include", "evtwin", "base.h"))
        self.assertEqual(len(known), 16)
        self.assertEqual(set(errors.BY_STATUS), {int(number) for _, number, _ in known})
        self.assertEqual(errors.__all__, ["Error", *(kind.__name__ for kind in errors.BY_STATUS.values())])
        for name, number, text in known:
            kind = errors.BY_STATUS[int(number)]
            self.assertEqual(getattr(core, name), int(number))
            self.assertEqual(kind.__doc__.lower().rstrip("."), text.lower(), name)
            self.assertGreater(len(kind.__mro__), 4, f"{name} is also a built-in kind")

    def test_options_have_the_defaults_and_members_of_c(self):
        options = core.sim_options()
        self.assertEqual((options.battery_id, options.n_series, options.seed), ("BATTERY_001", 96, 0))
        with self.assertRaisesRegex(AttributeError, "sim_options has no 'sede'; it has .*seed"):
            options.sede = 1
        options.battery_id = "".join(["X", "_7"])  # nobody else keeps it
        gc.collect()
        self.assertEqual(core.sim_battery_id(core.sim_create(options), 0), "X_7")


def telemetry(n_packs=3):
    options = core.sim_options()
    options.n_packs = n_packs
    sim = core.sim_create(options)
    table = core.telemetry_table_create()
    core.sim_read(sim, core.time_parse("2024-01-01", core.NAIVE_UTC), table)
    return table


class Tables(unittest.TestCase):
    def test_views_share_memory_and_outlive_their_table(self):
        table = telemetry()
        soc = np.asarray(core.table_f64(table, core.table_find(table, "soc")))
        again = np.asarray(core.table_f64(table, core.table_find(table, "soc")))
        self.assertTrue(np.shares_memory(soc, again))
        self.assertFalse(soc.flags.writeable)
        kept = soc.tolist()
        del table, again
        gc.collect()
        telemetry(200)
        self.assertEqual(soc.tolist(), kept)

    def test_nothing_moves_below_a_view(self):
        table = telemetry()
        view = core.table_f64(table, core.table_find(table, "soc"))
        with self.assertRaises(errors.StateError):
            core.table_resize(table, 100000)
        self.assertEqual(len(memoryview(view)), 3)

    def test_views_of_other_types_and_of_nothing(self):
        table = telemetry()
        self.assertIsNone(core.table_f64(table, core.table_find(table, "battery_id")))
        self.assertIsNone(core.table_f64(table, 10**6))
        time = np.asarray(core.table_i64(table, core.table_find(table, "time")))
        self.assertEqual(time.dtype, np.int64)
        n, offsets, letters = core.table_dict_utf8(table, core.table_find(table, "battery_id"))
        self.assertEqual((n, bytes(letters)), (3, b"BATTERY_001BATTERY_002BATTERY_003"))
        self.assertEqual(np.asarray(offsets).tolist(), [0, 11, 22, 33])
        empty = core.telemetry_table_create()
        self.assertEqual(np.asarray(core.table_f64(empty, core.table_find(empty, "soc"))).shape, (0,))

    def test_columns_are_filled_from_arrays(self):
        table = core.table_create()
        col = core.table_add_column(table, "a", core.F64, "V")
        when = core.table_add_column(table, "t", core.TIME, None)
        core.table_resize(table, 4)
        core.fill_f64(table, col, np.arange(4.0))
        core.fill_i64(table, when, np.arange(4))
        with self.assertRaises(ValueError):
            core.fill_f64(table, col, np.arange(5.0))
        with self.assertRaises(TypeError):
            core.fill_f64(table, col, np.arange(4, dtype=np.float32))
        with self.assertRaises(errors.StateError):
            core.fill_f64(table, when, np.arange(4.0))
        self.assertEqual(np.asarray(core.table_f64(table, col)).tolist(), [0, 1, 2, 3])
        self.assertEqual(np.asarray(core.table_i64(table, when)).tolist(), [0, 1, 2, 3])


class Hostile(unittest.TestCase):
    def test_none_for_an_object_is_an_error_not_a_crash(self):
        for call in (lambda: core.sim_advance(None, 1), lambda: core.store_count(None),
                     lambda: core.predictor_info_get(None), lambda: core.pump_run_once(None, 0)):
            with self.assertRaises(errors.ArgumentError):
                call()
        self.assertEqual(core.table_rows(None), 0)

    def test_an_object_of_another_kind_is_a_type_error(self):
        with self.assertRaisesRegex(TypeError, "expected a sim, not"):
            core.sim_advance(telemetry(), 1)
        with self.assertRaisesRegex(TypeError, "expected a sim, not"):
            core.sim_advance("sim", 1)

    def test_text_with_nul_or_surrogates_and_numbers_out_of_range(self):
        with self.assertRaises(ValueError):
            core.source_open("sim:\0")
        with self.assertRaises(ValueError):
            core.source_open("\udc80")
        with self.assertRaises(TypeError):
            core.source_open(b"sim:")
        with self.assertRaises((OverflowError, TypeError)):
            core.table_resize(core.table_create(), -1)
        with self.assertRaises(errors.NoMemoryError):
            table = telemetry()
            core.table_resize(table, 2**60)

    def test_what_was_given_away_is_refused_and_a_failed_gift_is_not(self):
        pump, source = core.pump_create(None), core.source_open("sim:?rows=1&speed=max")
        core.pump_take_source(pump, source)
        with self.assertRaisesRegex(ValueError, "was given away"):
            core.source_uri(source)
        other = core.source_open("sim:")
        with self.assertRaises(errors.StateError):
            core.pump_take_source(pump, other)
        self.assertEqual(core.source_uri(other), "sim:")

    def test_a_borrowed_object_is_not_given_away_and_keeps_its_owner(self):
        features = core.features_create(None)
        self.assertEqual(core.features_count(features), 7)
        with self.assertRaises(TypeError):
            core.pump_take_source(core.pump_create(None), features)

    def test_callbacks_must_be_callable(self):
        with self.assertRaises(TypeError):
            core.set_log(3)
        options = core.train_options()
        with self.assertRaises(TypeError):
            options.progress = "often"
        self.assertIsNone(options.progress)

    def test_a_progress_that_raises_stops_the_work_with_its_exception(self):
        class Enough(Exception):
            pass

        def progress(_what, _done):
            raise Enough

        options = core.run_to_failure_options()
        options.progress = progress
        with self.assertRaises(Enough):
            core.sim_run_to_failure(core.sim_options(), options)
        options.progress = lambda _what, _done: True
        with self.assertRaises(errors.CancelledError):
            core.sim_run_to_failure(core.sim_options(), options)

    def test_outcomes_that_are_no_failure(self):
        with tempfile.TemporaryDirectory() as folder:
            store = core.store_open(f"sqlite:{folder}/x.db", None)
            self.assertEqual(core.store_latest(store, None), (None, None))
            self.assertIsNone(core.store_position(store, "nobody"))
            report = core.store_insert_from(store, telemetry(), "me", "17")
            self.assertEqual((report.n_inserted, report.n_repeated), (3, 0))
            self.assertEqual(core.store_position(store, "me"), "17")
            rows, revision = core.store_changes(store, 0, 100)
            self.assertEqual((core.table_rows(rows), revision), (3, 3))
            self.assertEqual(core.store_changes(store, revision, 100), (None, 3))


if __name__ == "__main__":
    unittest.main()
