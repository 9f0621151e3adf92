# SPDX-License-Identifier: MIT
"""Predict: one forest of trees, or a bundle of features, scaler and models; with or without a state of each battery."""
from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Sequence, SupportsIndex, Tuple, Union

import numpy as np

from . import core, errors, reports
from ._base import Handle, Path, choice, known, options
from ._origin import Bundle, FileMark, Files
from ._table import Table, as_table, to_extend

if TYPE_CHECKING:  # they are types only
    from typing_extensions import Unpack

    from ._options import SessionOptions


def _matrix(x: Any, dtype: Any, names: Callable[[], Sequence[str]]) -> Any:
    """x (rows, cols), C-contiguous: itself where it is that already. The columns of a data frame must have these names."""
    if hasattr(x, "columns"):
        _check_names("matrix", getattr(x, "column_names", x.columns), names())  # pyarrow's columns are arrays
    array = _array_of(x, dtype)
    if array.ndim != 2:
        raise ValueError(f"a matrix (rows, columns) is needed, not the shape {array.shape}; of one row: x[None, :]")
    return array


def _check_names(what: str, given: Any, wanted: Sequence[str]) -> None:
    if "" not in wanted and list(given) != list(wanted):
        raise errors.SchemaError(f"columns {', '.join(map(str, given))}: a {what} has {', '.join(wanted)}, in this "
                                 "order and our units (Predictor.apply finds columns by name)")


def _array_of(x: Any, dtype: Any) -> "np.ndarray[Any, Any]":
    """x as an array of dtype, C-contiguous, NaN where a mask or pandas.NA says that it is missing."""
    array: Any = x if type(x) is np.ndarray else np.asanyarray(x)  # the way of one row: not a microsecond more
    if array.dtype.kind in "cmM":  # NumPy would drop imaginary parts, and count days or nanoseconds
        raise TypeError(f"an array of {array.dtype}: real numbers are needed")
    if isinstance(array, np.ma.MaskedArray):
        array = array.astype(dtype).filled(np.nan)
    try:
        return np.ascontiguousarray(array, dtype)
    except (TypeError, ValueError):
        if not hasattr(x, "iloc") or hasattr(x, "columns") and any(dtype.kind in "mM" for dtype in x.dtypes):
            raise  # pandas' own conversion would count nanoseconds, too
        return np.ascontiguousarray(x.to_numpy(dtype, na_value=np.nan))


class Model:
    """A forest read from an XGBoost model file, JSON or UBJSON. Immutable: any number of threads may predict."""

    __slots__ = ("_core", "_name", "_all_trees", "_origin", "__weakref__")

    def __init__(self, path: Path, *, all_trees: bool = False) -> None:
        load = core.model_load_all_trees if all_trees else core.model_load
        self._name, self._all_trees = os.fsdecode(path), all_trees
        self._origin: Any = FileMark(self._name)
        self._core = load(self._name)

    @classmethod
    def load(cls, path: Path, *, all_trees: bool = False) -> "Model":
        """Load a file; all_trees: also the trees after the best round of early stopping."""
        return cls(path, all_trees=all_trees)

    @classmethod
    def load_buffer(cls, name: str, data: bytes) -> "Model":
        """Load from memory; name appears in errors."""
        model = cls.__new__(cls)
        model._name, model._core = name, core.model_load_buffer(name, data)
        model._all_trees, model._origin = False, data
        return model

    def __reduce__(self) -> Any:
        """The bytes of its file, which must be what was loaded: ValueError if it has changed since."""
        data = self._origin.read() if isinstance(self._origin, FileMark) else self._origin
        return _model_of, (self._name, data, self._all_trees)

    @property
    def width(self) -> int:
        """Number of features."""
        return int(core.model_width(self._core))

    @property
    def trees(self) -> int:
        """Number of trees that are used."""
        return int(core.model_trees(self._core))

    @property
    def objective(self) -> str:
        """"regression" or "logistic"."""
        return "logistic" if core.model_objective(self._core) == core.OBJECTIVE_LOGISTIC else "regression"

    @property
    def feature_names(self) -> List[str]:
        """Names of the features (width), "" if the file has none."""
        return [known(core.model_feature_name(self._core, i)) for i in range(self.width)]

    def _names(self) -> List[str]:
        return self.feature_names

    def predict(self, x: Any, out: Optional[Any] = None) -> "np.ndarray[Any, Any]":
        """y (rows, float32) in the unit of the target, of x (rows, width), NaN = missing. No copy of a C-contiguous
        float32 x; other arrays are converted. out (rows, float32) receives y."""
        x = _matrix(x, np.float32, self._names)
        if out is None:
            out = np.empty(len(x), np.float32)
        core.model_predict(self._core, x, out)
        return out

    def margin(self, x: Any, out: Optional[Any] = None) -> "np.ndarray[Any, Any]":
        """The same before the objective's transformation, equal to XGBoost's bit for bit."""
        x = _matrix(x, np.float32, self._names)
        if out is None:
            out = np.empty(len(x), np.float32)
        core.model_margin(self._core, x, out)
        return out

    def contributions(self, x: Any) -> "np.ndarray[Any, Any]":
        """Shapley values (rows, width + 1, float64) of the margin, the last column their common start."""
        x = _matrix(x, np.float32, self._names)
        phi = np.empty((len(x), x.shape[1] + 1))
        core.model_contributions(self._core, x, phi)
        return phi

    def __enter__(self) -> "Model":
        return self

    def __exit__(self, *_error: Any) -> None:
        """Nothing to do: it is freed with its last user."""

    def __repr__(self) -> str:
        return f"<evtwin.Model {self._name}: {self.trees} trees, {self.width} features, {self.objective}>"


def _model_of(name: str, data: bytes, all_trees: bool) -> Model:
    """The model of a pickle."""
    if not all_trees:
        return Model.load_buffer(name, data)
    with tempfile.TemporaryDirectory() as folder:  # C takes all trees from a file only
        path = os.path.join(folder, "model")
        with open(path, "wb") as file:
            file.write(data)
        model = Model(path, all_trees=True)
    model._name, model._origin = name, data
    return model


class Predictor(Handle):
    """A bundle, loaded from its folder. Immutable, so that any number of threads may predict at once."""

    _origin: Any = None
    """What writes the bundle into a folder, for pickles; None: nothing does."""

    def __init__(self, path: Path) -> None:
        super().__init__(core.predictor_load(os.fsdecode(path)))
        self._n_targets = int(self.info.n_targets)
        self._changes: Dict[str, str] = {}
        self._origin = Bundle(os.path.abspath(os.fsdecode(path)), known(self.info.bundle))

    def __reduce__(self) -> Any:
        """The files of its bundle, which must be what was loaded: ValueError if they have changed since."""
        self._get()
        if self._origin is None:
            raise TypeError("a Predictor of a Follower or of a callback cannot be pickled: load it from a folder in each process")
        return _predictor_of, (self._origin.files(), self._changes)

    @classmethod
    def load(cls, path: Path) -> "Predictor":
        """Load the bundle in a folder; hashes are checked."""
        return cls(path)

    @classmethod
    def _wrap(cls, handle: Any) -> "Predictor":
        predictor = cls.__new__(cls)
        Handle.__init__(predictor, handle)
        predictor._n_targets = int(core.predictor_info_get(handle).n_targets)
        predictor._changes = {}
        return predictor

    @property
    def info(self) -> reports.PredictorInfo:
        """The manifest: version, trained_at, n_targets, label_rule, recipe, group, bundle."""
        return core.predictor_info_get(self._get())

    @property
    def targets(self) -> List[str]:
        """The targets, in the order of predict's columns."""
        handle = self._get()
        return [known(core.predictor_target(handle, i)) for i in range(self._n_targets)]

    @property
    def features(self) -> Dict[str, str]:
        """Name and unit of each feature, in the order of predict's columns."""
        features = core.predictor_features(self._get())
        return {known(core.features_name(features, i)): known(core.features_unit(features, i))
                for i in range(core.features_count(features))}

    def _names(self) -> List[str]:
        return list(self.features)

    def has_seen(self, battery_id: str) -> Optional[bool]:
        """Whether the models were trained on that battery; None if the bundle does not say."""
        seen = core.predictor_has_seen(self._get(), battery_id)
        return None if seen < 0 else bool(seen)

    def set_version(self, version: str) -> None:
        """Set the model_version, for example to the name in a registry, before it is used."""
        self._call(core.predictor_set_version, version)
        self._changes["version"] = version

    def set_coverage(self, coverage: str) -> None:
        """What rul_low and rul_high promise: "on_average" or "each"."""
        self._call(core.predictor_set_coverage, choice("COVERS", coverage))
        self._changes["coverage"] = coverage

    def predict(self, x: Any, out: Optional[Any] = None) -> "np.ndarray[Any, Any]":
        """y (rows, n_targets, float64) of features x (rows, n_features) in our units; NaN where a feature is not
        finite. No copy of a C-contiguous float64 x."""
        handle = self._get()
        x = _matrix(x, np.float64, self._names)
        if out is None:
            out = np.empty((len(x), self._n_targets))
        core.predictor_predict(handle, x, out, self._n_targets)
        return out

    def apply(self, data: Any) -> Table:
        """A copy of the table with predictions: rul_prediction, rul_low, rul_high, failure_probability,
        model_version, prediction_note. Columns are found by name, under any naming."""
        table = to_extend(data)
        core.predictor_apply(self._get(), table)
        return Table._wrap(table)

    def explain(self, data: Any, k: SupportsIndex = 3, *, form: str = "words") -> Table:
        """A copy of the table with the k largest reasons of each row: TARGET_reasons, form "words" or "json"."""
        table = to_extend(data)
        core.predictor_explain(self._get(), table, k, choice("REASONS", form))
        return Table._wrap(table)

    def reasons(self, target: str, x: Any, k: SupportsIndex = 3) -> List[reports.Reason]:
        """The k largest reasons of one row x (n_features) in our units: feature, value, effect, text, … The labels of a
        pandas.Series must be the features in their order."""
        if hasattr(x, "iloc") and all(isinstance(label, str) for label in x.index):
            _check_names("row", x.index, self._names())
        return list(core.predictor_reasons(self._get(), target, _array_of(x, np.float64), k))

    def contributions(self, target: str, x: Any) -> "np.ndarray[Any, Any]":
        """Shapley values (rows, n_features + 1) of a target's margin."""
        x = _matrix(x, np.float64, self._names)
        phi = np.empty((len(x), x.shape[1] + 1))
        core.predictor_contributions(self._get(), target, x, phi)
        return phi

    def interval(self, target: str, prediction: float, *, coverage: str = "on_average") -> reports.Interval:
        """How far a prediction may be off: low, high, level, n_batteries, is_guess."""
        return core.predictor_interval(self._get(), target, choice("COVERS", coverage), prediction)

    def calibration(self, target: str) -> reports.Calibration:
        """How a probability was calibrated: slope, offset, n_batteries, …"""
        return core.predictor_calibration(self._get(), target)

    def score(self, target: str, scored: str = "model") -> reports.Score:
        """The held-out score of a target: of "model", "mean", "mean_life" or "single"."""
        return core.predictor_score(self._get(), target, choice("SCORED", scored))

    def scores(self) -> Table:
        """The models' held-out scores, one row for each target, as a store keeps them."""
        return Table._wrap(core.predictor_scores(self._get()))

    def session(self, **session_options: Unpack[SessionOptions]) -> "Session":
        """A Session: predictions with a state for each battery's past."""
        return Session(self, **session_options)

    def __repr__(self) -> str:
        if self.closed:
            return "<evtwin.Predictor (closed)>"
        return f"<evtwin.Predictor {self.info.version}: {', '.join(self.targets)} from {len(self.features)} features>"


def _predictor_of(files: Mapping[str, bytes], changes: Mapping[str, str]) -> Predictor:
    """The predictor of a pickle."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
        predictor = Predictor(folder)
    predictor._origin = Files(files)
    for name, value in changes.items():
        getattr(predictor, f"set_{name}")(value)
    return predictor


class Session(Handle):
    """A predictor with the bounded state of every battery. apply changes it provisionally, until commit.
    Keywords: max_batteries, n_reasons, explains_each."""

    def __init__(self, predictor: Predictor, **session_options: Unpack[SessionOptions]) -> None:
        super().__init__(core.session_create(Predictor._of(predictor)._get(), options(core.session_options, session_options)))

    def __len__(self) -> int:
        """Number of batteries with a committed state."""
        return int(core.session_batteries(self._get()))

    def apply(self, data: Any) -> Table:
        """A copy of the table with predictions from each battery's past; pending until commit."""
        table = to_extend(data)
        self._call(core.session_apply, table)
        return Table._wrap(table)

    def observe(self, data: Any) -> None:
        """Compare rows with the training data without predicting them."""
        self._call(core.session_observe, as_table(data)._handle)

    def out_of_range(self) -> Tuple[int, int]:
        """The number of rows in the last apply with an impossible value, and the first of them."""
        n, first = self._call(core.session_out_of_range)
        return int(n), int(first)

    def pending(self) -> Optional[Table]:
        """The pending states, one row for each battery; None if there are none."""
        return _optional(self._call(core.session_pending))

    def commit(self) -> None:
        """Make pending changes permanent."""
        self._call(core.session_commit)

    def rollback(self) -> None:
        """Drop pending changes."""
        self._call(core.session_rollback)

    def range(self, feature: int) -> reports.FeatureRange:
        """A feature in the committed rows, compared with the training data."""
        return self._call(core.session_range, feature)

    def drift(self) -> Optional[Table]:
        """Differences from the training data, one row for each finding; None if there are none."""
        return _optional(self._call(core.session_drift))

    def restore(self, states: Any) -> None:
        """Take over states that pending returned earlier."""
        self._call(core.session_restore, as_table(states)._handle)

    def swap(self, predictor: Predictor) -> int:
        """Predict with other models from now on; the number of batteries whose past was dropped."""
        return int(self._call(core.session_swap, Predictor._of(predictor)._get()))


def _optional(handle: Any) -> Optional[Table]:
    return None if handle is None else Table._wrap(handle)
