# SPDX-License-Identifier: MIT
"""Learn: audit a data set, train the targets, read scores and findings, save the bundle."""
from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Union

from . import core, errors, reports
from ._base import Handle, Path, choice, known, options, plain
from ._origin import Saved
from ._table import Table, as_table
from .prediction import Predictor
from .simulation import Progress, _go_on

if TYPE_CHECKING:  # they are types only
    from typing_extensions import Unpack

    from ._options import CsvOptions, MlflowOptions, TrainOptions

Targets = Union[str, Iterable[str], Mapping[str, Mapping[str, Any]], None]
"""Names of targets, or of each also what differs from its defaults: {"rul": {"trees": 200, "column": "RUL"}}."""


def _targets(wanted: Targets) -> Any:
    """A list of C targets; None = all that are known."""
    if wanted is None:
        return None
    if isinstance(wanted, str):
        wanted = [wanted]
    changes: Mapping[str, Mapping[str, Any]] = (
        wanted if isinstance(wanted, Mapping) else {name: {} for name in wanted})
    made = []
    for name, members in changes.items():
        target = core.target_get(core.target_find(name))
        for member, value in members.items():
            if member not in ("column", "trees", "depth"):
                raise TypeError(f"unexpected member '{member}' of a target; it has column, trees, depth")
            setattr(target, member, value)
        made.append(target)
    return made


def _findings(count: Any, get: Any, handle: Any) -> List[reports.Finding]:
    return [get(handle, i) for i in range(count(handle))]


class Audit(NamedTuple):
    """What an audit found."""

    findings: List[reports.Finding]
    """cause, severity, text, column, about, advice, is_allowed of each."""
    n_refusals: int
    """Findings that refuse the data: 0 = a model can be trained on it."""
    report: Dict[str, Any]
    """All findings, in the JSON form of the tools."""


def audit(data: Any, *, targets: Targets = None, **train_options: Unpack[TrainOptions]) -> Audit:
    """Check what train would learn from the same table and options."""
    how = options(core.train_options, train_options)
    handle = core.audit_run(as_table(data)._handle, _targets(targets), how)
    return Audit(_findings(core.audit_finding_count, core.audit_finding, handle),
                 int(core.audit_refusal_count(handle)), json.loads(known(core.audit_json(handle))))


class Trainer(Handle):
    """A finished training: a model of each target, held-out scores and findings. Made by train or train_csv."""

    @classmethod
    def train(cls, data: Any, *, targets: Targets = None, progress: Optional[Progress] = None,
              **train_options: Unpack[TrainOptions]) -> "Trainer":
        """Train on a table with labels. Keywords are the members of evtwin_train_options: features (a list of
        names), group, cv_folds, seed, recipe ("contract", "history"), n_tune, learning_rate, allow, …
        progress(what, done) may return True to stop (CancelledError). Ctrl-C ends it."""
        how = _train_options(train_options, progress)
        return cls(core.train(as_table(data)._handle, _targets(targets), how))

    @classmethod
    def train_csv(cls, path: Path, *, targets: Targets = None, progress: Optional[Progress] = None,
                  csv_options: Optional[CsvOptions] = None, **train_options: Unpack[TrainOptions]) -> "Trainer":
        """Train on a CSV file that is larger than memory; the rows of a battery stand together in it. csv_options are
        the keywords of Table.read_csv, as a dict; the others are those of train."""
        csv = core.csv_open(os.fsdecode(path), options(core.csv_options, csv_options or {}))
        return cls(core.train_csv(csv, _targets(targets), _train_options(train_options, progress)))

    @property
    def features(self) -> List[str]:
        """Names of the features, in the order of the models' columns."""
        features = core.trainer_features(self._get())
        return [known(core.features_name(features, i)) for i in range(core.features_count(features))]

    @property
    def findings(self) -> List[reports.Finding]:
        """Facts that a reader of the scores should know: cause, severity, text, column, about, advice, is_allowed."""
        return _findings(core.trainer_finding_count, core.trainer_finding, self._get())

    @property
    def has_signal(self) -> bool:
        """Whether a model beats the training mean by more than chance."""
        return bool(core.trainer_has_signal(self._get()))

    def score(self, target: str, scored: str = "model", *, fold: Optional[int] = None) -> reports.Score:
        """A held-out score: of "model", "mean", "mean_life" or "single"; pooled over folds, or of one fold."""
        return core.trainer_score(self._get(), target, choice("SCORED", scored),
                                  core.ALL_FOLDS if fold is None else fold)

    def repeat(self, target: str, i: int) -> reports.Score:
        """The score under another assignment of batteries to folds."""
        return core.trainer_repeat(self._get(), target, i)

    def importance(self, target: str) -> Dict[str, float]:
        """Mean gain of the splits on each feature, normalised to sum 1."""
        handle = self._get()
        core.trainer_score(handle, target, core.SCORED_MODEL, core.ALL_FOLDS)  # NotFoundError for a target that there is not
        return {name: core.trainer_importance(handle, target, i) for i, name in enumerate(self.features)}

    def predictor(self) -> Predictor:
        """The same predictor as loading the saved bundle would give, without using the disk."""
        predictor = Predictor._wrap(core.trainer_predictor(self._get()))
        predictor._origin = Saved(self._save_for_pickle)
        return predictor

    def _save_for_pickle(self, folder: str) -> None:
        if self.closed:
            raise errors.StateError("the Trainer that this Predictor is of was closed: save() the training before, and pickle "
                                    "the Predictor that is loaded from the folder")
        self.save(folder)

    def predictions(self, target: str) -> Table:
        """The held-out predictions from which the score was computed."""
        return Table._wrap(core.trainer_predictions(self._get(), target))

    def reliability(self, target: str) -> Table:
        """Their reliability, by band of the predicted value."""
        return Table._wrap(core.trainer_reliability(self._get(), target))

    def rounds(self, target: str) -> Table:
        """The metrics of every boosting round (trained with keep_rounds=True)."""
        return Table._wrap(core.trainer_rounds(self._get(), target))

    def search(self, target: str) -> Table:
        """The parameter sets that a search (n_tune) tried."""
        return Table._wrap(core.trainer_search(self._get(), target))

    def params(self, target: str) -> Dict[str, str]:
        """The parameters of XGBoost, under the names of its scikit-learn wrapper."""
        table = Table._wrap(core.trainer_params(self._get(), target))
        return dict(zip(table["name"].tolist(), table["value"].tolist()))

    def json(self, path: Optional[Path] = None) -> Dict[str, Any]:
        """The report in the JSON form of the tools; path is the value of "models"."""
        return dict(json.loads(known(self._call(core.trainer_json, None if path is None else os.fsdecode(path)))))

    def save(self, path: Path) -> None:
        """Save the bundle in a folder, which is created if absent."""
        core.trainer_save(self._get(), os.fsdecode(path))

    def save_mlflow(self, target: str, path: Path, **mlflow_options: Unpack[MlflowOptions]) -> None:
        """Save the model of a target as a folder that MLflow opens."""
        core.trainer_save_mlflow(self._get(), target, os.fsdecode(path), options(core.mlflow_options, mlflow_options))

    def __repr__(self) -> str:
        if self.closed:
            return "<evtwin.Trainer (closed)>"
        return f"<evtwin.Trainer of {len(self.features)} features, {len(self.findings)} findings>"


def _train_options(given: Mapping[str, Any], progress: Optional[Progress]) -> Any:
    made = options(core.train_options, given)
    made.progress = plain(progress or _go_on, "progress")
    return made


train = Trainer.train
train_csv = Trainer.train_csv
