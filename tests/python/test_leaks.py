# SPDX-License-Identifier: MIT
"""Nothing is left behind by ten thousand calls, also of those that fail."""
import gc
import os
import unittest

import numpy as np

import evtwin
import small_training
from evtwin import core, errors

LABEL = "long"


def setUpModule():
    global folder, records, bundle, model
    folder, records, bundle, model = small_training.make()


def tearDownModule():
    folder.cleanup()


def resident_kb():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


@unittest.skipUnless(os.path.exists("/proc/self/statm"), "there is no /proc")
class Leaks(unittest.TestCase):
    def grows_kb(self, work, n=10000):
        for _ in range(n // 20):
            work()
        gc.collect()
        before = resident_kb()
        for _ in range(n):
            work()
        gc.collect()
        return resident_kb() - before

    def test_ten_thousand_calls_leave_nothing_behind(self):
        x = np.ones((10, model.width), np.float32)
        predictor = evtwin.Predictor.load(bundle)
        few = records.select(range(3))

        def failing():
            try:
                evtwin.source("nowhere:")
            except errors.UnsupportedError:
                pass

        def wrong_array():
            try:
                core.model_predict(model._core, x[:, ::2], x)
            except ValueError:
                pass

        def options():
            how = core.sim_options()
            how.battery_id = "A_%d" % id(how)
            core.sim_create(how)

        for name, work in (("predict", lambda: model.predict(x)), ("apply", lambda: predictor.apply(few)),
                           ("failures", failing), ("wrong arrays", wrong_array), ("options", options),
                           ("views", lambda: few["soc"]), ("reports", lambda: predictor.info),
                           ("text", lambda: core.time_format(0)),
                           ("sinks", lambda: evtwin.sink(lambda batch: None).write(few))):
            with self.subTest(name):
                # 10,000 times 100 bytes would be 1000 KB
                self.assertLess(self.grows_kb(work), 600, name)


if __name__ == "__main__":
    unittest.main()
