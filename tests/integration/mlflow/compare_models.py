# SPDX-License-Identifier: MIT
"""Compare what mlflow loads with what evtwin-predict predicted; runs in an environment with mlflow.

    compare_models.py RUL_URI FAILURE_URI DATA.csv PREDICTED.csv [booster]

DATA is raw telemetry, PREDICTED what evtwin-predict made of it. Prints a line for each comparison and
fails at the first that differs. "booster": mlflow.xgboost opens them too.
"""
import sys
import warnings

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")

import mlflow  # noqa: E402
import mlflow.xgboost  # noqa: E402
import xgboost as xgb  # noqa: E402

COLUMN = {"rul": "rul_prediction", "failure": "failure_probability"}
# the file has the shortest digits of a double; RUL is of float32 leaves, probabilities of our exp
TOLERANCE = {"rul": lambda y: 1e-6 * np.maximum(np.abs(y), 1.0), "failure": lambda y: 5e-7 + 0.0 * y}
N_ROWS = 10000


def check(what, target, got, expected):
    got, expected = np.asarray(got, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    assert got.shape == expected.shape, (what, got.shape, expected.shape)
    assert (np.isnan(got) == np.isnan(expected)).all(), (what, "missing values differ")
    known = ~np.isnan(expected)
    off = np.abs(got[known] - expected[known])
    bad = off > TOLERANCE[target](expected[known])
    print("%-40s %6d rows, largest difference %.3g" % (what, known.sum(), off.max()))
    assert not bad.any(), (what, int(bad.sum()), "rows differ by up to", off.max())


def frames(data):
    """The same telemetry as users have it."""
    columns = list(data.columns)
    assert pd.api.types.is_integer_dtype(data["charge_cycles"])
    yield "as read, int64 cycles", data
    yield "columns permuted", data[columns[::-1]]
    floats = data.copy()
    floats["charge_cycles"] = floats["charge_cycles"].astype("float64")
    yield "float64 cycles", floats
    nullable = data.copy()
    nullable["charge_cycles"] = nullable["charge_cycles"].astype("Int64")
    yield "pandas' Int64 cycles", nullable


def compare_boosters(uri, target, data, predicted):
    booster = mlflow.xgboost.load_model(uri)
    assert isinstance(booster, xgb.Booster), type(booster)
    names = booster.feature_names
    assert names and "charge_cycles" in names, names
    got = booster.predict(xgb.DMatrix(data[names])).astype(np.float64)
    expected = predicted[COLUMN[target]].to_numpy()
    if target == "rul":  # the forest alone: not held at 0, and it knows no end of life
        alive = expected > 0.0
        got, expected = got[alive], expected[alive]
    check("%s booster" % target, target, got, expected)
    try:
        booster.predict(xgb.DMatrix(data[names[::-1]]))
    except ValueError:
        pass
    else:
        raise AssertionError("XGBoost took columns in another order without a word")


def main():
    uris = {"rul": sys.argv[1], "failure": sys.argv[2]}
    data, predicted = pd.read_csv(sys.argv[3]), pd.read_csv(sys.argv[4])
    with_booster = "booster" in sys.argv[5:]
    assert len(data) >= N_ROWS, len(data)
    if with_booster:
        data, predicted = data[:N_ROWS], predicted[:N_ROWS]
    for target, uri in uris.items():
        model = mlflow.pyfunc.load_model(uri)
        for name, frame in frames(data):
            check("%s pyfunc, %s" % (target, name), target, model.predict(frame),
                  predicted[COLUMN[target]])
        if with_booster:
            compare_boosters(uri, target, data, predicted)
        try:
            model.predict(data.drop(columns=["soh"]))
        except Exception as error:  # mlflow wraps it on some versions
            assert "'soh'" in str(error), error
        else:
            raise AssertionError("predicted without soh")
        hole = data.copy()
        hole.loc[hole.index[7], "soh"] = np.nan
        got = model.predict(hole)
        assert np.isnan(got[7]) and not np.isnan(got[6]), "a missing value is unknown"
    print("mlflow %s, xgboost %s: equal" % (mlflow.__version__, xgb.__version__))


if __name__ == "__main__":
    main()
