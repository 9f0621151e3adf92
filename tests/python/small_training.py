# SPDX-License-Identifier: MIT
"""A small training that several tests use, made once in each: the slow part of them."""
import pathlib
import tempfile
from typing import Any, NamedTuple

import evtwin


class Training(NamedTuple):
    folder: Any  # a TemporaryDirectory; clean it up
    records: evtwin.Table  # from new to the end of life
    bundle: pathlib.Path
    model: evtwin.Model  # of RUL


def make():
    folder = tempfile.TemporaryDirectory()
    bundle = pathlib.Path(folder.name, "models")
    records, _ = evtwin.Fleet(8, seed=1).run_to_failure(record_every_days=15)
    evtwin.train(records, seed=1).save(bundle)
    return Training(folder, records, bundle, evtwin.Model.load(bundle / "rul_model.json"))
