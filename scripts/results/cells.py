# SPDX-License-Identifier: MIT
"""Real cells (TJU, HNEI: where the shared data are), and a data set without signal."""
import csv
import json
import statistics

from fleet import figures_of
from rig import code, ends, fixed, sparse, spread, table, thousands

TITLE = "Real cells, and no signal"
CHARGE = "voltage_mean,voltage_std,voltage_kurtosis,voltage_skewness,cc_q,cc_charge_time," \
    "voltage_slope,voltage_entropy,current_mean,current_std,current_kurtosis,current_skewness," \
    "cv_q,cv_charge_time,current_slope,current_entropy"
CELLS = "evtwin-train tju.csv --group cell --failure-target none --json --out cells " \
    "--cv 5 --repeat {N} --recipe {R} --features " + CHARGE
NEW = "evtwin-train known.csv --group cell --failure-target none --json --out cells " \
    "--cv 5 --recipe {R} --features " + CHARGE
PREDICT = "evtwin-predict --models cells --csv new.csv --out out.csv -q"
AUDIT = "evtwin-train hnei.csv --group-by-reset Cycle_Index --audit-only --json --features " \
    "'Discharge Time (s),Decrement 3.6-3.4V (s),Max. Voltage Dischar. (V),Min. Voltage Charg. (V)," \
    "Time at 4.15V (s),Time constant current (s),Charging time (s)'"
COUNTDOWN = AUDIT.replace("--audit-only", "--allow countdown --allow record-end --cv 5 --out hnei")
NOISE = "make_ev30_noise noise.csv"
NO_SIGNAL = "evtwin-train noise.csv --json --out noise"
COMMANDS = [CELLS, NEW, PREDICT, AUDIT, COUNTDOWN, NOISE, NO_SIGNAL]
# recipe, features more, assignments to folds
RECIPES = {"contract": ("contract", "", 10), "history": ("history", "", 10),
           "contract, with the measured capacity": ("contract", ",capacity", 3),
           "history, with the measured capacity": ("history", ",capacity", 3)}
N_PARTS = 5


def measure(rig):
    return sparse({"tju": tju(rig), "hnei": hnei(rig), "noise": noise(rig)})


def tju(rig):
    path = rig.data("tju/tju.csv")
    if path is None:
        return None
    with open(path) as f, open(rig.path("tju.csv"), "w") as g:
        g.write(f.read())
    scores = {}
    for name, (recipe, more, n) in RECIPES.items():
        rul = json.loads(rig.run(CELLS + more, R=recipe, N=n))["rul"]
        scores[name] = {"repeats": [{k: r[k] for k in ("r2", "rmse", "battery_mae")}
                                    for r in rul["repeats"]],
                        "baselines": rul["baselines"], "rows": rul["n_test"]}
    return {"scores": scores, "new": {r: new_cells(rig, r) for r in ("contract", "history")}}


def new_cells(rig, recipe):
    """Each fifth of the cells with an end, in the order of the file, is new to models of the others."""
    each, rows = [], []
    ended = list(dict.fromkeys(c for c, r in zip(*rig.columns("tju.csv", ["cell", "rul"]).values())
                               if r))
    for part in range(N_PARTS):
        new = set(ended[part::N_PARTS])
        rig.rewrite("tju.csv", "known.csv", lambda row, i: [] if row["cell"] in new else [row])
        rig.rewrite("tju.csv", "new.csv", lambda row, i: [row] if row["cell"] in new else [])
        rig.run(NEW, R=recipe)
        rig.run(PREDICT)
        c = rig.columns("out.csv", ["cell", "rul", "rul_prediction", "rul_low", "rul_high"])
        rows += [(b, *map(float, v)) for b, *v in zip(*c.values()) if all(v)]
    return figures_of(rows)


def hnei(rig):
    path = rig.data("hnei/Battery_RUL.csv")
    if path is None:
        return None
    with open(path) as f, open(rig.path("hnei.csv"), "w") as g:
        g.write(f.read())
    found = json.loads(rig.run(AUDIT, codes=(65,)))
    rul = json.loads(rig.run(COUNTDOWN))["rul"]
    return {"refused": [f["cause"] for f in found["audit"] if f["severity"] == "error"],
            "text": next(f["text"] for f in found["audit"] if f["severity"] == "error"),
            "model": {k: rul[k] for k in ("r2", "rmse")}, "baselines": rul["baselines"]}


def noise(rig):
    rig.run(NOISE)
    report = json.loads(rig.run(NO_SIGNAL))
    with open(rig.path("noise.csv"), newline="") as f:
        rows = sum(1 for _ in csv.reader(f)) - 1
    return {"rows": rows, "signal": report["signal"],
            "r2": report["rul"]["r2"], "auc": report["failure"]["auc"],
            "texts": [f["text"] for f in report["audit"] if f["cause"] == "no-signal"]}


def render(m):
    parts = []
    if m["tju"]:
        parts += tju_text(m["tju"])
    if m["hnei"]:
        h = m["hnei"]
        parts += [
            "### HNEI: a countdown in place of a life",
            code(AUDIT, COUNTDOWN),
            f"14 cells of one type, cycled alike. The audit refuses them (`{'`, `'.join(h['refused'])}`): "
            f"{h['text']}. Trained nevertheless:",
            table(["", "R²", "RMSE, cycles"],
                  [["this model", fixed(h["model"]["r2"], 4), fixed(h["model"]["rmse"], 2)],
                   *[[b, fixed(h["baselines"][k]["r2"], 4), fixed(h["baselines"][k]["rmse"], 2)]
                     for b, k in (("mean life − cycles", "countdown"),
                                  ("best single feature", "single_feature"))]]),
            "All cells last about equally long, so counting cycles is enough; the model's R² alone "
            "would have hidden that."]
    n = m["noise"]
    parts += [
        "### No signal",
        code(NOISE, NO_SIGNAL),
        f"{thousands(n['rows'])} rows with the header and the marginal distributions of the original "
        f"30-column data set, all columns independent: R² of RUL {n['r2']:.4f}, AUC of failure "
        f"{n['auc']:.4f}, `signal` is {str(n['signal']).lower()}, and the report says:",
        "\n".join(f"* {t}" for t in n["texts"])]
    return "\n\n".join(parts)


def tju_text(t):
    scores = t["scores"]
    plain = scores["contract"]
    rows = []
    for name, s in scores.items():
        rmse = [r["rmse"] for r in s["repeats"]]
        mae = statistics.fmean(r["battery_mae"] for r in s["repeats"])
        of_plain = mae / statistics.fmean(r["battery_mae"] for r in plain["repeats"])
        rows.append([name, len(rmse), spread([r["r2"] for r in s["repeats"]], 3), spread(rmse, 1),
                     ends(rmse, 1), f"{mae:.1f}", f"{of_plain:.2f}"])
    for b, k in (("mean life − cycles", "countdown"), ("training mean", "mean"),
                 ("best single feature", "single_feature")):
        if k in plain["baselines"] and plain["baselines"][k]["rmse"] is not None:
            base = plain["baselines"][k]
            rows.append([f"{b}{' (' + base['feature'] + ')' if 'feature' in base else ''}", "",
                         fixed(base["r2"], 3), fixed(base["rmse"], 1), "", "", ""])
    return [
        "### TJU: 130 cells of three chemistries",
        code(CELLS),
        f"{thousands(plain['rows'])} rows of the cells with an observed end, 16 features of the charge "
        "curve (and `,capacity` where it says so), recipes R, N assignments of cells to five folds; \"±\" is the "
        "standard deviation over the assignments. The worst assignments leave a chemistry out of the "
        "training part.",
        table(["recipe", "N", "R²", "RMSE, cycles", "lowest to highest", "MAE, mean over cells",
               "ratio to contract"], rows),
        "Cells not seen in training: each fifth of the cells with an observed end is predicted by models, with "
        "their intervals, that were trained on the other four fifths.",
        code(NEW, PREDICT),
        table(["recipe", "R²", "RMSE, cycles", "coverage, mean over cells",
               "cells with 80 % or more", "mean width, cycles"],
              [[r, fixed(v["r2"], 3), fixed(v["rmse"], 1), fixed(v["coverage"], 3),
                fixed(v["batteries_80"], 3), fixed(v["width"], 0)] for r, v in t["new"].items()])]
