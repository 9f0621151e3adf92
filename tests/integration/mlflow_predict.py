#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""mlflow_predict.py BIN: evtwin-predict follows an alias of a real MLflow: new models take over while
it runs, each row says which made its prediction, bad ones are refused, and a server that is away
delays nothing: neither a prediction nor, with a cache, a start.
"""
import glob
import json
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
NAME = "evtwin-rul"
CHAMPION = f"models:/{NAME}@champion"
NO_INPUT, UNAVAILABLE, USAGE, DATA = 66, 69, 2, 65
folder = tempfile.TemporaryDirectory(prefix="evtwin-mlflow-predict.")
running = []
CLEAN = {k: v for k, v in os.environ.items()
         if not k.startswith(("DB_", "PG", "KAFKA_", "MQTT_", "MLFLOW_", "AWS_", "MINIO_"))}
CLEAN["HOME"] = folder.name


def check(what, holds):
    if not holds:
        for tool in running:
            print(tool.process.args, tool.log_text(), sep="\n")
        sys.exit("FAILED: " + what)


def path(name):
    return os.path.join(folder.name, name)


def run(*args, env=None, code=0):
    done = subprocess.run([os.path.join(BIN, args[0]), *map(str, args[1:])], cwd=folder.name,
                          env={**CLEAN, **(env or {})}, capture_output=True, text=True, timeout=300)
    check(f"{args} gave {done.returncode} instead of {code}:\n{done.stdout}{done.stderr}",
          done.returncode == code)
    return done.stdout + done.stderr


class Tool:
    def __init__(self, *args, env=None):
        self.log = path(f"log{len(running)}")
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([os.path.join(BIN, args[0]), *map(str, args[1:])],
                                            cwd=folder.name, env={**CLEAN, **(env or {})},
                                            stdout=subprocess.DEVNULL, stderr=log,
                                            preexec_fn=servers.die_with_parent)
        running.append(self)

    def log_text(self):
        with open(self.log) as log:
            return log.read()

    def said(self, text):
        return self.log_text().count(text)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=100)
        check(f"ends well after SIGTERM: {code}", code == 0)
        running.remove(self)


def await_(what, holds, seconds=120):
    end = time.monotonic() + seconds
    while not holds():
        check(f"within {seconds} s: {what}", time.monotonic() < end)
        time.sleep(0.1)


# ---- the registry, by the letter: what a user's client would send ----

class Registry:
    def __init__(self, server):
        self.server, self.runs = server, {}
        self.call("registered-models/create", name=NAME)

    def call(self, what, method="POST", **body):
        url = f"{self.server.uri}/api/2.0/mlflow/{what}"
        request = urllib.request.Request(url, json.dumps(body).encode(), method=method,
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "{}")

    def version(self, bundle, change=None):
        """A version whose run holds the bundle (None: nothing); change(name, bytes) of a file."""
        info = self.call("runs/create", experiment_id="0", start_time=1)["run"]["info"]
        below = info["artifact_uri"].removeprefix("mlflow-artifacts:")
        for file in glob.glob(path(bundle) + "/*") if bundle else []:
            name = os.path.basename(file)
            with open(file, "rb") as f:
                data = change(name, f.read()) if change else f.read()
            url = f"{self.server.uri}/api/2.0/mlflow-artifacts/artifacts{below}/bundle/{name}"
            request = urllib.request.Request(url, data, method="PUT")
            urllib.request.urlopen(request, timeout=60).close()
        made = self.call("model-versions/create", name=NAME, run_id=info["run_id"],
                         source=info["artifact_uri"] + "/bundle")
        number = made["model_version"]["version"]
        self.runs[number] = info["run_id"]
        return number

    def point(self, number, alias="champion"):
        self.call("registered-models/alias", name=NAME, alias=alias, version=number)

    def unpoint(self):
        self.call("registered-models/alias", method="DELETE", name=NAME, alias="champion")


# ---- what is predicted ----

def make_bundles():
    run("evtwin-sim", "--until-eol", "--fleet", 12, "--record-days", 30, "--csv", "fleet.csv", "-q")
    train = ("evtwin-train", "-q", "--failure-target", "none")
    run(*train, "fleet.csv", "--recipe", "history", "--out", "first")
    run(*train, "fleet.csv", "--recipe", "history", "--seed", 7, "--out", "second")
    run(*train, "fleet.csv", "--out", "own-values")
    with open(path("fleet.csv")) as f, open(path("spare.csv"), "w") as out:
        for i, line in enumerate(f):
            out.write(line.rstrip("\n") + (",spare\n" if i == 0 else f",{i % 7}\n"))
    run(*train, "spare.csv", "--features", "soh,spare", "--out", "other-data")


def rows(sql, *args):
    with sqlite3.connect(f"file:{path('live.db')}?mode=ro", uri=True, timeout=60) as db:
        return db.execute(sql, args).fetchall()


def n_predicted(version=None):
    return rows("SELECT count(*) FROM ev_telemetry WHERE prediction_timestamp IS NOT NULL "
                "AND (?1 IS NULL OR model_version = ?1)", version)[0][0]


def await_version(number):
    await_(f"rows of {NAME}/{number}", lambda: n_predicted(f"{NAME}/{number}") > 5)


class Predictor(Tool):
    def __init__(self, server, *args, models=CHAMPION, cache="cache", store="sqlite:live.db"):
        self.port = servers.free_port()
        super().__init__("evtwin-predict", "--models", models, "--store", store, "--interval",
                         "0.2", "--models-poll", "0.3", "--metrics-port", self.port,
                         "--models-cache", cache, *args,
                         env={"MLFLOW_TRACKING_URI": server.uri, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"})

    def metric(self, name):
        """Its value, or the labels of an _info; None if it is not there."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=60) as answer:
                text = answer.read().decode()
        except OSError:
            return None
        found = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.M)
        check(f"{name} has one sample at most", len(found) <= 1)
        if not found:
            return None
        labels = dict(re.findall(r'(\w+)="([^"]*)"', found[0][0]))
        return labels or float(found[0][1])

    def is_version(self, registry, number):
        info = self.metric("evtwin_model_info") or {}
        return (info.get("name"), info.get("version"), info.get("run_id"),
                info.get("model_version")) == (NAME, number, registry.runs[number], f"{NAME}/{number}")


def cached_versions():
    return sorted(os.path.basename(p).split("-")[0] for p in glob.glob(path("cache/*/v*")))


# ---- the tests ----

def test_alias_moves(registry, predictor, first, second):
    await_version(first)
    await_("the first in the metrics", lambda: predictor.is_version(registry, first))
    registry.point(second)
    await_version(second)
    await_("the second in the metrics", lambda: predictor.is_version(registry, second))
    check("the pasts stay", predictor.said("the past of each battery stays") == 1)
    check("and it says so", predictor.said(f"predicting with {NAME}/{second} from now on") == 1)
    check("both have their scores in the store",
          {v for v, in rows("SELECT model_version FROM ev_model")} >=
          {f"{NAME}/{first}", f"{NAME}/{second}"})
    await_("the registry is up", lambda: predictor.metric("evtwin_registry_up") == 1)
    check("nothing of the cache", predictor.metric("evtwin_registry_from_cache") == 0)


def damage(name, data):
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:] if name == "rul_model.json" else data


def hostile(name, data):
    return b'{"format": 2, "models": {"rul": {"file": "../../secret"' + b"[" * 100000 \
        if name == "manifest.json" else data


def test_bad_versions(registry, predictor, good):
    bad = [("a hash differs", registry.version("first", damage)),
           ("its manifest is hostile", registry.version("first", hostile)),
           ("telemetry lacks a feature", registry.version("other-data")),
           ("its run holds no bundle", registry.version(None))]
    for i, (why, number) in enumerate(bad):
        registry.point(number)
        await_(why, lambda: predictor.metric("evtwin_registry_refused_versions_total") == i + 1)
        before = n_predicted(f"{NAME}/{good}")
        await_(f"{why}: the old one goes on", lambda: n_predicted(f"{NAME}/{good}") > before + 5)
        check(f"{why}: it is said once",
              predictor.said(f"models {NAME}/{number} cannot be used, {NAME}/{good} stays") == 1)
        check(f"{why}: nothing of it is kept", f"v{number}" not in cached_versions())
    looks = predictor.metric("evtwin_registry_looks_total")
    await_("it stays refused", lambda: predictor.metric("evtwin_registry_looks_total") > looks + 3)
    check("it was not tried again", predictor.metric("evtwin_registry_refused_versions_total") == len(bad))
    registry.point(good)  # back, then once more: it may have been put right
    looks = predictor.metric("evtwin_registry_looks_total")
    await_("the good one is named", lambda: predictor.metric("evtwin_registry_looks_total") > looks + 2)
    registry.point(bad[0][1])
    await_("tried again", lambda: predictor.metric("evtwin_registry_refused_versions_total") == len(bad) + 1)
    check("the registry answered all the time", predictor.metric("evtwin_registry_up") == 1)
    check("no row by them", not any(n_predicted(f"{NAME}/{n}") for _, n in bad))


def test_other_recipe(registry, predictor):
    number = registry.version("own-values")
    registry.point(number)
    await_version(number)
    check("what is lost is said", predictor.said("is dropped") == 1)
    check("at most two versions are kept: " + str(cached_versions()), len(cached_versions()) == 2)
    return number


def test_alias_of_nothing(registry, predictor, good):
    registry.unpoint()
    await_("it is missed", lambda: predictor.metric("evtwin_registry_up") == 0)
    before = predictor.metric("evtwin_registry_failures_total")
    await_("more looks", lambda: predictor.metric("evtwin_registry_failures_total") > before + 3)
    check("said once", predictor.said("stays in use") == 1)
    registry.point(good)
    await_("it is back", lambda: predictor.metric("evtwin_registry_up") == 1)
    check("said once, too", predictor.said("the registry answers again") == 1)


def test_another_program(registry, server, own_values, history):
    """Models that look at a battery's past take over from some that do not: from then on it matters who else predicts."""
    store = "sqlite:shared.db"
    registry.point(own_values, alias="shared")
    sim = Tool("evtwin-sim", "--fleet", 2, "--interval", 0.1, "--sink", store)
    await_("a store", lambda: os.path.exists(path("shared.db")))
    predictor = Predictor(server, models=f"models:/{NAME}@shared", cache="shared-cache", store=store)
    other = Tool("evtwin-predict", "--models", "own-values", "--store", store, "--interval", 0.2, "--metrics-port", 0)
    looks = predictor.metric("evtwin_registry_looks_total") or 0
    await_("both run", lambda: "predicting the rows" in other.log_text() and
           (predictor.metric("evtwin_registry_looks_total") or 0) > looks + 3)
    check("models that do not look at it say nothing", predictor.said("another program") == 0)
    registry.point(history, alias="shared")
    await_("the others take over", lambda: predictor.said(f"{NAME}/{history} from now on") == 1)
    await_("it says that another one predicts too", lambda: predictor.said("another program predicts the rows") == 1)
    for tool in (predictor, other, sim):
        tool.stop()


def test_server_hangs(server, predictor, good):
    """The worst: it takes connections and says nothing."""
    server.pause()
    looks = predictor.metric("evtwin_registry_looks_total")
    before = n_predicted(f"{NAME}/{good}")
    await_("predictions go on", lambda: n_predicted(f"{NAME}/{good}") > before + 30)
    check("one look hangs all the while", predictor.metric("evtwin_registry_looks_total") <= looks + 1)
    predictor.stop()  # and nothing waits for it


def test_every_row(first, second):
    """No row is left out, and no version comes back in a battery's rows."""
    of = rows("SELECT battery_id, model_version FROM ev_telemetry WHERE prediction_timestamp IS NOT NULL "
              "ORDER BY battery_id, time, seq")
    changes = [b for a, b in zip(of, of[1:]) if a[0] == b[0] and a[1] != b[1]]
    check(f"each battery changes twice: {changes}", len(changes) == 2 * len({b for b, _ in of}))
    check("each row has a prediction", all(v is not None for _, v in of))
    last = rows("SELECT max(time) FROM ev_telemetry WHERE prediction_timestamp IS NOT NULL")[0][0]
    check("none was passed over", rows("SELECT count(*) FROM ev_telemetry WHERE time < ? AND "
                                       "prediction_timestamp IS NULL", last)[0][0] == 0)
    check("both predicted", n_predicted(f"{NAME}/{first}") > 0 and n_predicted(f"{NAME}/{second}") > 0)


def test_start_without_server(server, good):
    """It hangs, then it is down: the cache does. A version by its number, too, is asked for until the
    server has been seen."""
    for what, models in (("hangs", CHAMPION), ("is down", f"models:/{NAME}/{good}")):
        before = n_predicted(f"{NAME}/{good}")
        predictor = Predictor(server, models=models)
        await_(f"server {what}: predictions", lambda: n_predicted(f"{NAME}/{good}") > before + 5)
        check(f"server {what}: says so", predictor.said(f"{NAME}/{good} of the cache is used") == 1)
        await_(f"server {what}: in the metrics",
               lambda: predictor.metric("evtwin_registry_from_cache") == 1)
        if what == "hangs":
            server.resume()
            await_("it is seen again", lambda: predictor.metric("evtwin_registry_from_cache") == 0)
            check("and is up", predictor.metric("evtwin_registry_up") == 1)
            run("evtwin-predict", "--models", f"models:/{NAME}/{good}", "--mlflow", server.uri,
                "--models-cache", "cache", "--csv", "fleet.csv", "--out", "once-more.csv")
        predictor.stop()
        server.kill()
    said = run("evtwin-predict", "--models", CHAMPION, "--mlflow", server.uri, "--models-cache",
               "empty", "--once", "--store", "sqlite:live.db", code=UNAVAILABLE,
               env={"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"})
    check("without a cache it says both: " + said, "nor are there models in the cache" in said)
    args = ("evtwin-predict", "--models", CHAMPION, "--mlflow", server.uri, "--store", "sqlite:live.db", "--check",
            "--models-cache")
    once = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    said = run(*args, "empty", code=UNAVAILABLE, env=once)
    check("--check has a line for the models: " + said, f"models {CHAMPION}: " in said and
          "nor are there models in the cache" in said and "; start MLflow, or correct --mlflow" in said and "store sqlite:live.db: ok" in said)
    said = run(*args, "cache", code=UNAVAILABLE, env=once)
    check("and says what would be used: " + said, f"models {CHAMPION}: cannot be fetched now" in said and
          f"{NAME}/{good} of the cache would be used" in said)
    mode = stat.S_IMODE(os.stat(path("empty")).st_mode)
    check(f"the cache is its owner's alone: {mode:o}", mode == 0o700)


def test_cache_of_others(server, good):
    shutil.copytree(path("cache"), path("open"))
    os.chmod(path("open"), 0o777)
    args = ("evtwin-predict", "--models", CHAMPION, "--mlflow", server.uri, "--once", "--store",
            "sqlite:live.db", "--models-cache")
    said = run(*args, "open", code=USAGE)
    check("others could choose the models: " + said, "others can write" in said)

    # a bundle in the cache that was changed, with hashes that are right: it is not the one fetched
    cached = glob.glob(path(f"cache/*/v{good}-*"))[0]
    shutil.rmtree(cached)
    shutil.copytree(path("second"), cached)
    said = run(*args, "cache", code=UNAVAILABLE, env={"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"})
    check("it is told apart: " + said, "that was fetched" in said)


def main():
    made = threading.Thread(target=make_bundles)
    made.start()
    server = servers.MLflow()
    made.join()
    check("bundles are there", os.path.exists(path("other-data/manifest.json")))
    registry = Registry(server)
    first, second = registry.version("first"), registry.version("second")
    said = run("evtwin-predict", "--models", CHAMPION, "--mlflow", server.uri, "--once", "--store",
               "sqlite:live.db", code=NO_INPUT)
    check("an alias of nothing: " + said, "champion" in said)
    said = run("evtwin-predict", "--models", CHAMPION, "--mlflow", server.uri, "--check", "--store",
               "sqlite:live.db", code=NO_INPUT)
    check("--check names it too: " + said, [line for line in said.splitlines()
                                            if line.startswith(f"models {CHAMPION}: ") and "champion" in line[len(CHAMPION) + 9:] and
                                            line.endswith("; evtwin-train --mlflow registers some")])
    registry.point(first)
    sim = Tool("evtwin-sim", "--fleet", 3, "--interval", 0.2, "--sink", "sqlite:live.db")
    await_("a store", lambda: os.path.exists(path("live.db")))
    said = run("evtwin-predict", "--models", CHAMPION, "--mlflow", server.uri, "--check", "--store",
               "sqlite:live.db")
    check("--check fetches them: " + said, f"models {CHAMPION}: ok" in said)
    run("evtwin-predict", "--models", f"models:/{NAME}/{first}", "--mlflow", server.uri, "--csv",
        "fleet.csv", "--out", "by-registry.csv")
    run("evtwin-predict", "--models", "first", "--csv", "fleet.csv", "--out", "by-folder.csv")
    with open(path("by-registry.csv"), "rb") as a, open(path("by-folder.csv"), "rb") as b:
        check("a version by its number predicts what its bundle does", a.read() == b.read())

    predictor = Predictor(server)
    test_alias_moves(registry, predictor, first, second)
    test_bad_versions(registry, predictor, second)
    third = test_other_recipe(registry, predictor)
    test_alias_of_nothing(registry, predictor, third)
    test_another_program(registry, server, third, first)
    test_server_hangs(server, predictor, third)
    test_every_row(first, second)
    test_start_without_server(server, third)
    test_cache_of_others(server, third)
    sim.stop()
    print("ok")


servers.run_test(main, (tool.process for tool in running))
