# SPDX-License-Identifier: MIT
"""What several pictures are drawn from: a fleet that has lived, and a model of its remaining life. Made once."""
import functools

import evtwin

FEATURES = ("soc", "soh", "voltage", "current", "temperature", "charge_cycles", "power_consumption", "resistance_mohm",
            "mean_temperature", "throughput_ah_per_day")


@functools.cache
def records(seed: int = 1, packs: int = 150) -> evtwin.Table:
    """A run-to-failure data set, a record every month."""
    return evtwin.Fleet(packs, seed=seed).run_to_failure(record_every_days=30)[0]


@functools.cache
def trainer() -> evtwin.Trainer:
    """Trained on four fifths of those packs; the scores are of the others."""
    return evtwin.train(records(), targets="rul", features=list(FEATURES), seed=1)
