# SPDX-License-Identifier: MIT
"""Serve a store: REST, pages and metrics; watch it and deliver alerts."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from . import core
from ._base import Handle, options, uri_of
from ._table import as_table
from .prediction import Path, Predictor, Session
from .streams import Pump, Screen

if TYPE_CHECKING:  # they are types only
    from typing_extensions import Unpack

    from ._options import AlertsOptions, ServerOptions


class Metrics(Handle):
    """A set of Prometheus metrics; safe from many threads at once."""

    _survives_fork = False

    def __init__(self) -> None:
        super().__init__(core.metrics_create())

    def observe(self, data: Any) -> None:
        """Add a batch of predicted telemetry."""
        core.metrics_observe(self._get(), as_table(data)._handle)

    def observe_session(self, session: Session) -> None:
        """Take over a session's comparison with the training data."""
        session._call(lambda handle: core.metrics_observe_session(self._get(), handle))

    def observe_pump(self, pump: Pump, screen: Optional[Screen] = None) -> None:
        """Take over the counts of a pump and of a screen."""
        screening = None if screen is None else screen._get()
        pump._call(lambda handle: core.metrics_observe_pump(self._get(), handle, screening))

    def observe_models(self, predictor: Predictor) -> None:
        """Set which models predict."""
        core.metrics_observe_models(self._get(), predictor._get(), None)

    def count_error(self) -> None:
        """Count one failed prediction cycle."""
        core.metrics_count_error(self._get())

    def good_cycle(self, limit_s: float) -> None:
        """Report that a cycle has succeeded and that the next is due within limit_s."""
        core.metrics_good_cycle(self._get(), limit_s)

    def text(self, *, openmetrics: bool = False) -> str:
        """The exposition text."""
        return str(core.metrics_text(self._get(), int(openmetrics)))


class Alerts(Handle):
    """A watch over the batteries of a store, on its own threads. Keywords: webhook_file, smtp, mail_to, ca_file,
    group_s, clear_after_s, silent_after_s, predictions_stopped_after_s."""

    _survives_fork = False

    def __init__(self, store: Path, **alerts_options: Unpack[AlertsOptions]) -> None:
        how = options(core.alerts_options, {"store": uri_of(store, "sqlite"), **alerts_options})
        super().__init__(core.alerts_start(how))

    def acknowledge(self, alert_id: int, by: str) -> None:
        """Acknowledge an alert."""
        core.alerts_acknowledge(self._get(), alert_id, by)


class Server(Handle):
    """An HTTP server on its own threads, until close(); made by serve()."""

    _survives_fork = False

    def __init__(self, how: Any) -> None:
        self._is_tls = how.tls_cert_file is not None
        self._host = how.listen.rsplit(":", 1)[0]
        super().__init__(core.server_start(how))

    @property
    def port(self) -> int:
        """The port that was bound."""
        return int(core.server_port(self._get()))

    @property
    def url(self) -> str:
        """Its address, such as "http://127.0.0.1:5001"."""
        return f"{'https' if self._is_tls else 'http'}://{self._host}:{self.port}"

    def set_ready(self, reason: Optional[str] = None) -> None:
        """/readyz answers 200; with a reason, 503."""
        core.server_set_ready(self._get(), reason)

    def __repr__(self) -> str:
        return f"<evtwin.Server {'(closed)' if self.closed else self.url}>"


def serve(store: Optional[Path] = None, **server_options: Unpack[ServerOptions]) -> Server:
    """Serve a store (a path or URI): REST, pages, /metrics, /health. Keywords are the members of
    evtwin_server_options: listen ("127.0.0.1:5001"; port 0 picks a free one), metrics, alerts, token_file,
    tls_cert_file, tls_key_file, allow_hosts (a list), n_threads, … Returns once the port is open."""
    place = None if store is None else uri_of(store, "sqlite")
    return Server(options(core.server_options, {"store": place, **server_options}))
