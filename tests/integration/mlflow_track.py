#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The client of tracking servers beside MLflow 2.22.5, 3.17.2, one with users, and an S3 that checks
signatures: what was logged is read back value by value by MLflow's own API."""
import base64
import json
import math
import os
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from server.track_client import Client
from servers import MLflow, Versitygw, free_port, run_test

TOOLS = sys.argv[1]
ADMIN = ("admin", "a password: of the administrator")
READER = ("reader", "a password of the reader")


class Rest:
    """MLflow's own API, as Python sees it."""

    def __init__(self, server):
        self.server = server

    def __call__(self, method, path, **fields):
        url = f"{self.server.uri}/api/2.0/mlflow/{path}"
        data = None
        if method == "GET":
            url += "?" + urllib.parse.urlencode(fields)
        else:
            data = json.dumps(fields).encode()
        with urllib.request.urlopen(self.request(method, url, data), timeout=120) as answer:
            return json.loads(answer.read() or b"{}")

    def request(self, method, url, data=None):
        headers = {"Content-Type": "application/json"}
        if self.server.admin:
            pair = ":".join(self.server.admin).encode()
            headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
        return urllib.request.Request(url, data, headers, method=method)

    def artifact(self, uri, path):
        root = uri.partition(":/")[2]
        url = f"{self.server.uri}/api/2.0/mlflow-artifacts/artifacts/{urllib.parse.quote(f'{root}/{path}')}"
        with urllib.request.urlopen(self.request("GET", url), timeout=120) as answer:
            return answer.read()


def client(server, s3=None, **options):
    if server.admin:
        options = {"user": server.admin[0], "password": server.admin[1], **options}
    if s3:
        options = {"s3_endpoint": s3.endpoint, "s3_access_key": s3.access_key,
                   "s3_secret_key": s3.secret_key, **options}
    env = options.pop("env", None)
    return Client(TOOLS, options.pop("uri", server.uri), env=env, **options)


def rows(folder, *lines):
    """A file of lines for the client."""
    path = os.path.join(folder, "rows.tsv")
    with open(path, "w") as f:
        f.writelines("\t".join(map(str, line)) + "\n" for line in lines)
    return path


# ---- runs ----

def experiments(server, rest, c):
    name = "Fleet é / 1 & 2?"
    one = c.ok("experiment", name)[0]
    assert c.ok("experiment", name)[0] == one
    assert rest("GET", "experiments/get", experiment_id=one)["experiment"]["name"] == name
    gone = c.ok("experiment", "gone")[0]
    rest("POST", "experiments/delete", experiment_id=gone)
    text = c.fails("EVTWIN_E_STATE", "experiment", "gone")
    assert "restore" in text and gone in text, text
    rest("POST", "experiments/restore", experiment_id=gone)
    assert c.ok("experiment", "gone")[0] == gone
    c.fails("EVTWIN_E_ARG", "experiment", "")
    return one


def params_and_tags(rest, c, run, folder):
    params = {f"p/{i}": f"value {i}" for i in range(248)}
    params["longest"] = "é" * 6000
    params["odd: name-_. x"] = '"quoted" \\ and {"json": [1]} é'
    c.ok("params", rows(folder, *params.items()))
    tags = {f"t{i}": str(i) for i in range(150)} | {"long": "ü" * 4000}
    c.ok("tags", rows(folder, *tags.items()))
    assert "5000 bytes" in c.said()
    tags["long"] = "ü" * 2500
    data = rest("GET", "runs/get", run_id=run)["run"]["data"]
    got = {p["key"]: p["value"] for p in data["params"]}
    assert got == params, {k for k in params if got.get(k) != params[k]}
    got = {t["key"]: t["value"] for t in data["tags"]}
    assert {k: got.get(k) for k in tags} == tags, {k for k in tags if got.get(k) != tags[k]}

    # refused as a whole, before anything was sent
    for status, *bad in (("RANGE", "long", "x" * 6001), ("RANGE", "k" * 251, "x"), ("ARG", "../x", "y"), ("ARG", "..x", "y"),
                         ("ARG", "/x", "y"),
                         ("ARG", "a//b", "y"), ("ARG", "a%b", "y"), ("ARG", "a(b)", "y"), ("ARG", "", "y")):
        c.fails("EVTWIN_E_" + status, "params", rows(folder, ("new", "1"), bad))
    c.fails("EVTWIN_E_ARG", "params", rows(folder, ("new", "1"), ("new", "1")))
    c.ok("params", rows(folder))
    assert "Changing param" in c.fails("EVTWIN_E_STATE", "params", rows(folder, ("p/0", "another")))
    c.ok("params", rows(folder, ("p/0", "value 0")))
    keys = [p["key"] for p in rest("GET", "runs/get", run_id=run)["run"]["data"]["params"]]
    assert "new" not in keys and len(keys) == len(params), keys


def history(rest, run, key):
    found, token = [], ""
    while True:
        page = rest("GET", "metrics/get-history", run_id=run, metric_key=key, max_results=1000,
                    **({"page_token": token} if token else {}))
        found += page.get("metrics", [])
        token = page.get("next_page_token", "")
        if not token:
            return {m.get("step", 0): (m["value"], m["timestamp"]) for m in found}


def metrics(rest, c, run, folder):
    began_ms = 1_700_000_000_123
    special = {0: "0.1", 1: "nan", 2: "1.7976931348623157e308", 3: "5e-324", 4: "-0.0", 5: "-1e-5",
               6: "123456789.123456789", 7: "1e22", -3: "42"}
    values = {i: special.get(i, str(i / 7)) for i in [-3, *range(2500)]}
    c.ok("metrics", rows(folder, *[("rul/val_rmse", v, i, (began_ms + i) * 1000)
                                   for i, v in values.items()]))
    got = history(rest, run, "rul/val_rmse")
    assert set(got) == set(values), (len(got), len(values))
    for i, text in values.items():
        value, at_ms = got[i]
        assert math.isnan(float(value)) if text == "nan" else float(value) == float(text), (i, text, value)
        assert int(at_ms) == began_ms + i, (i, at_ms)
    for value in ("inf", "-inf"):
        assert "infinite" in c.fails("EVTWIN_E_RANGE", "metrics", rows(folder, ("new", 1, 0, 1), ("m", value, 0, 1)))
    names = [m["key"] for m in rest("GET", "runs/get", run_id=run)["run"]["data"]["metrics"]]
    assert names == ["rul/val_rmse"], names


def runs(server, rest, folder):
    with client(server) as c:
        version, _, _, has_models = c.ok("server")
        assert version == server.version and has_models == str(int(version > "3")), version
        experiment = experiments(server, rest, c)
        parent = c.ok("run", experiment, "parent", "", rows(folder, ("mlflow.source.name", "evtwin-train")))[0]
        run, got_experiment, uri = c.ok("run", experiment, "RUL é", parent, "")
        assert got_experiment == experiment and uri.startswith("mlflow-artifacts:/"), uri
        info = rest("GET", "runs/get", run_id=run)["run"]
        assert info["info"]["run_name"] == "RUL é" and info["info"]["status"] == "RUNNING", info
        assert abs(int(info["info"]["start_time"]) - time.time() * 1000) < 3_600_000
        tags = {t["key"]: t["value"] for t in info["data"]["tags"]}
        assert tags["mlflow.parentRunId"] == parent, tags
        parents = rest("GET", "runs/get", run_id=parent)["run"]["data"]["tags"]
        assert {"key": "mlflow.source.name", "value": "evtwin-train"} in parents, parents
        params_and_tags(rest, c, run, folder)
        metrics(rest, c, run, folder)
        c.ok("dataset", "fleet.csv", "0123456789abcdef", '{"uri": "fleet.csv"}', '{"num_rows": 3}', "training")
        inputs = rest("GET", "runs/get", run_id=run)["run"]["inputs"]["dataset_inputs"]
        assert len(inputs) == 1 and inputs[0]["tags"] == [{"key": "mlflow.data.context", "value": "training"}]
        kept = inputs[0]["dataset"]
        assert (kept["name"], kept["digest"], kept["profile"], kept["source"], kept["source_type"]) == \
            ("fleet.csv", "0123456789abcdef", '{"num_rows": 3}', '{"uri": "fleet.csv"}', "local"), kept
        c.fails("EVTWIN_E_RANGE", "dataset", "x", "0" * 37, "{}", "", "")
        c.ok("end", 0)
        info = rest("GET", "runs/get", run_id=run)["run"]["info"]
        assert info["status"] == "FINISHED" and int(info["end_time"]) >= int(info["start_time"]), info
        c.ok("resume", run)
        assert rest("GET", "runs/get", run_id=run)["run"]["info"]["status"] == "RUNNING"
        for number, word in ((1, "FAILED"), (2, "KILLED")):
            c.ok("end", number)
            assert rest("GET", "runs/get", run_id=run)["run"]["info"]["status"] == word
        c.fails("EVTWIN_E_ARG", "end", 3)
        rest("POST", "runs/delete", run_id=parent)
        assert "deleted" in c.fails("EVTWIN_E_STATE", "resume", parent)
        c.fails("EVTWIN_E_NOT_FOUND", "resume", "0" * 32)


# ---- models ----

def make_tree(folder):
    tree = os.path.join(folder, "tree")
    for path, data in (("MLmodel", b"flavors: {}\n"), ("empty", b""), ("data/model.ubj", bytes(range(256)) * 5000),
                       ("data/sub dir/\u00e9 + & = ' (1)!@,;$.txt", b"odd"), ("a/b/c/d", b"deep")):
        os.makedirs(os.path.dirname(os.path.join(tree, path)), exist_ok=True)
        with open(os.path.join(tree, path), "wb") as f:
            f.write(data)
    return tree


def files_of(folder):
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            with open(path, "rb") as f:
                found[os.path.relpath(path, folder)] = f.read()
    return found


def downloads(c, folder, uri, tree):
    got = os.path.join(folder, "got")
    c.ok("download", uri, got)
    assert files_of(got) == files_of(tree), (uri, files_of(got).keys())
    shutil.rmtree(got)


def models(server, rest, folder, s3):
    tree = make_tree(folder)
    name = f"evtwin-rul {server.version}"
    with client(server, s3) as c:
        run, _, uri = c.ok("run", c.ok("experiment", "models")[0], "", "", "")
        c.ok("artifacts", tree, "model")
        for path, data in files_of(tree).items():
            assert rest.artifact(uri, f"model/{path}") == data, path
        c.ok("artifacts", os.path.join(tree, "MLmodel"), "alone/here")
        assert rest.artifact(uri, "alone/here/MLmodel") == b"flavors: {}\n"
        c.ok("note_model", json.dumps({"artifact_path": "model", "flavors": {}, "run_id": run,
                                       "utc_time_created": "2026-01-01 00:00:00.000000"}))
        tags = {t["key"]: t["value"] for t in rest("GET", "runs/get", run_id=run)["run"]["data"]["tags"]}
        assert json.loads(tags["mlflow.log-model.history"])[0]["artifact_path"] == "model", tags
        downloads(c, folder, f"runs:/{run}/model", tree)
        c.fails("EVTWIN_E_NOT_FOUND", "download", f"runs:/{run}/none", os.path.join(folder, "got"))
        registry(rest, c, name, run, f"{uri}/model")
        downloads(c, folder, f"models:/{name}@champion", tree)
        downloads(c, folder, f"models:/{name}/2", tree)
        logged_models(server, rest, c, folder, tree, name)
        in_buckets(rest, c, folder, tree, s3)
        in_folders(rest, c, folder, tree)


def registry(rest, c, name, run, source):
    c.fails("EVTWIN_E_NOT_FOUND", "resolve", f"models:/{name}@champion")
    c.fails("EVTWIN_E_NOT_FOUND", "version", name, source, run, "")
    c.ok("register", name, "what it is")
    c.ok("register", name, "again")
    assert rest("GET", "registered-models/get", name=name)["registered_model"]["description"] == "what it is"
    c.fails("EVTWIN_E_NOT_FOUND", "resolve", f"models:/{name}/latest")
    for number in "12":
        assert c.ok("version", name, source, run, "") == [name, number, run, "", source, source]
    c.fails("EVTWIN_E_NOT_FOUND", "resolve", f"models:/{name}@champion")  # an alias that points nowhere
    for number in "12":
        c.ok("alias", name, "champion", number)
        assert c.ok("resolve", f"models:/{name}@champion")[1] == number
    assert rest("GET", "registered-models/alias", name=name, alias="champion")["model_version"]["version"] == "2"
    assert c.ok("resolve", f"models:/{name}/1")[1] == "1" and c.ok("resolve", f"models:/{name}/latest")[1] == "2"
    c.ok("alias", name, "old", "1")
    c.ok("unalias", name, "old")
    c.ok("unalias", name, "old")
    c.fails("EVTWIN_E_NOT_FOUND", "resolve", f"models:/{name}@old")
    c.fails("EVTWIN_E_NOT_FOUND", "resolve", f"models:/{name}/3")
    c.fails("EVTWIN_E_NOT_FOUND", "alias", name, "champion", "3")
    c.fails("EVTWIN_E_ARG", "alias", name, "v7", "1")
    for bad in ("", "x", "models:", "models:/", "models:/a", "models:/@a", "models:/a@", "models:/a/", "models:/a/b",
                "models:/a/1/2", "models:/a/1@b", "runs:/a"):
        c.fails("EVTWIN_E_PARSE", "resolve", bad)


def logged_models(server, rest, c, folder, tree, name):
    if server.version < "3":
        text = c.fails("EVTWIN_E_UNSUPPORTED", "begin_model", "evtwin-rul", "regressor")
        assert server.version[:6] in text, text
        return
    c.fails("EVTWIN_E_ARG", "begin_model", "a/b", "")
    run = c.ok("run", c.ok("experiment", "models")[0], "", "", "")[0]
    model, uri = c.ok("begin_model", "evtwin-rul", "regressor")
    c.ok("upload", uri, tree, "")
    c.ok("metrics", rows(folder, ("val_rmse", 3.5, 0, 1_700_000_000_000_000)), model)
    c.ok("finish_model", model, 1)
    kept = rest("GET", f"logged-models/{model}")["model"]
    assert kept["info"]["status"] == "LOGGED_MODEL_READY" and kept["info"]["source_run_id"] == run, kept
    assert kept["data"]["metrics"][0]["value"] == 3.5, kept
    outputs = rest("GET", "runs/get", run_id=run)["run"]["outputs"]["model_outputs"]
    assert [o["model_id"] for o in outputs] == [model], outputs
    version = c.ok("version", name, f"models:/{model}", run, model)
    assert version[3] == model and version[5] == uri, version
    downloads(c, folder, f"models:/{name}/{version[1]}", tree)
    downloads(c, folder, f"models:/{model}", tree)
    broken = c.ok("begin_model", "broken", "")[0]
    c.ok("finish_model", broken, 0)
    assert rest("GET", f"logged-models/{broken}")["model"]["info"]["status"] == "LOGGED_MODEL_UPLOAD_FAILED"
    seen = server.run_python("import sys, mlflow; print(len(mlflow.search_logged_models("
                             "experiment_ids=sys.argv[1:])))", kept["info"]["experiment_id"])
    assert seen.strip() == "2", seen


def in_buckets(rest, c, folder, tree, s3):
    """The server names a bucket; we go there with our own keys."""
    bucket = f"b{free_port()}"
    experiment = rest("POST", "experiments/create", name=f"in {bucket}",
                      artifact_location=f"s3://{bucket}/some/prefix")["experiment_id"]
    run, _, uri = c.ok("run", experiment, "", "", "")
    assert uri.startswith(f"s3://{bucket}/some/prefix/"), uri
    text = c.fails("EVTWIN_E_NOT_FOUND", "artifacts", tree, "model")
    assert "NoSuchBucket" in text and "not made here" in text, text
    c.fails("EVTWIN_E_NOT_FOUND", "download", f"runs:/{run}/model", os.path.join(folder, "got"))
    assert not os.path.exists(os.path.join(s3.buckets, bucket))
    s3.make_bucket(bucket)
    c.ok("artifacts", tree, "model")
    downloads(c, folder, f"runs:/{run}/model", tree)
    assert files_of(os.path.join(s3.buckets, bucket, "some/prefix", run, "artifacts/model")) == files_of(tree)
    c.fails("EVTWIN_E_NOT_FOUND", "download", f"runs:/{run}/mode", os.path.join(folder, "got"))


def many_objects(server, _, folder, s3):
    """More than S3 lists at once: the last one is too many, and it comes with the second part."""
    s3.make_bucket("many")
    os.mkdir(os.path.join(s3.buckets, "many", "x"))
    for i in range(1003):
        open(os.path.join(s3.buckets, "many", "x", f"{i:04}"), "w").close()
    with client(server, s3, max_download_files=1002) as c:
        assert "more than 1002 files" in c.fails("EVTWIN_E_RANGE", "download", "s3://many/x",
                                                 os.path.join(folder, "got"))
    assert not os.path.exists(os.path.join(folder, "got"))


def in_folders(rest, c, folder, tree):
    place = os.path.join(folder, "a place é")
    c.ok("upload", place, tree, "model")
    assert files_of(os.path.join(place, "model")) == files_of(tree)
    downloads(c, folder, f"file://{urllib.parse.quote(place)}/model", tree)
    shutil.rmtree(place)


# ---- faults ----

def who_may(server, rest, folder, s3):
    """Wrong users and keys, by the words that help."""
    with urllib.request.urlopen(rest.request(
            "POST", server.uri + "/api/2.0/mlflow/users/create",
            json.dumps(dict(zip(("username", "password"), READER))).encode()), timeout=120):
        pass
    with client(server) as c:
        experiment = c.ok("experiment", "of the administrator")[0]
    for user, password, hint in ((ADMIN[0], "not that one", "is wrong"), ("nobody", ADMIN[1], "is wrong")):
        with client(server, user=user, password=password) as c:
            text = c.fails("EVTWIN_E_DENIED", "run", experiment, "", "", "") + c.fails("EVTWIN_E_DENIED", "server")
            assert "401" in text and hint in text and password not in text, text
    with Client(TOOLS, server.uri) as c:
        assert "MLFLOW_TRACKING_USERNAME" in c.fails("EVTWIN_E_DENIED", "experiment", "x")
    with client(server, user=READER[0], password=READER[1]) as c:
        c.ok("experiment", "of the administrator")
        text = c.fails("EVTWIN_E_DENIED", "run", experiment, "", "", "")
        assert "403" in text and READER[1] not in text, text
    for wrong, word in (({"s3_secret_key": "wrong"}, "SignatureDoesNotMatch"),
                        ({"s3_access_key": "wrong"}, "is the access key right")):
        with client(server, s3, **wrong) as c:
            assert word in c.fails("EVTWIN_E_DENIED", "upload", "s3://many/y", __file__, "")
    with client(server) as c:
        assert "AWS_ACCESS_KEY_ID" in c.fails("EVTWIN_E_STATE", "upload", "s3://many/y", __file__, "")


def by_another_name(server, *_):
    """A name that MLflow 3 does not know: it is asked as its own proxy, so that no name has to exist."""
    with client(server, uri=f"http://mlflow.example:{server.port}", env={"http_proxy": server.uri}) as c:
        text = c.fails("EVTWIN_E_DENIED", "experiment", "x")
        assert "MLFLOW_SERVER_ALLOWED_HOSTS" in text, text


def down(server, _, folder):
    with client(server) as c:
        experiment = c.ok("experiment", "models")[0]
    with client(server, timeout_s=1, n_retries=1, retry_pause_s=0.1) as c:
        server.pause()  # it accepts and says nothing
        c.fails("EVTWIN_E_AGAIN", "experiment", "models")
        server.resume()
        server.kill()
        c.fails("EVTWIN_E_AGAIN", "experiment", "models")
        c.fails("EVTWIN_E_AGAIN", "run", experiment, "", "", "")
        c.fails("EVTWIN_E_AGAIN", "download", "mlflow-artifacts:/1", os.path.join(folder, "got"))
        assert not os.path.exists(os.path.join(folder, "got"))


def main():
    with Versitygw() as s3, MLflow("2.22.5", later=True) as two, MLflow("3.17.2", later=True) as three, \
            MLflow("3.17.2", user=ADMIN, later=True) as guarded:
        folder = tempfile.mkdtemp(prefix="evtwin-mlflow.")
        began = time.monotonic()

        def step(part, server, *more):
            part(server, Rest(server), folder, *more)
            print(f"{time.monotonic() - began:6.1f} s  {server.version} {part.__name__}", flush=True)

        try:
            for server in (two, three):
                server.ready()
                step(runs, server)
                step(models, server, s3)
            step(many_objects, three, s3)
            step(by_another_name, three)
            guarded.ready()
            step(who_may, guarded, s3)
            for server in (two, three):
                step(down, server)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print("ok")


if __name__ == "__main__":
    run_test(main)
