#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""mlflow_train.py BIN: evtwin-train --mlflow beside real MLflow servers of both generations: what was logged
is read back by MLflow's own client, what was registered predicts in Python what evtwin-predict does, the
champion moves only where it is beaten, and a server that is away fails no training unless it must be there.
"""
import concurrent.futures
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
FEATURES = ["soc", "soh", "voltage", "current", "temperature", "charge_cycles", "power_consumption"]
UNAVAILABLE, USAGE = 69, 2
folder = tempfile.TemporaryDirectory(prefix="evtwin-mlflow-train.")
CLEAN = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "AWS_", "MINIO_"))}

READ_BACK = r"""
import json, sys, mlflow
from mlflow import MlflowClient
client = MlflowClient()
run_id = sys.argv[1]
parent = client.get_run(run_id)
children = client.search_runs([parent.info.experiment_id], "tags.`mlflow.parentRunId` = '%s'" % run_id)
def files(path=None):
    for f in client.list_artifacts(run_id, path):
        yield from files(f.path) if f.is_dir else [f.path]
def told(run):
    return {"name": run.info.run_name, "status": run.info.status, "params": run.data.params,
            "metrics": run.data.metrics, "tags": run.data.tags,
            "rounds": {k: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, k)]
                       for k in run.data.metrics if k.startswith(("val_", "train_"))}}
def version(v):
    return {"version": str(v.version), "run_id": v.run_id, "tags": v.tags, "source": v.source}
report = {"experiment": client.get_experiment(parent.info.experiment_id).name, "parent": told(parent),
          "children": [told(c) for c in children], "files": sorted(files()),
          "data": [{"name": d.dataset.name, "digest": d.dataset.digest, "source": d.dataset.source,
                    "profile": d.dataset.profile} for d in parent.inputs.dataset_inputs],
          "models": {n: {a: version(client.get_model_version_by_alias(n, a))
                         for a in ("staging", "champion")} for n in ("evtwin-rul", "evtwin-failure")},
          "logged": len(mlflow.search_logged_models(experiment_ids=[parent.info.experiment_id],
                                                    output_format="list"))
                    if int(mlflow.__version__[0]) >= 3 else None}
print(json.dumps(report))
"""


def check(what, holds):
    if not holds:
        sys.exit("FAILED: " + what)


def path(name):
    return os.path.join(folder.name, name)


def run(*args, env=None, code=0):
    done = subprocess.run([os.path.join(BIN, args[0]), *map(str, args[1:])], cwd=folder.name,
                          env={**CLEAN, **(env or {})}, capture_output=True, text=True, timeout=600)
    check(f"{args} gave {done.returncode} instead of {code}:\n{done.stdout}{done.stderr}",
          done.returncode == code)
    return done.stderr


def train(server, out, *options, env=None):
    """What MLflow has of it, and what the tool said. The URI comes by the environment once."""
    uri = ["--mlflow", server.uri] if env is None else []
    said = run("evtwin-train", "fleet.csv", "--out", out, "--mlflow-required", *uri, *options, env=env)
    run_id = said.split("MLflow: run ")[1].split()[0]
    report = json.loads(server.run_python(READ_BACK, run_id))
    report["run_id"] = run_id
    return report, said


def check_runs(report, experiment):
    """The parent and its two children, value by value."""
    parent = report["parent"]
    check("experiment", report["experiment"] == experiment)
    check(f"parent {parent['status']}", parent["status"] == "FINISHED")
    for name, value in {"recipe": "contract", "seed": "0", "threads": "0"}.items():
        check(f"option {name} is {parent['params'].get(name)}", parent["params"].get(name) == value)
    for tag in ("mlflow.user", "date", "model_type", "evtwin.model_version", "mlflow.note.content"):
        check("tag " + tag, parent["tags"].get(tag))
    check("source", parent["tags"].get("mlflow.source.name") == ("evtwin-train" if experiment != "Default" else None))
    with open(path("fleet.csv"), "rb") as f:
        data = f.read()
    digest = hashlib.sha256(data).hexdigest()
    check("digest as a tag", parent["tags"]["evtwin.data_sha256"] == digest)
    check("one data set", len(report["data"]) == 1)
    kept = report["data"][0]
    check("data set", kept["name"] == "fleet.csv" and kept["digest"] == digest[:36])
    check("its rows", json.loads(kept["profile"])["num_rows"] == data.count(b"\n") - 1)
    check("its source", json.loads(kept["source"]) == {"uri": "fleet.csv"})
    children = {c["tags"]["target"]: c for c in report["children"]}
    check(f"children {list(children)}", sorted(children) == ["failure", "rul"])
    return parent, children


def check_figures(report, out, trees, features):
    """Scores, rounds and importance are those of the report that is an artifact, and of the bundle."""
    with open(path(out + "/manifest.json")) as f:
        manifest = json.load(f)
    parent, children = check_runs(report, "EV_Battery_Digital_Twin")
    for target, score, metric in (("rul", "rmse", "rmse"), ("failure", "auc", "auc")):
        child, held = children[target], manifest["models"][target]["held_out"]
        check(target + " status", child["status"] == "FINISHED")
        check(target + " n_estimators", child["params"]["n_estimators"] == str(trees))
        for p in ("max_depth", "learning_rate", "objective", "base_score", "tree_method"):
            check(f"{target} {p}", child["params"].get(p))
        check(f"{target} {score}", child["metrics"][score] == held[score]
              and parent["metrics"][f"{target}_{score}"] == held[score])
        for other in (("r2", "mae") if target == "rul" else ("accuracy", "brier")):
            check(f"{target} {other}", child["metrics"][other] == held[other])
        check(target + " baseline", any(k.startswith("baseline_single_") for k in child["metrics"]))
        importance = {k[11:]: v for k, v in child["metrics"].items() if k.startswith("importance/")}
        check(f"{target} importance {importance}", sorted(importance) == sorted(features))
        check(target + " importance sums to 1", abs(sum(importance.values()) - 1.0) < 1e-6)
        for part in ("train_", "val_"):
            rounds = sorted(child["rounds"][part + metric])
            check(f"{target} {part}{metric} has every step", [s for s, _ in rounds] == list(range(trees)))
        values = dict(child["rounds"]["train_rmse" if target == "rul" else "train_logloss"])
        check(target + " learns", values[trees - 1] < values[0])
    files = {"bundle/manifest.json", "bundle/scaler.json", "bundle/rul_model.json",
             "bundle/failure_model.json", "report.json"}
    check(f"artifacts {report['files']}", files <= set(report["files"]))


def check_version(report, server, alias, version):
    for name, aliases in report["models"].items():
        got = aliases[alias]
        check(f"{name}@{alias} is {got['version']}, not {version}", got["version"] == str(version))
        if alias == "staging":
            check(name + " is of the parent run", got["run_id"] == report["run_id"])
            check(name + " names its bundle", got["tags"]["evtwin.model_version"])
    if report["logged"] is not None:
        check(f"logged models: {report['logged']}", report["logged"] == 2 * int(
            report["models"]["evtwin-rul"]["staging"]["version"]))


def compare(server, version, out, *options):
    """Python predicts what we do, from the registry."""
    run("evtwin-predict", "--csv", "fleet.csv", "--models", out, "--out", out + ".csv")
    done = subprocess.run([server.python, "-B", os.path.join(HERE, "mlflow/compare_models.py"),
                           f"models:/evtwin-rul{version}", f"models:/evtwin-failure{version}",
                           path("fleet.csv"), path(out + ".csv"), *options], cwd=folder.name,
                          env=server.python_env, capture_output=True, text=True, timeout=600)
    check(f"predictions differ:\n{done.stdout}{done.stderr[-3000:]}", done.returncode == 0)
    print(done.stdout.strip().splitlines()[-1], version, out)


def check_champion(server):
    """3.x: a champion is beaten, then is not, then there is nothing to judge by."""
    poor = ("--features", "voltage,current,temperature")
    report, said = train(server, "poor", *poor)
    check("the first is the champion", "there was none" in said)
    check_version(report, server, "champion", 1)
    report, said = train(server, "good")
    check("says on how many batteries: " + said, "unseen batteries" in said and "RUL RMSE" in said)
    check_figures(report, "good", 200, FEATURES)
    check_version(report, server, "staging", 2)
    check_version(report, server, "champion", 2)
    compare(server, "@champion", "good", "booster")
    report, said = train(server, "poor2", *poor)
    check("says why not: " + said, "stays the champion" in said and "RUL RMSE" in said)
    check_version(report, server, "staging", 3)
    check_version(report, server, "champion", 2)
    _, said = train(server, "folds", "--features", "voltage,current", "--cv", "2")
    check("nothing to judge by: " + said, "there is no battery that neither bundle has seen" in said)
    check_search(server)


SETS = r"""
import json, sys
from mlflow import MlflowClient
client = MlflowClient()
parent = client.get_run(sys.argv[1])
below = lambda run_id: client.search_runs([parent.info.experiment_id], "tags.`mlflow.parentRunId` = '%s'" % run_id)
print(json.dumps({c.data.tags["target"]: [{"params": s.data.params, "metrics": s.data.metrics, "tags": s.data.tags,
                                           "status": s.info.status} for s in below(c.info.run_id)]
                  for c in below(sys.argv[1])}))
"""


def check_search(server):
    """What a search tried is a run each, below that of the model; the best is what was saved."""
    report, _ = train(server, "tuned", "--tune", 3, "--features", "soh,charge_cycles")
    tried = json.loads(server.run_python(SETS, report["run_id"]))
    with open(path("tuned/manifest.json")) as f:
        models = json.load(f)["models"]
    check(f"runs of the sets: {tried}", sorted(tried) == ["failure", "rul"])
    for target, metric in (("rul", "cv_rmse"), ("failure", "cv_brier")):
        sets = tried[target]
        check(f"{target}: three sets", len(sets) == 3 and all(s["status"] == "FINISHED" for s in sets))
        best = [s for s in sets if s["tags"]["evtwin.is_best"] == "true"]
        check(f"{target}: one is best", len(best) == 1 and best[0]["metrics"][metric]
              == min(s["metrics"][metric] for s in sets))
        params = models[target]["params"]
        check(f"{target}: it was saved", float(best[0]["params"]["learning_rate"]) == params["learning_rate"]
              and int(best[0]["params"]["n_estimators"]) == params["trees"])


def check_two(server):
    """2.x: no logged models; a model of the past; the server's name comes from the environment."""
    report, _ = train(server, "two", env={"MLFLOW_TRACKING_URI": server.uri})
    check_figures(report, "two", 200, FEATURES)
    check("the models are artifacts of the run", "evtwin-rul/MLmodel" in report["files"]
          and "mlflow.log-model.history" in report["parent"]["tags"])
    check_version(report, server, "champion", 1)
    compare(server, "/1", "two", "booster")
    report, _ = train(server, "past", "--recipe", "history", "--mlflow-experiment", "another")
    check_version(report, server, "staging", 2)
    check("its experiment", report["experiment"] == "another")
    rul = next(c for c in report["children"] if c["tags"]["target"] == "rul")
    check("two forests", "forest_2/val_rmse" in rul["metrics"] and "base_score_2" in rul["params"])
    compare(server, "/2", "past")
    run_id = server.run_python("from mlflow import MlflowClient\nprint(MlflowClient().create_run('0', tags="
                               "{'mlflow.user': 'somebody'}).info.run_id)").strip()
    report, _ = train(server, "taken-up", "--features", "voltage",
                      env={"MLFLOW_TRACKING_URI": server.uri, "MLFLOW_RUN_ID": run_id})
    check("the run of the environment", report["run_id"] == run_id)
    parent, _ = check_runs(report, "Default")
    check("whose run it was", parent["tags"]["mlflow.user"] == "somebody")
    check_long_names(server)


def check_long_names(server):
    """Features that MLflow has no room for, or not under that name: cut, and no reason to log nothing."""
    names = ["voltage", "/mV//h/", *(f"{i:02d}" + "w" * 245 for i in range(30))]
    noise = random.Random(1)
    run("evtwin-sim", "--until-eol", "--fleet", 8, "--record-days", 30, "--csv", "small.csv")
    with open(path("small.csv")) as f, open(path("odd.csv"), "w") as out:
        for i, line in enumerate(f):
            more = names[1:] if i == 0 else [f"{noise.random():.6f}" for _ in names[1:]]
            out.write(line.rstrip("\n") + "," + ",".join(more) + "\n")
    said = run("evtwin-train", "odd.csv", "--out", "odd", "--failure-target", "none", "--mlflow", server.uri,
               "--mlflow-required", "--features", ",".join(names))
    check("it says so: " + said, "features is cut" in said)
    report = json.loads(server.run_python(READ_BACK, said.split("MLflow: run ")[1].split()[0]))
    check("as much as there is room for",
          report["parent"]["params"]["features"] == ",".join(names)[:6000])
    importance = {k[11:] for k in report["children"][0]["metrics"] if k.startswith("importance/")}
    check(f"all are there: {importance}", importance == {n.replace("/", "_")[:239] for n in names})


def check_absent():
    """Nobody listens there."""
    nowhere = f"http://127.0.0.1:{servers.free_port()}"
    quick = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    said = run("evtwin-train", "fleet.csv", "--out", "alone", "--features", "voltage", "--mlflow", nowhere,
               env=quick)
    check("a warning, and the models: " + said, "MLflow" in said and "models are saved" in said
          and os.path.exists(path("alone/manifest.json")))
    run("evtwin-train", "fleet.csv", "--out", "none", "--mlflow", nowhere, "--mlflow-required", env=quick,
        code=UNAVAILABLE)
    check("it did not train first", not os.path.exists(path("none/manifest.json")))
    run("evtwin-train", "fleet.csv", "--out", "none", "--mlflow-required", code=USAGE)


def main():
    run("evtwin-sim", "--until-eol", "--fleet", 16, "--seed", 5, "--csv", "fleet.csv")
    with servers.MLflow("3.17.2") as three, servers.MLflow("2.22.5") as two, \
            concurrent.futures.ThreadPoolExecutor() as beside:
        for done in [beside.submit(check_champion, three), beside.submit(check_two, two)]:
            done.result()
    check_absent()


if __name__ == "__main__":
    servers.run_test(main)
