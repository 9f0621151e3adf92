# SPDX-License-Identifier: MIT
"""The package beside real servers: PostgreSQL, Kafka, MQTT, MLflow, a web hook, and who scrapes metrics. What the servers
do in every case is tests/integration's matter; here it is whether Python gives, takes and raises what it should."""
import datetime
import http.server
import json
import os
import pathlib
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

import numpy as np

import evtwin
from evtwin import core

SOURCE = os.environ["EVTWIN_SOURCE"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "integration"))
import servers  # noqa: E402

LABEL = "long"
DEADLINE_S = 120
N_BATTERIES, N_EACH = 3, 20
TELEMETRY = f"sim:?fleet={N_BATTERIES}&rows={N_BATTERIES * N_EACH}&speed=max&seed=5"


def setUpModule():
    global folder, bundle, sent
    for name in [name for name in os.environ if name.startswith(("PG", "DB_", "KAFKA_", "MQTT_", "MLFLOW_", "AWS_"))]:
        del os.environ[name]
    folder = tempfile.TemporaryDirectory()
    records, _ = evtwin.Fleet(8, seed=1).run_to_failure(record_every_days=30)
    bundle = path("models")
    evtwin.train(records, seed=1, recipe="history").save(bundle)
    sent = gathered(evtwin.source(TELEMETRY), N_BATTERIES * N_EACH)


def tearDownModule():
    folder.cleanup()


def path(name):
    return pathlib.Path(folder.name, name)


def wait_for(what, holds):
    end = time.monotonic() + DEADLINE_S
    while not (value := holds()):
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {DEADLINE_S} s")
        time.sleep(0.05)
    return value


def gathered(source, n):
    """n rows of a source, acknowledged, as {(battery, seq): soc}."""
    rows = {}
    end = time.monotonic() + DEADLINE_S
    while len(rows) < n:
        table = source.read(timeout_s=1.0)
        if table is None or time.monotonic() > end:
            raise AssertionError(f"{len(rows)} rows of {n}")
        rows.update(zip(zip(table["battery_id"].tolist(), table["seq"].tolist()), table["soc"].tolist()))
        if len(table) > 0 and source.position != "":
            source.commit(source.position)
    return rows


def started(case, kind, **how):
    """A server for the tests of a class; they are skipped, with the reason, where there is none."""
    try:
        server = kind(**how)
    except servers.Skip as reason:
        raise unittest.SkipTest(str(reason)) from None
    server.__enter__()
    case.addClassCleanup(server.__exit__, None, None, None)
    return server


class OfPostgres(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = started(cls, servers.Postgres)

    def test_a_pump_predicts_into_it_and_it_is_read_back(self):
        uri = self.server.database()
        with evtwin.Pump(TELEMETRY, uri, predictor=evtwin.Predictor.load(bundle)) as pump:
            self.assertEqual(pump.run(), len(sent))
            self.assertEqual((pump.stats.n_read, pump.stats.n_predicted, pump.stats.n_lost), (len(sent), len(sent), 0))
            self.assertEqual([stats.n_delivered for stats in pump.sink_stats], [len(sent)])
        with evtwin.Store(uri) as store:
            self.assertEqual(len(store), len(sent))
            current = store.current()
            self.assertEqual(len(current), N_BATTERIES)
            self.assertTrue(np.isfinite(current["rul_prediction"]).all())
            self.assertEqual(sorted(store.states()["battery_id"]), sorted(current["battery_id"]))
            history = store.history(current["battery_id"][0], limit=5)
            self.assertEqual(len(history), 5)
            self.assertGreater(history["time"][0], history["time"][4])
            self.assertEqual(store.insert(store.history(current["battery_id"][0])).n_inserted, 0)
        with evtwin.source(uri) as source:
            self.assertEqual(gathered(source, len(sent)), sent)
            self.assertNotEqual(source.position, "")

    def test_a_server_that_dies_is_waited_for_and_nothing_is_lost(self):
        uri = self.server.database()
        rows = [{"battery_id": "A", "time": datetime.datetime(2024, 1, 1, 0, 0, i, tzinfo=datetime.timezone.utc), "soc": 50.0 + i,
                 "seq": i} for i in range(10)]
        events, killed = [], threading.Event()

        def origin():
            for i, row in enumerate(rows):
                if i == 4:
                    self.server.kill()
                    killed.set()
                yield [row]

        with evtwin.Pump(origin(), uri, max_batch_rows=1, first_pause_s=0.05, longest_pause_s=0.2, on_event=events.append) as pump:
            end, n_failures, n = time.monotonic() + DEADLINE_S, 0, 0
            while n is not None:
                self.assertLess(time.monotonic(), end)
                try:
                    n = pump.run_once(0.2)
                except evtwin.AgainError as error:  # the batch stays in the pump, which tries again
                    n_failures += 1
                    self.assertIn(str(self.server.port), str(error))
                    if killed.is_set():
                        self.assertFalse(pump.sink_stats[0].is_up)
                        self.server.restart()
                        killed.clear()
                    time.sleep(0.05)
            self.assertGreater(n_failures, 0)
            pump.finish()
            self.assertEqual((pump.stats.n_read, pump.stats.n_lost), (len(rows), 0))
        with evtwin.Store(uri) as store:
            self.assertEqual(len(store), len(rows))
        kinds = [event.kind for event in events]
        self.assertIn("sink_failed", kinds)
        self.assertIn("sink_recovered", kinds)

    def test_what_it_refuses_is_an_exception_that_says_who(self):
        address = f"postgresql://guarded@127.0.0.1:{self.server.port}/evtwin"
        with self.assertRaises(evtwin.DeniedError) as caught:
            evtwin.Store(address)
        self.assertIsInstance(caught.exception, PermissionError)
        with self.assertRaises((evtwin.AgainError, evtwin.InputOutputError)) as caught:
            evtwin.Store(f"postgresql://evtwin@127.0.0.1:{servers.free_port()}/evtwin")
        self.assertIsInstance(caught.exception, OSError)


class OfKafka(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = started(cls, servers.Kafka)

    def test_there_and_back(self):
        uri = self.server.uri + "/of_python"
        with evtwin.Pump(TELEMETRY, uri) as pump:
            self.assertEqual(pump.run(), len(sent))
        with evtwin.source(uri + "?group=first") as source:
            self.assertEqual(gathered(source, len(sent)), sent)
        with evtwin.sink(uri) as sink:
            sink.check()
            sink.write([{"battery_id": "LATER", "time": datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc), "soc": 12.5,
                         "seq": 7}])
            sink.flush()
        with evtwin.source(uri + "?group=first") as source:  # goes on behind what was acknowledged
            self.assertEqual(gathered(source, 1), {("LATER", 7): 12.5})

    def test_a_broker_that_is_not_there(self):
        with evtwin.source(f"kafka://127.0.0.1:{servers.free_port()}/t?group=g") as source:
            with self.assertRaises(evtwin.AgainError) as caught:
                source.check(2.0)
        self.assertIsInstance(caught.exception, TimeoutError)


class OfMqtt(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = started(cls, servers.Mosquitto, users={"car": "drive"})
        cls.password = path("password")
        cls.password.write_text("drive\n")
        cls.password.chmod(0o600)

    def address(self, topic, **query):
        query = "&".join(f"{name}={value}" for name, value in {"password_file": self.password, **query}.items())
        return f"mqtt://car@127.0.0.1:{self.server.port}/{topic}?{query}"

    def test_there_and_back(self):
        kept, source = [], evtwin.source(self.address("fleet/+", client_id="reader"))
        source.check(30)
        self.assertEqual(len(source.read(timeout_s=1.0)), 0)  # subscribed
        with evtwin.Pump(TELEMETRY, self.address("fleet/{battery_id}"), kept.append) as pump:
            self.assertEqual(pump.run(), len(sent))
        self.assertEqual(gathered(source, len(sent)), sent)
        self.assertEqual(sum(len(batch.rows) for batch in kept), len(sent))
        source.close()

    def test_a_password_that_is_wrong(self):
        wrong = path("wrong")
        wrong.write_text("guess\n")
        wrong.chmod(0o600)
        with evtwin.sink(self.address("t", password_file=wrong)) as sink, self.assertRaises(evtwin.DeniedError) as caught:
            sink.check(10)
        self.assertNotIn("guess", str(caught.exception))


class Hook(http.server.BaseHTTPRequestHandler):
    """Keeps what is posted; refuses the first."""

    posts, failures = [], 1

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if Hook.failures > 0:
            Hook.failures -= 1
            self.send_response(503)
        else:
            Hook.posts.append(json.loads(body))
            self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class OfAlerts(unittest.TestCase):
    def test_a_critical_battery_reaches_the_web_hook_and_is_acknowledged(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        hook = path("hook")
        hook.write_text(f"http://127.0.0.1:{server.server_port}/secret\n")
        hook.chmod(0o600)
        database = path("alerts.db")
        with evtwin.Store(database) as store, evtwin.Alerts(database, webhook_file=hook, group_s=1, clear_after_s=0) as alerts:
            now = datetime.datetime.now(datetime.timezone.utc)
            store.insert([{"battery_id": "HOT_1", "time": now, "temperature": 95.0, "soc": 50.0, "soh": 90.0, "seq": 1}])
            post = wait_for("a message", lambda: next((p for p in Hook.posts if "HOT_1" in json.dumps(p)), None))
            self.assertIn("text", post)
            self.assertEqual(Hook.failures, 0)
            known = wait_for("the alert in the store", store.alerts)
            self.assertEqual(known["battery_id"].tolist()[0], "HOT_1")
            alerts.acknowledge(int(known["id"][0]), "the test")
            self.assertEqual(store.alerts(battery_id="HOT_1")["acknowledged_by"].tolist()[0], "the test")
            with self.assertRaises(evtwin.NotFoundError):
                alerts.acknowledge(10**9, "the test")

    def test_a_hook_that_others_can_read_is_refused(self):
        hook = path("open-hook")
        hook.write_text("http://127.0.0.1:1/secret\n")
        hook.chmod(0o644)
        with self.assertRaises(evtwin.Error) as caught:
            evtwin.Alerts(path("b.db"), webhook_file=hook)
        self.assertNotIn("secret", str(caught.exception))


class OfMetrics(unittest.TestCase):
    def test_they_are_scraped(self):
        try:
            from prometheus_client.openmetrics.parser import text_string_to_metric_families
        except ImportError:
            self.skipTest("there is no prometheus_client (Debian: python3-prometheus-client)")
        metrics, database = evtwin.Metrics(), path("metrics.db")
        pump = evtwin.Pump(TELEMETRY, f"sqlite:{database}", predictor=evtwin.Predictor.load(bundle))
        pump.run()
        metrics.observe_pump(pump)
        metrics.observe_models(evtwin.Predictor.load(bundle))
        metrics.count_error()
        metrics.good_cycle(60.0)
        with evtwin.Store(database) as store:
            metrics.observe(store.current())
        with evtwin.serve(f"sqlite:{database}", listen="127.0.0.1:0", metrics=metrics) as server:
            request = urllib.request.Request(server.url + "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                self.assertIn("openmetrics-text", answer.headers["Content-Type"])
                text = answer.read().decode()
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        by_battery = {sample.labels.get("battery_id") for sample in samples}
        self.assertLessEqual({battery for battery, _ in sent}, by_battery)
        outcomes = {sample.labels["outcome"]: sample.value for sample in samples if sample.name == "evtwin_predictions_total"}
        self.assertEqual(outcomes["error"], 1.0)
        self.assertEqual([f.name for f in text_string_to_metric_families(metrics.text(openmetrics=True))][:1],
                         [next(iter(text_string_to_metric_families(text))).name])
        pump.close()
        metrics.close()
        with self.assertRaises(evtwin.StateError):
            metrics.text()


class OfMlflow(unittest.TestCase):
    NAME = "python-rul"

    @classmethod
    def setUpClass(cls):
        cls.server = started(cls, servers.MLflow)
        cls.tracker = evtwin.Tracker(cls.server.uri, n_retries=0, timeout_s=60)
        cls.addClassCleanup(cls.tracker.close)

    def publish(self, alias, seed):
        """A training, its bundle, and a version that the alias names; the version."""
        records, _ = evtwin.Fleet(8, seed=seed).run_to_failure(record_every_days=30)
        saved = path(f"bundle-{seed}")
        trainer = evtwin.train(records, seed=seed)
        trainer.save(saved)
        with self.tracker.start_run("of python", name=f"seed {seed}", tags={"who": "tests"}) as run:
            run.log_params({"seed": seed, "trees": 200})
            for step in range(3):
                run.log_metrics({"rmse": trainer.score("rul").rmse + step}, step=step)
            run.set_tags({"quality": "good"})
            run.log_dataset(name="fleet", digest=f"of seed {seed}", source="{}", source_type="local", context="training")
            run.log_artifacts(saved, core.FOLLOWER_BUNDLE)
            number, uri = run.id, run.artifact_uri
        self.tracker.register(self.NAME, "of a test")
        version = self.tracker.create_version(self.NAME, f"{uri}/{core.FOLLOWER_BUNDLE}", run_id=number, tags={"a": "b"})
        self.tracker.set_alias(self.NAME, alias, version.version)
        return version

    def test_a_run_as_mlflow_sees_it(self):
        version = self.publish("seen", 11)
        code = """
import json, sys, mlflow
client = mlflow.MlflowClient()
run = client.get_run(sys.argv[1])
print(json.dumps({"params": run.data.params, "tags": run.data.tags, "status": run.info.status, "name": run.info.run_name,
    "steps": [m.step for m in client.get_metric_history(sys.argv[1], "rmse")], "inputs": [d.dataset.name for d in run.inputs.dataset_inputs],
    "files": sorted(f.path for f in client.list_artifacts(sys.argv[1], "bundle")),
    "alias": client.get_model_version_by_alias(sys.argv[2], "seen").version}))
"""
        seen = json.loads(self.server.run_python(code, version.run_id, self.NAME))
        self.assertEqual((seen["params"], seen["status"], seen["name"], seen["steps"], seen["inputs"], seen["alias"]),
                         ({"seed": "11", "trees": "200"}, "FINISHED", "seed 11", [0, 1, 2], ["fleet"], version.version))
        self.assertEqual((seen["tags"]["who"], seen["tags"]["quality"]), ("tests", "good"))
        self.assertIn("bundle/manifest.json", seen["files"])
        self.assertEqual((self.tracker.server.version, self.tracker.server.major), (self.server.version, int(self.server.version.split(".")[0])))

    def test_a_block_that_raises_ends_the_run_as_failed(self):
        with self.assertRaises(ZeroDivisionError):
            with self.tracker.start_run("of python") as run:
                name = run.id
                1 / 0
        code = "import sys, mlflow; print(mlflow.MlflowClient().get_run(sys.argv[1]).info.status)"
        self.assertEqual(self.server.run_python(code, name).strip(), "FAILED")
        again = self.tracker.resume_run(name)
        again.set_tags({"again": 1})
        again.end("killed")
        again.close()
        self.assertEqual(self.server.run_python(code, name).strip(), "KILLED")

    def test_a_follower_follows(self):
        first = self.publish("champion", 12)
        uri = f"models:/{self.NAME}@champion"
        self.assertEqual(self.tracker.resolve(uri).version, first.version)
        rows, _ = evtwin.Fleet(2, seed=9).run_to_failure(record_every_days=60)
        with evtwin.Follower(self.server.uri, uri, cache_dir=path("cache"), tracker={"n_retries": 0}, poll_s=0.1) as follower:
            predictor = follower.load()
            self.assertEqual(predictor.info.version, f"{self.NAME}/{first.version}")
            np.testing.assert_array_equal(predictor.apply(rows)["rul_prediction"],
                                          evtwin.Predictor.load(path("bundle-12")).apply(rows)["rul_prediction"])
            follower.start()
            self.assertIsNone(follower.next())
            second = self.publish("champion", 13)
            new = wait_for("the new models", follower.next)
            self.assertEqual(new.info.version, f"{self.NAME}/{second.version}")
            self.assertEqual((follower.info.version, follower.info.is_reachable), (second.version, 1))
            with evtwin.Pump("sim:?rows=3&speed=max", "null:", predictor=predictor) as pump:
                pump.run_once()
                self.assertEqual(pump.swap_predictor(new), 0)
        downloaded = path("downloaded")
        self.tracker.download(second.source, downloaded)
        self.assertEqual((downloaded / "manifest.json").read_bytes(), (path("bundle-13") / "manifest.json").read_bytes())

    def test_what_is_not_there(self):
        for call in (lambda: self.tracker.resolve(f"models:/{self.NAME}@nobody"), lambda: self.tracker.resume_run("0" * 32),
                     lambda: self.tracker.delete_alias("no such model", "a")):
            with self.assertRaises(evtwin.NotFoundError) as caught:
                call()
            self.assertIsInstance(caught.exception, LookupError)
        nobody = evtwin.Tracker(f"http://127.0.0.1:{servers.free_port()}", n_retries=0)
        with self.assertRaises(evtwin.AgainError):
            nobody.experiment("x")
        with self.assertRaises(evtwin.Error):
            evtwin.Follower(f"http://127.0.0.1:{servers.free_port()}", f"models:/{self.NAME}@x", cache_dir=path("empty"), patience_s=0.5,
                            tracker={"n_retries": 0}).load()


if __name__ == "__main__":
    unittest.main()
