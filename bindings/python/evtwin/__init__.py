# SPDX-License-Identifier: MIT
"""Digital twins of EV batteries: simulate, learn, predict, store, serve.

    fleet = evtwin.Fleet(50, seed=1)
    records, report = fleet.run_to_failure()        # run-to-failure data
    trainer = evtwin.train(records)                 # RUL and failure, scores held out by battery
    trainer.save("models")
    predictor = evtwin.Predictor.load("models")
    table = predictor.apply(records)                # rul_prediction, failure_probability, …
    evtwin.Pump("sim:?fleet=20&speed=max&rows=10", "sqlite:evtwin.db", predictor=predictor).run()
    server = evtwin.serve("sqlite:evtwin.db")       # REST, pages, metrics

Names are those of C without prefix, units stay in names; options are keywords. A failure is an evtwin.Error, which is
also a ValueError, an OSError, … (evtwin.errors). All of C is in evtwin.core.
"""
from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, List

from . import core, errors, reports
from . import _log  # forwards the log  # noqa: F401
from ._base import from_us, to_us
from ._table import Table, as_table
from .errors import *  # noqa: F401,F403
from .learning import Audit, Trainer, audit, train, train_csv
from .prediction import Model, Predictor, Session
from .serving import Alerts, Metrics, Server, serve
from .simulation import Cell, Fleet, Simulator
from .storage import Store, Thresholds
from .streams import Batch, Pump, Screen, Sink, Source, Spool, sink, source
from .tracking import Follower, Run, Tracker

__version__: str = core.version()

_ESTIMATORS = ("RULRegressor", "FailureClassifier")

__all__ = [
    "Alerts", "Audit", "Batch", "Cell", "Fleet", "Follower", "Metrics", "Model", "Predictor", "Pump", "Run", "Screen",
    "Server", "Session", "Simulator", "Sink", "Source", "Spool", "Store", "Table", "Thresholds", "Tracker", "Trainer",
    "as_table", "audit", "core", "errors", "from_us", "reports", "serve", "sink", "source", "to_us", "train", "train_csv",
    *errors.__all__,
]


if TYPE_CHECKING:  # no __getattr__, by which every name would be there
    from .estimators import FailureClassifier as FailureClassifier, RULRegressor as RULRegressor
else:
    def __getattr__(name: str) -> Any:
        """The estimators, which need scikit-learn: imported when they are asked for."""
        if name in _ESTIMATORS:
            from . import estimators

            return getattr(estimators, name)
        raise AttributeError(f"module 'evtwin' has no attribute '{name}'", name=name, obj=sys.modules[__name__])

    def __dir__() -> List[str]:
        return [*globals(), *_ESTIMATORS]
