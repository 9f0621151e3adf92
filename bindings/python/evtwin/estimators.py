# SPDX-License-Identifier: MIT
"""RULRegressor and FailureClassifier: the library's forests as scikit-learn estimators.

    model = evtwin.RULRegressor().fit(frame[features], frame["RUL"], groups=frame["battery_id"])
    model.scores_["model"]["rmse"], model.scores_["mean"]["rmse"]    # held out by battery, beside a baseline

fit(X, y) grows one forest on all rows: no split, no scores, nothing refused, so that scikit-learn's own tools (grids,
pipelines, cross-validation) do that. fit(X, y, groups=…) first trains as evtwin.train does, with folds of whole
batteries: data that the audit refuses raise DataError, and the scores are those of held-out batteries.

Needs scikit-learn (1.3 or newer), which evtwin itself does not.
"""
from __future__ import annotations

import math
from typing import Any, Dict, List, Mapping, Tuple

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets, type_of_target
    from sklearn.utils.validation import check_is_fitted, column_or_1d
except ImportError as error:
    raise ImportError("RULRegressor and FailureClassifier need scikit-learn: pip install scikit-learn") from error
try:
    from sklearn.utils.validation import validate_data
except ImportError:  # before scikit-learn 1.6
    validate_data = None

from . import core, errors
from ._arrow import _is_missing, from_arrow
from ._base import known

__all__ = ["FailureClassifier", "RULRegressor"]

_MAX_SEED = 2**31 - 1
_FOLDS = 5
_SCORED = {"model": core.SCORED_MODEL, "mean": core.SCORED_MEAN, "single": core.SCORED_SINGLE}


class _Forest:
    """A grown forest, which goes into pickles as XGBoost's JSON."""

    def __init__(self, handle: Any, importances: "np.ndarray[Any, Any]", text: str) -> None:
        self.handle, self.importances, self.text = handle, importances, text

    @classmethod
    def grow(cls, x: Any, y: Any, options: Any) -> "_Forest":
        handle = core.model_fit(x, np.ascontiguousarray(y, np.float32), options)
        importances = np.array([core.model_importance(handle, i) for i in range(core.model_width(handle))])
        return cls(handle, importances, known(core.model_json(handle)))

    @classmethod
    def _load(cls, text: str, importances: "np.ndarray[Any, Any]") -> "_Forest":
        return cls(core.model_load_buffer("the pickled model", text), importances, text)

    def __reduce__(self) -> Tuple[Any, Tuple[Any, ...]]:
        return _Forest._load, (self.text, self.importances)

    def predict(self, x: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        y = np.empty(len(x), np.float32)
        core.model_predict(self.handle, x, y)
        return y


class _Estimator(BaseEstimator):  # type: ignore[misc]
    """What both have in common. A parameter that is None has the target's default."""

    _target: str
    _objective: int

    def __init__(self, *, trees: Any = None, depth: Any = None, learning_rate: float = 0.1, subsample: float = 1.0,
                 column_sample: float = 1.0, min_child_weight: float = 1.0, random_state: Any = None) -> None:
        self.trees = trees
        self.depth = depth
        self.learning_rate = learning_rate
        self.subsample = subsample
        self.column_sample = column_sample
        self.min_child_weight = min_child_weight
        self.random_state = random_state

    # ---- data as the C calls take it ----

    def _checked(self, X: Any, **how: Any) -> Any:
        """X (rows, cols) as float32, NaN = missing; with y also y."""
        if validate_data is not None:
            return validate_data(self, X, dtype=np.float32, order="C", ensure_all_finite="allow-nan", **how)
        return self._validate_data(X, dtype=np.float32, order="C", force_all_finite="allow-nan", **how)

    def _target_of(self) -> Any:
        """The C target with this estimator's parameters."""
        target = core.target_get(core.target_find(self._target))
        target.trees = target.trees if self.trees is None else self.trees
        target.depth = target.depth if self.depth is None else self.depth
        return target

    def _options(self) -> Any:
        target, options = self._target_of(), core.fit_options()
        options.objective = self._objective
        options.trees, options.depth = target.trees, target.depth
        options.learning_rate, options.subsample = self.learning_rate, self.subsample
        options.column_sample, options.min_child_weight = self.column_sample, self.min_child_weight
        if self.random_state is not None:
            seed = self.random_state
            is_ours = isinstance(seed, (int, np.integer)) and 0 <= seed <= _MAX_SEED
            options.seed = int(seed) if is_ours else int(check_random_state(seed).randint(_MAX_SEED))
        return options

    def _fit(self, x: "np.ndarray[Any, Any]", y: "np.ndarray[Any, Any]", groups: Any) -> None:
        options = self._options()
        for name in ("scores_", "findings_", "has_signal_", "held_out_prediction_"):  # of an earlier fit
            self.__dict__.pop(name, None)
        if groups is not None:
            self._score_by_group(x, y, column_or_1d(groups))
        self.forest_ = _Forest.grow(x, y, options)

    # ---- scores held out by battery ----

    def _score_by_group(self, x: "np.ndarray[Any, Any]", y: "np.ndarray[Any, Any]", groups: Any) -> None:
        """What evtwin.train says of the same rows: DataError where its audit refuses them."""
        if len(groups) != len(x):
            raise ValueError(f"groups has {len(groups)} rows, X has {len(x)}")
        if (self.subsample, self.column_sample, self.min_child_weight) != (1.0, 1.0, 1.0):
            raise ValueError("groups= scores forests of trees, depth and learning_rate: leave subsample, "
                             "column_sample and min_child_weight at 1")
        names = self._column_names(x.shape[1])
        try:
            trainer = self._train(x, names, y, groups)
        except errors.RangeError:  # fractions, or what a scaler made of our quantities: to a forest they are numbers like others
            trainer = self._train(x, [f"{name} as given" for name in names], y, groups)
        self._keep_scores(trainer, len(x))

    def _train(self, x: "np.ndarray[Any, Any]", names: List[str], y: "np.ndarray[Any, Any]", groups: Any) -> Any:
        # in our units: a column under a name of the data set would be converted
        columns = {name: x[:, i].astype(np.float64) for i, name in enumerate(names)}
        columns["label of y"] = np.asarray(y, np.float64)
        columns["group of row"] = np.array([None if _is_missing(group) else str(group) for group in groups], object)
        target, options = self._target_of(), core.train_options()
        target.column = "label of y"
        options.features, options.group = ",".join(names), "group of row"
        options.learning_rate = self.learning_rate
        options.cv_folds = min(_FOLDS, len({*columns["group of row"].tolist()} - {None}))
        options.source_name = type(self).__name__
        return core.train(from_arrow(columns), [target], options)

    def _column_names(self, n: int) -> List[str]:
        """Those of a DataFrame where they are our own or no telemetry at all, else x0, x1, …"""
        given = list(getattr(self, "feature_names_in_", []))

        def is_plain(name: str) -> bool:
            try:
                index, unit, factor = core.quantity_find(name)
            except LookupError:
                return "," not in name and name == name.strip() and name != ""
            return bool(factor == 1.0)

        return given if given and all(map(is_plain, given)) else [f"x{i}" for i in range(n)]

    def _keep_scores(self, trainer: Any, rows: int) -> None:
        self.scores_: Mapping[str, Any] = _scores(trainer, self._target)
        self.findings_ = [f"{found.severity}: {found.text}" for found in
                          (core.trainer_finding(trainer, i) for i in range(core.trainer_finding_count(trainer)))]
        self.has_signal_ = bool(core.trainer_has_signal(trainer))
        table = core.trainer_predictions(trainer, self._target)
        self.held_out_prediction_ = np.full(rows, math.nan)
        row = np.asarray(core.table_i64(table, core.table_find(table, "row")))
        self.held_out_prediction_[row] = core.table_f64(table, core.table_find(table, "prediction"))

    # ---- a fitted forest ----

    def _predicted(self, X: Any) -> "np.ndarray[Any, Any]":
        check_is_fitted(self)
        return self.forest_.predict(self._checked(X, reset=False))

    @property
    def feature_importances_(self) -> "np.ndarray[Any, Any]":
        """Mean gain of the splits on each feature (n_features_in_), normalised to sum 1; all 0 without a split."""
        check_is_fitted(self)
        importances: "np.ndarray[Any, Any]" = self.forest_.importances.copy()
        return importances

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _more_tags(self) -> Dict[str, Any]:
        return {"allow_nan": True}


def _scores(trainer: Any, target: str) -> Dict[str, Any]:
    """The report of evtwin_score of the model and the baselines, pooled over the folds."""
    made = {name: core.trainer_score(trainer, target, scored, core.ALL_FOLDS) for name, scored in _SCORED.items()}
    return {name: {k: v for k, v in score._asdict().items()} for name, score in made.items()}


class RULRegressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """Remaining useful life from a row's own values, in the unit of y (cycles).

    Parameters: trees, depth (None: those of evtwin.train, 200 and 8), learning_rate, subsample, column_sample,
    min_child_weight, random_state (of the two shares).

    After fit: feature_importances_ (n_features_in_,), n_features_in_, feature_names_in_ (of a DataFrame). With groups
    also scores_ (of "model", "mean" and "single": the members of evtwin_score as a dict), findings_ (list of str),
    has_signal_, and held_out_prediction_ (rows,), NaN of rows that evtwin.train leaves out.
    """

    _target = "rul"
    _objective = core.OBJECTIVE_REGRESSION

    def fit(self, X: Any, y: Any, groups: Any = None) -> "RULRegressor":
        """X (rows, cols), NaN = missing; y (rows); groups (rows): the battery of each row, None = no scores."""
        X, y = self._checked(X, y=y, y_numeric=True)
        self._floor = 0.0 if np.min(y) >= 0 else -math.inf
        self._fit(X, y, groups)
        return self

    def predict(self, X: Any) -> "np.ndarray[Any, Any]":
        """RUL (rows), float64; never below 0 if no y was."""
        predicted: "np.ndarray[Any, Any]" = np.maximum(self._predicted(X).astype(np.float64), self._floor)
        return predicted


class FailureClassifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """Whether a battery fails, of two classes, from a row's own values. Parameters and what fit keeps are those of
    RULRegressor (depth 6); and classes_ (2,), of which the second is the event."""

    _target = "failure"
    _objective = core.OBJECTIVE_LOGISTIC

    def fit(self, X: Any, y: Any, groups: Any = None) -> "FailureClassifier":
        """X (rows, cols), NaN = missing; y (rows) of two classes; groups (rows): the battery of each row, None = no
        scores."""
        X, y = self._checked(X, y=y)
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        self.classes_, event = np.unique(y, return_inverse=True)
        self._fit(X, event, groups)
        return self

    def predict_proba(self, X: Any) -> "np.ndarray[Any, Any]":
        """Probabilities (rows, 2), float64, of classes_."""
        event = self._predicted(X).astype(np.float64)
        return np.column_stack([1.0 - event, event])

    def predict(self, X: Any) -> "np.ndarray[Any, Any]":
        """The more probable of classes_ (rows)."""
        event = self._predicted(X) > 0.5
        classes: "np.ndarray[Any, Any]" = self.classes_[event.astype(int)]
        return classes

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _more_tags(self) -> Dict[str, Any]:
        return {"allow_nan": True, "binary_only": True}
