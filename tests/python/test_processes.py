# SPDX-License-Identifier: MIT
"""The Python layer in threads, in the child of a fork, and at exit."""
import os
import pathlib
import subprocess
import sys
import threading
import unittest
import urllib.request

import numpy as np

import evtwin
import small_training
from evtwin import core, errors


def setUpModule():
    global folder, records, bundle, model
    folder, records, bundle, model = small_training.make()


def tearDownModule():
    folder.cleanup()


def path(name):
    return pathlib.Path(folder.name, name)


class Threads(unittest.TestCase):
    def test_two_threads_predict_at_once(self):
        x = np.random.default_rng(2).normal(size=(2000, model.width)).astype(np.float32)
        right, results = model.predict(x), []

        def work():
            for _ in range(20):
                results.append(np.array_equal(model.predict(x), right))

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((len(results), all(results)), (40, True))

    def test_a_store_of_two_threads_is_used_by_one_at_a_time(self):
        failures = []
        with evtwin.Store(path("threads.db")) as store:
            def work(name):
                try:
                    sim = evtwin.Simulator(battery_id=name)
                    for _ in range(10):
                        sim.advance(10)
                        store.insert(sim.read())
                        store.latest(name)
                except Exception as error:  # for the assertion below
                    failures.append(error)

            threads = [threading.Thread(target=work, args=(f"T_{i}",)) for i in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual((failures, len(store)), ([], 20))

    def ticks_during(self, work):
        """How often another thread, which wants the GIL every millisecond, gets it while one call runs."""
        ticks, stop = [0], threading.Event()

        def tick():
            while not stop.wait(0.001):
                ticks[0] += 1

        thread = threading.Thread(target=tick)
        thread.start()
        try:
            before = ticks[0]
            work()
            return ticks[0] - before
        finally:
            stop.set()
            thread.join()

    def test_the_gil_is_released_in_long_calls(self):
        options = core.train_options()
        options.n_threads = 1
        sim = core.sim_create(core.sim_options())
        predictor, table = core.predictor_load(str(bundle)), core.table_copy(records._handle)
        for _ in range(7):
            core.table_append(table, table)
        for name, work in (("train", lambda: core.train(records._handle, None, options)),
                           ("step", lambda: core.sim_advance(sim, 2e6)),
                           ("apply", lambda: core.predictor_apply(predictor, table))):
            with self.subTest(name):
                self.assertGreater(self.ticks_during(work), 20)


@unittest.skipUnless(hasattr(os, "fork"), "there is no fork")
class Forks(unittest.TestCase):
    def in_child(self, work):
        """The exit status of a child that does work."""
        child = os.fork()
        if child == 0:
            try:
                work()
                os._exit(0)
            except BaseException as error:
                os.write(2, repr(error).encode())
                os._exit(1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def test_what_is_memory_alone_works_in_the_child(self):
        x = np.ones((3, model.width), np.float32)
        right = model.predict(x)
        predictor, sim = evtwin.Predictor.load(bundle), evtwin.Simulator()

        def work():
            assert np.array_equal(model.predict(x), right)
            predictor.apply(records)
            sim.advance(10)
            evtwin.train(records, seed=1)

        self.assertEqual(self.in_child(work), 0)

    def test_connections_and_servers_stay_the_parents(self):
        store = evtwin.Store(path("fork.db"))
        store.insert(evtwin.Simulator().read())
        server = evtwin.serve(path("fork.db"), listen="127.0.0.1:0")

        def work():
            for call in (store.latest, lambda: server.port):
                try:
                    call()
                    raise AssertionError("it answered")
                except errors.StateError as error:
                    assert "before the fork" in str(error), error
            store.close()
            server.close()
            evtwin.Store(path("fork.db"), read_only=True).latest()

        self.assertEqual(self.in_child(work), 0)
        self.assertEqual(len(store), 1)
        with urllib.request.urlopen(server.url + "/health", timeout=60) as answer:
            self.assertEqual(answer.status, 200)
        server.close()
        store.close()


class Ends(unittest.TestCase):
    def test_a_program_ends_with_everything_open(self):
        script = f"""
import evtwin, logging, pathlib
logging.basicConfig(level=logging.DEBUG)
server = evtwin.serve(pathlib.Path({str(path('end.db'))!r}), listen="127.0.0.1:0")
spool = evtwin.Spool(pathlib.Path({str(path('end-spool'))!r}))
class Away:
    name = "away:"
    def write(self, batch): raise ConnectionError("away")
pump = evtwin.Pump("sim:?rows=50&speed=max", pathlib.Path({str(path('end.db'))!r}), Away(), spool=spool)
while pump.run_once() is not None: pass
alerts = evtwin.Alerts(pathlib.Path({str(path('end.db'))!r}))
print("end", flush=True)
"""
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "end\n"), done.stderr[-3000:])
        self.assertNotIn("Traceback", done.stderr)

    def test_a_daemon_thread_that_does_not_return_holds_up_nothing(self):
        code = ("import evtwin, threading, time\n"
                "evtwin._base._EXIT_PATIENCE_S = 0.1\n"
                "inside = threading.Event()\n"
                "class Own:\n"
                "    def read(self, max_rows, timeout_s):\n"
                "        inside.set()\n"
                "        time.sleep(3600)\n"
                "source, others = evtwin.source(Own()), [evtwin.Thresholds() for _ in range(100)]\n"
                "threading.Thread(target=source.read, daemon=True).start()\n"
                "inside.wait()\n")
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_subinterpreter_is_refused_and_harms_nothing(self):
        code = ("try:\n"
                "    import _xxsubinterpreters as interpreters\n"
                "except ImportError:\n"  # in 3.13 under another name
                "    import _interpreters as interpreters\n"
                "one = interpreters.create()\n"
                "try:\n"
                "    said = interpreters.run_string(one, 'import evtwin')\n"
                "except Exception as error:\n"
                "    said = error\n"
                "print(said)\n"
                "interpreters.destroy(one)\n"
                "import evtwin\n"
                "evtwin.sink(lambda batch: print(len(batch.rows))).write(evtwin.Fleet(7).read())\n")
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
        # CPython 3.12 and later refuse by themselves what does not say that it works there
        refused = r"evtwin works in the main interpreter only|does not support loading in subinterpreters"
        self.assertRegex(done.stdout, f"(?s)({refused}).*\n7\n$", done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
