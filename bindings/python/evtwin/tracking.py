# SPDX-License-Identifier: MIT
"""Write trainings to an MLflow server and its registry, and follow the models that it names."""
from __future__ import annotations

import os
import time as _time
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Optional

import numpy as np

from . import core, reports
from ._base import Handle, choice, options
from .prediction import Path, Predictor

if TYPE_CHECKING:  # they are types only
    from typing_extensions import Unpack

    from ._options import FollowerOptions, RunDataset, RunOptions, TrackerOptions, TrackerVersionOptions


def _texts(values: Mapping[str, Any]) -> Dict[str, str]:
    return {str(key): str(value) for key, value in values.items()}


class Tracker(Handle):
    """An MLflow server (2.x or 3.x) at "http://HOST:PORT". It connects when a call needs it. Keywords are the members
    of evtwin_tracker_options: user, password, token, ca_file, timeout_s, n_retries, s3_endpoint, …"""

    _survives_fork = False

    def __init__(self, uri: str, **tracker_options: Unpack[TrackerOptions]) -> None:
        super().__init__(core.tracker_open(uri, options(core.tracker_options, tracker_options)))

    @property
    def server(self) -> reports.TrackerServer:
        """The server: version, major, minor, has_logged_models."""
        return self._call(core.tracker_server_get)

    def experiment(self, name: str) -> str:
        """The id of an experiment, which is created if there is none."""
        return str(self._call(core.tracker_experiment, name))

    def start_run(self, experiment: str, **run_options: Unpack[RunOptions]) -> "Run":
        """Start a run in the experiment of that name. Keywords: name, parent_run_id, start_time, tags (a dict)."""
        how = options(core.run_options, run_options)
        return Run(self, self._call(core.run_start, self.experiment(experiment), how))

    def resume_run(self, run_id: str) -> "Run":
        """Continue an existing run."""
        return Run(self, self._call(core.run_resume, run_id))

    def upload(self, artifact_uri: str, path: Path, at: Optional[str] = None) -> None:
        """Upload a file or the content of a folder below an artifact URI."""
        self._call(core.tracker_upload, artifact_uri, os.fsdecode(path), at)

    def download(self, artifact_uri: str, folder: Path) -> None:
        """Download everything below an artifact URI to a new folder."""
        self._call(core.tracker_download, artifact_uri, os.fsdecode(folder))

    def register(self, name: str, description: Optional[str] = None) -> None:
        """Create the registered model of that name if there is none."""
        self._call(core.tracker_register, name, description)

    def create_version(self, name: str, source: str, **version_options: Unpack[TrackerVersionOptions]) -> reports.TrackerVersion:
        """A new version of a registered model. Keywords: run_id, model_id, description, tags."""
        return self._call(core.tracker_create_version, name, source,
                          options(core.tracker_version_options, version_options))

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Let an alias point to a version."""
        self._call(core.tracker_set_alias, name, alias, version)

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias."""
        self._call(core.tracker_delete_alias, name, alias)

    def resolve(self, uri: str) -> reports.TrackerVersion:
        """The version that "models:/NAME@ALIAS" names at present: name, version, run_id, artifact_uri, …"""
        return self._call(core.tracker_resolve, uri)


class Run(Handle):
    """A run on the server; made by Tracker.start_run. As a context manager it ends FINISHED, or FAILED if its block
    raises."""

    _survives_fork = False

    def __init__(self, tracker: Tracker, handle: Any) -> None:
        super().__init__(handle)
        self._tracker = tracker
        self._has_ended = False

    def _on_server(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """A call that also uses the tracker: one thread at a time of both."""

        def both(_tracker: Any) -> Any:
            return self._call(function, *arguments)

        return self._tracker._call(both)

    @property
    def id(self) -> str:
        """Its id on the server."""
        return str(core.run_id(self._get()))

    @property
    def artifact_uri(self) -> str:
        """The URI below which its artifacts are."""
        return str(core.run_artifact_uri(self._get()))

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log parameters."""
        self._on_server(core.run_log_params, _texts(params))

    def log_metrics(self, metrics: Mapping[str, float], *, step: int = 0, model_id: Optional[str] = None) -> None:
        """Log metrics at one step."""
        keys = [str(key) for key in metrics]
        values = np.fromiter((float(value) for value in metrics.values()), np.float64, len(keys))
        times = np.full(len(keys), _time.time_ns() // 1000, np.int64)
        self._on_server(core.run_log_metrics, (keys, values, np.full(len(keys), step, np.int64), times), model_id)

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags."""
        self._on_server(core.run_set_tags, _texts(tags))

    def log_dataset(self, **dataset: Unpack[RunDataset]) -> None:
        """Log a set of data. Keywords: name, digest, source (JSON), source_type, schema, profile, context."""
        self._on_server(core.run_log_dataset, options(core.run_dataset, dataset))

    def log_artifacts(self, path: Path, at: Optional[str] = None) -> None:
        """Upload a file or the content of a folder."""
        self._on_server(core.run_log_artifacts, os.fsdecode(path), at)

    def end(self, status: str = "finished") -> None:
        """End it: "finished", "failed" or "killed"."""
        self._on_server(core.run_end, choice("RUN", status))
        self._has_ended = True

    def __exit__(self, *error: Any) -> None:
        if not self._has_ended and not self.closed:
            self.end("failed" if error[0] is not None else "finished")
        self.close()


class Follower(Handle):
    """What "models:/NAME@ALIAS" of an MLflow server names now, fetched to a cache folder, where a program can start when
    the server is down. Keywords: poll_s, patience_s, n_kept; tracker: the options of a Tracker, as a dict."""

    _survives_fork = False

    def __init__(self, server: str, models: str, *, cache_dir: Path, tracker: Optional[TrackerOptions] = None,
                 **follower_options: Unpack[FollowerOptions]) -> None:
        how = options(core.follower_options, {"cache_dir": cache_dir, **follower_options})
        super().__init__(core.follower_open(server, options(core.tracker_options, tracker or {}), models, how))

    def load(self) -> Predictor:
        """The models to start with."""
        return Predictor._wrap(self._call(core.follower_load))

    def start(self) -> None:
        """Follow the alias from now on."""
        self._call(core.follower_start)

    def next(self) -> Optional[Predictor]:
        """New models, if the alias has moved; never waits."""
        handle = self._call(core.follower_next)
        return None if handle is None else Predictor._wrap(handle)

    @property
    def info(self) -> reports.FollowerInfo:
        """Its state: name, version, is_reachable, n_looks, …"""
        return self._call(core.follower_info_get)
