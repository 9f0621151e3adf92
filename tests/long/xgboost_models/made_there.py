# SPDX-License-Identifier: MIT
"""made_there.py FOLDER: models of Python's XGBoost, each as NAME.json and NAME.ubj, with rows (NAME.x, float32)
and what XGBoost answers: NAME.all.margin and .all.value by all trees, and NAME.margin and .value by those that
its scikit-learn wrapper uses. Files that are to be refused are REFUSED/NAME, with the words that have to be said
in REFUSED/NAME.words."""
import os
import pickle
import sys
import warnings

import numpy as np
import xgboost as xgb

from rows import rows_for, write

OUT = sys.argv[1]
REFUSED = os.path.join(OUT, "refused")
VERSION = tuple(int(part) for part in xgb.__version__.split(".")[:2])
RNG = np.random.default_rng(7)
N, WIDTH = 600, 6

warnings.filterwarnings("ignore")
xgb.set_config(verbosity=0)
os.mkdir(REFUSED)

X = RNG.normal(size=(N, WIDTH)).astype(np.float32)
X[:, 4] = RNG.integers(0, 5, size=N)          # few values: many rows on each threshold
X[:, 5] = np.exp(4 * X[:, 5])                 # from 1e-5 to 1e5
LIFE = 300 + 100 * X[:, 0] - 40 * np.abs(X[:, 1]) + 20 * X[:, 4] + RNG.normal(size=N) * 20
FAILS = (RNG.random(N) < 1 / (1 + np.exp(-2 * X[:, 0] + X[:, 2]))).astype(np.float32)
HOLES = X.copy()
HOLES[RNG.random(X.shape) < 0.2] = np.nan

COMMON = {"nthread": 1, "tree_method": "hist", "max_depth": 4, "seed": 5}
LABEL = {"reg:squarederror": LIFE, "binary:logistic": FAILS}


def keep(name, booster, data=HOLES, best=None):
    """best: the number of trees that the scikit-learn wrapper uses, if not all."""
    x = rows_for(booster, data, RNG)
    path = os.path.join(OUT, name)
    write(path + ".x", x)
    matrix = xgb.DMatrix(x, missing=np.nan, nthread=1, feature_names=booster.feature_names,
                         feature_types=booster.feature_types)
    for kind, is_margin in (("margin", True), ("value", False)):
        write(f"{path}.all.{kind}", booster.predict(matrix, output_margin=is_margin))
        write(f"{path}.{kind}", booster.predict(matrix, output_margin=is_margin,
                                                iteration_range=(0, best or booster.num_boosted_rounds())))
    for form in (".json", ".ubj"):
        booster.save_model(path + form)


def train(name, rounds=30, data=HOLES, objective="reg:squarederror", label=None, missing=np.nan, names=None,
          weight=None, **params):
    label = LABEL[objective] if label is None else label
    matrix = xgb.DMatrix(data, label, missing=missing, nthread=1, feature_names=names, weight=weight)
    booster = xgb.train({**COMMON, "objective": objective, **params}, matrix, rounds)
    keep(name, booster, data)
    return booster


def refuse(name, words, data):
    with open(os.path.join(REFUSED, name), "wb") as f:
        f.write(data)
    with open(os.path.join(REFUSED, name + ".words"), "w") as f:
        f.write(words)


def refuse_booster(name, words, **params):
    label = params.pop("label", LIFE)
    matrix = params.pop("matrix", None) or xgb.DMatrix(HOLES, label, nthread=1)
    booster = xgb.train({**COMMON, **params}, matrix, 3)
    for form in ("json", "ubj"):
        refuse(f"{name}.{form}", words, bytes(booster.save_raw(form)))
    return booster


# ---- models that load ----

for objective in LABEL:
    train("objective-" + objective.replace(":", "-"), objective=objective)

for method in ("exact", "approx", "hist"):
    for objective in ("reg:squarederror", "binary:logistic"):
        train(f"method-{method}-{objective[:3]}", objective=objective, tree_method=method)

train("deep", 5, max_depth=14, min_child_weight=0)
train("stumps", 300, max_depth=1, learning_rate=0.05)
train("leaves-only", 8, gamma=1e9)
train("no-trees", 0, base_score=3.5)
train("one-tree", 1, objective="binary:logistic")
train("many-trees", 700, max_depth=3, learning_rate=0.01)
train("by-loss", grow_policy="lossguide", max_leaves=13, max_depth=0)
train("pruned", objective="binary:logistic", tree_method="exact", max_depth=7, gamma=0.6)
train("monotone", monotone_constraints="(1,0,0,0,0,-1)")
train("sampled", subsample=0.5, colsample_bynode=0.5, reg_alpha=3.0, reg_lambda=9.0)
train("weighted", weight=RNG.random(N) * 3)
train("spread", objective="binary:logistic", scale_pos_weight=7.0, max_delta_step=1.0)
train("dense", data=X)
train("minus-999", data=np.where(np.isnan(HOLES), np.float32(-999), HOLES), missing=-999.0)
train("one-column", data=HOLES[:, :1])
train("wide", 20, data=np.column_stack([HOLES] + [RNG.normal(size=(N, 50)).astype(np.float32)] * 6), colsample_bytree=0.3)
train("names", names=["soc", "soh", "voltage (V)", "Strom in A", "\u6e29\u5ea6", 'with "quotes"\\'])
train("tiny-values", label=LIFE * 1e-30)
train("large-values", label=LIFE * 1e30)

for base_score in (0.0, 0.5, -123.456, 1e-20, 3.4e37):
    train(f"base-{base_score}", 10, base_score=base_score)
for base_score in (0.5, 1e-7, 0.999999, 0.123456789):
    train(f"base-logistic-{base_score}", 10, objective="binary:logistic", base_score=base_score)

for seed in range(12):
    random = np.random.default_rng(seed)
    train(f"random-{seed}", int(random.integers(1, 90)), data=HOLES if seed % 2 else X, seed=seed,
          objective=["reg:squarederror", "binary:logistic"][seed % 2],
          max_depth=int(random.integers(1, 10)), learning_rate=float(random.uniform(0.01, 0.8)),
          min_child_weight=float(random.uniform(0, 5)), subsample=float(random.uniform(0.4, 1)),
          max_bin=int(random.integers(4, 256)))

# what a user does with a model afterwards
first = train("to-continue", 10)
again = xgb.train(COMMON, xgb.DMatrix(HOLES, LIFE, nthread=1), 7, xgb_model=first)
keep("continued", again)
keep("sliced", again[2:9])
keep("loaded-again", xgb.Booster(model_file=os.path.join(OUT, "deep.ubj")))

# the API of scikit-learn, with and without early stopping
FIRST, LAST = slice(0, 400), slice(400, N)
for name, kind, label in (("sklearn-regressor", xgb.XGBRegressor, LIFE), ("sklearn-classifier", xgb.XGBClassifier, FAILS)):
    plain = kind(n_estimators=25, max_depth=3, n_jobs=1).fit(HOLES, label)
    keep(name, plain.get_booster())
    early = kind(n_estimators=400, max_depth=5, learning_rate=0.3, early_stopping_rounds=5, n_jobs=1)
    early.fit(HOLES[FIRST], label[FIRST], eval_set=[(HOLES[LAST], label[LAST])], verbose=False)
    best = early.best_iteration + 1
    assert 0 < best < early.get_booster().num_boosted_rounds(), "it was to stop early"
    keep(name + "-early", early.get_booster(), best=best)

# ---- files that do not ----

refuse_booster("dart", "booster|dart|gbtree", booster="dart", rate_drop=0.2)
refuse_booster("gblinear", "booster|gblinear|gbtree", booster="gblinear", tree_method="auto")
refuse_booster("forest", "num_parallel_tree|random forests", num_parallel_tree=4, subsample=0.7)
refuse_booster("classes", "several outputs|one model for each", objective="multi:softprob", num_class=5, label=X[:, 4])
refuse_booster("targets", "several outputs|one model for each", label=np.column_stack([LIFE, FAILS]))
if VERSION >= (2, 0):
    refuse_booster("target-leaves", "several outputs", label=np.column_stack([LIFE, FAILS]), multi_strategy="multi_output_tree")
refuse_booster("hinge", "objective|binary:hinge|binary:logistic", objective="binary:hinge", label=FAILS)
refuse_booster("cox", "objective|survival:cox|reg:squarederror", objective="survival:cox", label=np.abs(LIFE))
categories = np.column_stack([X[:, 4], X[:, 0]])
refuse_booster("categories", "categorical|enable_categorical", matrix=xgb.DMatrix(
    categories, LIFE, nthread=1, feature_types=["c", "float"], enable_categorical=True), max_cat_to_onehot=1)

booster = xgb.train(COMMON, xgb.DMatrix(X, LIFE, nthread=1), 3)
refuse("pickle.pkl", "pickle|save_model", pickle.dumps(booster))
refuse("sklearn.pkl", "pickle|save_model", pickle.dumps(xgb.XGBRegressor(n_estimators=3, n_jobs=1).fit(X, LIFE)))
refuse("snapshot.bin", "memory snapshot|save_model", bytes(booster.__getstate__()["handle"]))
refuse("config.json", "save_config|save_model", booster.save_config().encode())
for form in ("text", "json"):
    booster.dump_model(os.path.join(OUT, "dump"), dump_format=form)
    with open(os.path.join(OUT, "dump"), "rb") as f:
        refuse("dump." + form, "dump_model|save_model", f.read())
if VERSION < (3, 1):
    refuse("raw.bin", "binary model|save_model", bytes(booster.save_raw("deprecated")))
if VERSION < (2, 1):  # from then on UBJSON, under any name but .json
    booster.save_model(os.path.join(OUT, "old.bin"))
    with open(os.path.join(OUT, "old.bin"), "rb") as f:
        refuse("old.bin", "binary model|save_model", f.read())
print(xgb.__version__)
