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
    rows = []
    if "fleet" in figures:
        m = figures["fleet"]["measured"]
        s = m["scores"]
        plain = s["contract"]
        single = sorted(set(of(plain, "single", "feature")))
        rows.append(["5 generated fleets of 200 packs", "RUL: R² / RMSE, cycles",
                     both(s["contract"], 2, 0, "rul", "r2", "rmse"),
                     both(s["history"], 2, 0, "rul", "r2", "rmse"),
                     f"`{single[0]}` alone: " + both(plain, 2, 0, "single", "r2", "rmse"),
                     mean(of(plain, "mean", "rmse"), 0)])
        rows.append(["", "failure within 100 cycles: AUC / Brier",
                     both(plain, 3, 3, "failure", "auc", "brier"),
                     both(s["history"], 3, 3, "failure", "auc", "brier"),
                     f"`{plain[0]['failure_single']['feature']}` alone: "
                     f"{both(plain, 3, 3, 'failure_single', 'auc', 'brier')}",
                     "0.5 / " + mean(of(plain, "base_rate", "brier"), 3)])
        u = m["unseen"]
        rows.append(["each fleet's models on the next one", "`rul_low` to `rul_high` hold the truth",
                     percent(u["contract"]), percent(u["history"]), "90 % is promised", ""])
    if "cells" in figures and figures["cells"]["measured"]["tju"]:
        t = figures["cells"]["measured"]["tju"]["scores"]
        base = t["contract"]["baselines"]
        single = base["single_feature"]
        rows.append([
            "TJU's real cells with an end, 16 charge-curve features, 10 assignments to folds",
            "RUL: RMSE, cycles (largest)", *(of_repeats(t[r]) for r in ("contract", "history")),
            f"`{single['feature']}` alone: {single['rmse']:.0f}", f"{base['mean']['rmse']:.0f}"])
    if "cells" in figures and figures["cells"]["measured"]["hnei"]:
        h = figures["cells"]["measured"]["hnei"]
        rows.append(["HNEI, 14 real cells", "RUL: RMSE, cycles",
                     f"refused (`{h['refused'][0]}`); allowed: {h['model']['rmse']:.0f}", "",
                     f"mean life − cycles: **{h['baselines']['countdown']['rmse']:.0f}**", ""])
    if "cells" in figures:
        n = figures["cells"]["measured"]["noise"]
        rows.append(["noise with the 30-column file's columns", "RUL: R² · failure: AUC",
                     f"{n['r2']:.2f} · {n['auc']:.2f}: \"no signal\"".replace("-", "−"), "", "", ""])
    return table(["data", "what is predicted", "recipe `contract`", "recipe `history`",
                  "best baseline", "the mean or base rate"], rows)


def percent(u):
    return f"{100 * statistics.fmean(of(u['each'], 'coverage')):.0f} %"


def of_repeats(t):
    rmse = [r["rmse"] for r in t["repeats"]]
    return f"{mean(rmse, 1)} ({max(rmse):.1f})"
