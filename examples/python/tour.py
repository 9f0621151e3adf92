# SPDX-License-Identifier: MIT
# %% [markdown]
# # A tour in Python
# This tour goes from the first import to a running server. The page is a script in the *percent* format,
# [examples/python/tour.py](../examples/python/tour.py): it can be run directly (`python3 tour.py`), and opens as a notebook
# in editors and in Jupyter (with jupytext). All outputs and pictures below were made by running it. The seed is fixed, so
# you get the same results. It takes about 20 seconds on two cores and needs matplotlib, pandas, polars and scikit-learn in
# addition to [evtwin](python.md); evtwin itself needs only NumPy.

# %%
import json
import pathlib
import tempfile
import urllib.request

import evtwin
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl

SEED = 7
scratch = tempfile.TemporaryDirectory()
folder = pathlib.Path(scratch.name)

# %% [markdown]
# ## Tables
# Every function that takes telemetry accepts a DataFrame and finds its columns by *name*. This one is a typical example,
# with names of several standards. A column's unit follows from its name. Percentages that are clearly fractions are
# refused until you give their unit.

# %%
frame = pd.DataFrame({
    "battery_id": "A",
    "time": pd.date_range("2026-01-01T08:00Z", periods=60, freq="min"),
    "soc": np.linspace(0.81, 0.59, 60),
    "Battery_Voltage": np.linspace(388.0, 372.0, 60),
})
try:
    evtwin.Table(frame)
except evtwin.errors.RangeError as error:
    print("refused:", error)
table = evtwin.Table(frame, units={"soc": "fraction"})
print(table.units)

# %% [markdown]
# A table is also an Arrow stream, so polars, pyarrow, DuckDB and pandas can read it. Columns are NumPy arrays that share
# its memory.

# %%
print(pl.DataFrame(table).head(3))
print("mean voltage by NumPy:", round(float(np.mean(table["Battery_Voltage"])), 3))

# %% [markdown]
# ## Simulate
# Three packs for an hour, as their battery management systems would report them. `truth` has the values that these do
# not know ([the cell](concept-cell.md), [heat](concept-heat.md)).

# %%
with evtwin.Simulator(n_packs=3, seed=SEED, initial_soh_percent=92) as simulator:
    rows = [table.to_pandas() for table in simulator.run(3600, every_s=60)]
    truth = simulator.truth("soh_frac")
hour = pd.concat(rows)
ends = hour.groupby("battery_id")[["soc", "voltage", "temperature"]].agg(["first", "last"])
print(ends.round(1).to_string())
print("true state of health:", truth.round(3).tolist())
print("as it is reported:", rows[-1]["soh"].tolist())

# %%
figure, axes = plt.subplots(figsize=(7.2, 2.6), layout="constrained")
for name, pack in hour.groupby("battery_id"):
    axes.plot(np.arange(1, len(pack) + 1), pack["voltage"], label=name)
axes.set(xlabel="minutes", ylabel="voltage, V", title="An hour of three packs")
axes.legend()
plt.show()

# %% [markdown]
# ## Run-to-failure data
# A hundred and fifty packs from new to their end of life ([ageing](concept-ageing.md), [a fleet](concept-fleet.md)). Each record has
# the labels `rul` and `failure`, which are outcomes: they follow from the end of life of that pack.

# %%
records, lives = evtwin.Fleet(150, seed=SEED).run_to_failure(record_every_days=30)
print(f"{len(records)} records; lives in cycles: 10 % below {lives.life_p10_cycles:.0f}, "
      f"median {lives.life_median_cycles:.0f}, 90 % below {lives.life_p90_cycles:.0f}")
data = records.to_pandas()
figure, axes = plt.subplots(figsize=(7.2, 2.8), layout="constrained")
for name, pack in list(data.groupby("battery_id"))[:6]:
    axes.plot(pack["charge_cycles"], pack["soh"], ".", markersize=2, label=name)
axes.axhline(80, color="black", linewidth=0.8, linestyle="--")
axes.set(xlabel="charge cycles", ylabel="state of health as reported, %", title="Six of the fleet")
axes.legend(markerscale=5)
plt.show()

# %% [markdown]
# ## Train
# A fifth of the *batteries* is held out, and each score is shown beside baselines that need no model
# ([splits and baselines](concept-splits.md)). Seven features are the default; the data have three more, which are used
# too. The data are the DataFrame from above.

# %%
features = ["soc", "soh", "voltage", "current", "temperature", "charge_cycles", "power_consumption",
            "resistance_mohm", "mean_temperature", "throughput_ah_per_day"]
trainer = evtwin.train(data, features=features, seed=SEED)
for what in ("model", "single", "mean_life", "mean"):
    score = trainer.score("rul", what)
    print(f"RUL, {what:>9}: RMSE {score.rmse:5.1f} cycles, R2 {score.r2:5.2f} {score.feature}")
score = trainer.score("rul")
print(f"ratio to the best baseline {score.ratio:.2f}, "
      f"90 % interval {score.ratio_low:.2f} to {score.ratio_high:.2f}")
failure, base_rate = trainer.score("failure"), trainer.score("failure", "mean")
print(f"failure: AUC {failure.auc:.2f}, Brier {failure.brier:.3f}, base rate {base_rate.brier:.3f}")
for finding in trainer.findings:
    print(f"{finding.severity}: {finding.text}")
trainer.save(folder / "models")

# %% [markdown]
# The model is better than the best single feature, but with thirty held-out batteries this may be chance, so the report
# claims nothing. More batteries would decide it; more records of the same batteries would not.

# %% [markdown]
# ## Intervals and reasons
# A new fleet that the models have never seen: is the truth inside the [interval](concept-intervals.md), and what are the
# [reasons](concept-reasons.md) for the prediction of one battery?

# %%
predictor = evtwin.Predictor.load(folder / "models")
new, _ = evtwin.Fleet(20, seed=SEED + 1).run_to_failure(record_every_days=30)
predicted = predictor.apply(new).to_pandas()
within = predicted["rul"].between(predicted["rul_low"], predicted["rul_high"])
each = within.groupby(predicted["battery_id"]).mean()
print(f"within the interval: {100 * each.mean():.0f} % of the rows, as a mean over {len(each)} batteries")
one = predicted[predicted["battery_id"] == "BATTERY_002"]
columns = ["charge_cycles", "rul", "rul_low", "rul_prediction", "rul_high", "failure_probability"]
print(one[columns].iloc[::12].round(2).to_string(index=False))
figure, axes = plt.subplots(figsize=(7.2, 2.8), layout="constrained")
axes.fill_between(one["charge_cycles"], one["rul_low"], one["rul_high"], alpha=0.2, linewidth=0)
axes.plot(one["charge_cycles"], one["rul_prediction"], label="predicted, 90 %")
axes.plot(one["charge_cycles"], one["rul"], "k--", label="came true")
axes.set(xlabel="charge cycles", ylabel="cycles that remain", title="BATTERY_002 of a new fleet")
axes.legend()
plt.show()

# %%
row = one[list(predictor.features)].iloc[len(one) // 2]
reasons = predictor.reasons("rul", row.to_numpy(float), k=5)
for reason in reasons:
    print(reason.text)
figure, axes = plt.subplots(figsize=(7.2, 2.2), layout="constrained")
axes.barh([reason.feature for reason in reasons][::-1], [reason.effect for reason in reasons][::-1])
axes.set(xlabel="cycles, against the training mean", title="Five reasons")
plt.show()

# %% [markdown]
# ## scikit-learn
# The same forests are available as estimators, for grids, pipelines and cross-validation. Split by battery here, too.

# %%
from evtwin.estimators import RULRegressor
from sklearn.model_selection import GroupKFold, cross_val_score

scores = cross_val_score(RULRegressor(trees=100, random_state=SEED), data[features], data["rul"],
                         groups=data["battery_id"], cv=GroupKFold(4),
                         scoring="neg_root_mean_squared_error")
print("RMSE of four folds:", (-scores).round(1).tolist())

# %% [markdown]
# ## Live
# A pump takes records from a source, predicts them, and passes them to sinks: here a database and our own function
# ([delivery](concept-delivery.md)). The source is a fleet that simulates a day as fast as possible.

# %%
worst: dict[str, float] = {}


def watch(batch: evtwin.Batch) -> None:
    """An own sink: remembers the least that any battery may have left."""
    for name, low in zip(batch.rows["battery_id"], batch.rows["rul_low"]):
        worst[name] = min(low, worst.get(name, np.inf))


fleet = evtwin.Fleet(4, seed=SEED, use="daily", initial_soh_percent=97, final_soh_percent=83)
day = evtwin.source(fleet, interval_s=600, speed=float("inf"), max_records=144)
with evtwin.Pump(day, folder / "evtwin.db", watch, predictor=predictor) as pump:
    print(pump.run(), "records predicted, stored and watched")
print("at least, by rul_low:", {name: round(low) for name, low in sorted(worst.items())})

# %% [markdown]
# ## Serve
# The server offers REST, the pages of the live fleet and metrics for Prometheus, on a port of this machine. Open
# `server.url` in a browser while it runs; `evtwin-serve` is the same as a program.

# %%
with evtwin.serve(folder / "evtwin.db", listen="127.0.0.1:0") as server:
    with urllib.request.urlopen(f"{server.url}/api/battery/latest?battery_id=BATTERY_004") as answer:
        latest = json.load(answer)["data"]
scratch.cleanup()
shown = ("soh", "rul_prediction", "rul_low", "rul_high")
print(latest["battery_id"], {name: round(latest[name], 1) for name in shown})

# %% [markdown]
# ## Next
# [Python](python.md) describes the whole package, [concepts](concepts.md) the meaning of the numbers, and
# [migration.md](migration.md) the way from the Python demo. [workflow.py](../examples/python/workflow.py) does all of this
# in 40 lines.
