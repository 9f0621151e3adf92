# SPDX-License-Identifier: MIT
"""Predictions from Python, for bench_python: BUNDLE ROWS CALLS ROUNDS; prints us a row of a model and of a predictor,
one at a time, and the seconds of all rows at once."""
import pathlib
import sys
import time

import numpy as np

import evtwin

bundle = pathlib.Path(sys.argv[1])
rows, calls, rounds = (int(number) for number in sys.argv[2:])
model, predictor = evtwin.Model.load(bundle / "rul_model.json"), evtwin.Predictor.load(bundle)
x = (((np.arange(rows * 7, dtype=np.uint64) * 2654435761) % 1000).astype(np.float32) / 10).reshape(rows, 7)
one, row = x[:1], x[:1].astype(np.float64)
everything = np.empty(rows, np.float32)


def us_a_call(call):
    start = time.thread_time()
    for _ in range(calls):
        call()
    return (time.thread_time() - start) / calls * 1e6


def seconds(call):
    start = time.thread_time()
    call()
    return time.thread_time() - start


print(min(us_a_call(lambda: model.predict(one)) for _ in range(rounds)),
      min(us_a_call(lambda: predictor.predict(row)) for _ in range(rounds)),
      min(seconds(lambda: model.predict(x, everything)) for _ in range(rounds)))
