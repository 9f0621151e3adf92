# SPDX-License-Identifier: MIT
"""Simulated fleets: scores by recipe, out of fold; and each fleet's models on the next fleet's packs."""
import json
import math
import statistics

from rig import INPUTS, code, ends, fixed, sparse, spread, table, thousands

TITLE = "The simulated fleet"
SEEDS = range(1, 6)
SIM = "evtwin-sim --until-eol --fleet 200 --seed {S} --json --csv fleet{S}.csv"
TRAIN = {
    "contract": "evtwin-train fleet{S}.csv --cv 5 --json --out contract{S}",
    "with resistance": "evtwin-train fleet{S}.csv --cv 5 --json --out resistance{S} --features "
                       + INPUTS + ",resistance_mohm",
    "history": "evtwin-train fleet{S}.csv --cv 5 --json --out history{S} --recipe history",
}
MODELS = {"contract": "contract", "with resistance": "resistance", "history": "history"}
PREDICT = "evtwin-predict --models {M}{S} --csv fleet{T}.csv --out out.csv -q"
COMMANDS = [SIM, *TRAIN.values(), PREDICT]
RUL_FIGURES = ("r2", "rmse", "mae", "battery_mae", "ratio_low", "ratio_high")
FAILURE_FIGURES = ("auc", "average_precision", "brier")
BANDS = (0, 50, 100, 200, 400, 600, math.inf)


def measure(rig):
    fleets = [json.loads(rig.run(SIM, S=s)) for s in SEEDS]
    scores = {name: [kept(json.loads(rig.run(command, S=s))) for s in SEEDS]
              for name, command in TRAIN.items()}
    unseen = {name: on_new_packs(rig, model) for name, model in MODELS.items()}
    return sparse({"fleets": fleets, "scores": scores, "unseen": unseen})


def kept(report):
    rul, failure = report["rul"], report["failure"]
    single = rul["baselines"]["single_feature"]
    return {
        "rul": {k: rul[k] for k in RUL_FIGURES},
        "failure": {k: failure[k] for k in FAILURE_FIGURES},
        "mean": rul["baselines"]["mean"], "countdown": rul["baselines"]["countdown"],
        "single": single, "base_rate": failure["baselines"]["base_rate"],
        "failure_single": failure["baselines"]["single_feature"],
        "causes": [f["cause"] for f in report["audit"]
                   if f["cause"] in ("beats-baselines", "loses-to-baseline", "no-clear-gain")],
    }


# ---- packs that no training saw ----

def on_new_packs(rig, model):
    """Model of fleet S on fleet S + 1 (of the last on the first): figures of each, and pooled."""
    each, bands, probability = [], [], []
    for s in SEEDS:
        rig.run(PREDICT, M=model, S=s, T=s % len(SEEDS) + 1)
        c = rig.columns("out.csv", ["battery_id", "rul", "rul_prediction", "rul_low", "rul_high",
                                    "failure", "failure_probability"])
        rows = [(b, *map(float, v)) for b, *v in
                zip(*(c[k] for k in list(c)[:5])) if all(v)]
        each.append(figures_of(rows))
        bands += rows
        probability += [(float(p), float(f)) for p, f in
                        zip(c["failure_probability"], c["failure"]) if p and f]
    return {"each": each, "bands": [band_of(bands, a, b) for a, b in zip(BANDS, BANDS[1:])],
            "deciles": deciles_of(probability),
            "brier": statistics.fmean((p - f) ** 2 for p, f in probability)}


def figures_of(rows):
    """rows of (battery, rul, prediction, low, high)"""
    mean = statistics.fmean(r[1] for r in rows)
    squares = sum((r[2] - r[1]) ** 2 for r in rows)
    return {"r2": 1 - squares / sum((r[1] - mean) ** 2 for r in rows),
            "rmse": math.sqrt(squares / len(rows)), **coverage_of(rows)}


def coverage_of(rows):
    """Of the intervals: mean over batteries, share of batteries with 80 % or more, mean width."""
    of = {}
    for battery, rul, _, low, high in rows:
        within, n = of.get(battery, (0, 0))
        of[battery] = within + (low <= rul <= high), n + 1
    share = [within / n for within, n in of.values()]
    return {"coverage": statistics.fmean(share),
            "batteries_80": sum(v >= 0.8 for v in share) / len(share),
            "width": statistics.fmean(r[4] - r[3] for r in rows)}


def band_of(rows, low, high):
    inside = [r for r in rows if low <= r[2] < high]
    return {"rows": len(inside), "rmse": math.sqrt(statistics.fmean(
                (r[2] - r[1]) ** 2 for r in inside)),
            "off": statistics.fmean(r[2] - r[1] for r in inside),
            "below": statistics.fmean(r[2] - r[3] for r in inside),
            "above": statistics.fmean(r[4] - r[2] for r in inside),
            "within": sum(r[3] <= r[1] <= r[4] for r in inside) / len(inside)}


def deciles_of(pairs):
    pairs = sorted(pairs)
    cut = [len(pairs) * i // 10 for i in range(11)]
    return [{"to": pairs[b - 1][0], "predicted": statistics.fmean(p for p, _ in pairs[a:b]),
             "observed": statistics.fmean(f for _, f in pairs[a:b])}
            for a, b in zip(cut, cut[1:])]


# ---- as text ----

def of(scores, *keys):
    for k in keys:
        scores = [s[k] for s in scores]
    return scores


def render(m):
    scores, contract = m["scores"], m["scores"]["contract"]
    parts = [
        code(SIM, *TRAIN.values()),
        "200 packs from new to their end of life, S = 1 … 5; five-fold cross-validation by battery, "
        "predictions on held-out batteries pooled. \"±\" is the standard deviation over the fleets.",
        table(["S", "records", "cycle life, median (10 to 90 %)",
               "end of life by capacity / resistance", "defective", "censored"],
              [[s, thousands(f["records"]), f"{f['life_median_cycles']:.0f} "
                f"({f['life_p10_cycles']:.0f} to {f['life_p90_cycles']:.0f})",
                f"{f['eol_by_capacity']} / {f['eol_by_resistance']}", f["defective"],
                f["censored"]] for s, f in zip(SEEDS, m["fleets"])]),
        "**RUL**, in cycles:",
        table(["", "R²", "RMSE", "RMSE, lowest to highest", "MAE", "MAE, mean over batteries",
               "RMSE / RMSE of best baseline, 90 % intervals"],
              [rul_row(name, s) for name, s in scores.items()] +
              [baseline_row("mean life − cycles", contract, "countdown"),
               baseline_row(f"best single feature ({names(contract)})", contract, "single"),
               baseline_row("training mean", contract, "mean")]),
        better(scores, "history", "contract", "rul", "rmse", "RMSE") + " " +
        better(scores, "with resistance", "contract", "rul", "rmse", "RMSE"),
        "**Failure within 100 cycles**:",
        table(["", "AUC", "average precision", "Brier"],
              [[name, spread(of(s, "failure", "auc"), 4),
                spread(of(s, "failure", "average_precision"), 3),
                spread(of(s, "failure", "brier"), 4)] for name, s in scores.items()] +
              [["best single feature", spread(of(contract, "failure_single", "auc"), 4), "",
                spread(of(contract, "failure_single", "brier"), 4)],
               ["base rate", "0.5", spread(of(contract, "base_rate", "rate"), 3),
                spread(of(contract, "base_rate", "brier"), 4)]]),
        "### Packs not seen in training",
        code(PREDICT),
        "M is the folder of each recipe. The models of fleet S predict the packs of the next fleet, T = S + 1 (those of the last fleet "
        "predict the first): other packs in other weather. Coverage: the share of a battery's rows whose true RUL is within "
        "`rul_low` to `rul_high`, as a mean over batteries.",
        table(["", "R²", "RMSE", "coverage", "batteries with 80 % or more", "mean width, cycles"],
              [[name, spread(of(u["each"], "r2"), 3), spread(of(u["each"], "rmse"), 1),
                spread(of(u["each"], "coverage"), 3), spread(of(u["each"], "batteries_80"), 3),
                spread(of(u["each"], "width"), 0)] for name, u in m["unseen"].items()]),
        "By predicted RUL, all five fleets together:",
        table(["recipe", "predicted, cycles", "rows", "RMSE", "mean error", "mean interval",
               "truth within"],
              [[name, band_name(a, b), thousands(x["rows"]), fixed(x["rmse"], 0),
                f"{x['off']:+.0f}".replace("-", "−"), f"−{x['below']:.0f} to +{x['above']:.0f}",
                f"{100 * x['within']:.0f} %"]
               for name in ("contract", "history")
               for a, b, x in zip(BANDS, BANDS[1:], m["unseen"][name]["bands"])]),
        "**Is the failure probability calibrated?** Rows sorted by predicted probability into ten equal "
        f"groups. Brier score: {m['unseen']['contract']['brier']:.4f} (contract), "
        f"{m['unseen']['history']['brier']:.4f} (history).",
        table(["decile", "contract: up to", "mean predicted", "observed", "history: up to",
               "mean predicted", "observed"],
              [[i + 1, *(f"{d[k]:.4f}" for d in pair for k in ("to", "predicted", "observed"))]
               for i, pair in enumerate(zip(m["unseen"]["contract"]["deciles"],
                                            m["unseen"]["history"]["deciles"]))]),
        "Limits of these figures: the fleet is simulated ([physics.md](physics.md) states its errors and "
        "spread). The models see a state of health with the estimation errors of a BMS. Lives differ by a factor of two for "
        "reasons that the features hardly show. R² is limited by this, not by the model. In a real fleet cells differ "
        "within a pack, capacity fade has knees, and the climates are others.",
    ]
    return "\n\n".join(parts)


def rul_row(name, s):
    return [name, spread(of(s, "rul", "r2"), 3), spread(of(s, "rul", "rmse"), 1),
            ends(of(s, "rul", "rmse"), 1), spread(of(s, "rul", "mae"), 1),
            spread(of(s, "rul", "battery_mae"), 1),
            f"{min(of(s, 'rul', 'ratio_low')):.2f} to {max(of(s, 'rul', 'ratio_high')):.2f}"]


def baseline_row(name, s, key):
    return [name, spread(of(s, key, "r2"), 3), spread(of(s, key, "rmse"), 1),
            ends(of(s, key, "rmse"), 1), "", "", ""]


def names(s):
    return ", ".join(sorted(set(of(s, "single", "feature"))))


def better(scores, a, b, target, figure, title):
    n = sum(x < y for x, y in zip(of(scores[a], target, figure), of(scores[b], target, figure)))
    ratio = statistics.fmean(x / y for x, y in zip(of(scores[a], target, figure),
                                                   of(scores[b], target, figure)))
    return f"{a.capitalize()}: lower {title} than {b} in {n} of {len(scores[a])} fleets, " \
           f"with a mean ratio of {ratio:.3f}."


def band_name(low, high):
    return f"above {low}" if high == math.inf else f"{low} to {high}"
