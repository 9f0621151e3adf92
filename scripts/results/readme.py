# SPDX-License-Identifier: MIT
"""The table of README.md: what a user gains, from the same figures."""
import statistics

from fleet import of
from rig import table


def mean(values, digits):
    return f"{statistics.fmean(values):.{digits}f}"


def both(scores, digits_a, digits_b, target, a, b):
    return f"{mean(of(scores, target, a), digits_a)} / {mean(of(scores, target, b), digits_b)}"


def render(figures):
    m, c = figures["fleet"]["measured"], figures["cells"]["measured"]
    rows = fleet_rows(m) + (tju_rows(c["tju"]["scores"]) if c["tju"] else [])
    if c["hnei"]:
        h = c["hnei"]
        rows.append(["HNEI, 14 real cells", "RUL: RMSE, cycles",
                     f"refused (`{h['refused'][0]}`); allowed: {h['model']['rmse']:.0f}", "",
                     f"mean life − cycles: **{h['baselines']['countdown']['rmse']:.0f}**", ""])
    n = c["noise"]
    rows.append(["noise with the 30-column file's columns", "RUL: R² · failure: AUC",
                 f"{n['r2']:.2f} · {n['auc']:.2f}: \"no signal\"".replace("-", "−"), "", "", ""])
    return table(["data", "what is predicted", "recipe `contract`", "recipe `history`",
                  "best baseline", "the mean or base rate"], rows)


def fleet_rows(m):
    plain, history, unseen = m["scores"]["contract"], m["scores"]["history"], m["unseen"]
    single = plain[0]["single"]["feature"]
    return [
        ["5 simulated fleets of 200 packs", "RUL: R² / RMSE, cycles",
         both(plain, 2, 0, "rul", "r2", "rmse"), both(history, 2, 0, "rul", "r2", "rmse"),
         f"`{single}` alone: " + both(plain, 2, 0, "single", "r2", "rmse"),
         mean(of(plain, "mean", "rmse"), 0)],
        ["", "failure within 100 cycles: AUC / Brier",
         both(plain, 3, 3, "failure", "auc", "brier"),
         both(history, 3, 3, "failure", "auc", "brier"),
         f"`{plain[0]['failure_single']['feature']}` alone: "
         f"{both(plain, 3, 3, 'failure_single', 'auc', 'brier')}",
         "0.5 / " + mean(of(plain, "base_rate", "brier"), 3)],
        ["each fleet's models on the next one", "`rul_low` to `rul_high` contains the truth",
         percent(unseen["contract"]), percent(unseen["history"]), "90 % is promised", ""]]


def tju_rows(scores):
    base = scores["contract"]["baselines"]
    single = base["single_feature"]
    return [["TJU, real cells with an observed end, 16 charge-curve features, several assignments to folds",
             "RUL: RMSE, cycles (largest)",
             *(of_repeats(scores[r]) for r in ("contract", "history")),
             f"`{single['feature']}` alone: {single['rmse']:.0f}", f"{base['mean']['rmse']:.0f}"]]


def percent(u):
    return f"{100 * statistics.fmean(of(u['each'], 'coverage')):.0f} %"


def of_repeats(t):
    rmse = [r["rmse"] for r in t["repeats"]]
    return f"{mean(rmse, 1)} ({max(rmse):.1f})"
