# SPDX-License-Identifier: MIT
"""The library's log as logging.getLogger("evtwin"). A message may come from a thread of the library's."""
from __future__ import annotations

import logging

from . import core

logger = logging.getLogger("evtwin")
logger.addHandler(logging.NullHandler())

_LEVELS = {core.LOG_DEBUG: logging.DEBUG, core.LOG_INFO: logging.INFO, core.LOG_WARNING: logging.WARNING,
           core.LOG_ERROR: logging.ERROR}


def _forward(level: int, text: str) -> None:
    logger.log(_LEVELS.get(level, logging.ERROR), "%s", text)


core.set_log(_forward)
