# SPDX-License-Identifier: MIT
"""Predict with a model of libevtwin in Python: what mlflow.pyfunc.load_model loads.

The folder holds the bundle's manifest, scaler and the forests of one target, as docs/bundle.md
describes them. It predicts what evtwin-predict does, to float32: RUL held at 0, and 0 past the end
of life; calibrated probabilities; NaN where a value that the model needs is missing.

    model = mlflow.pyfunc.load_model("models:/evtwin-rul@champion")
    model.predict(frame)

frame: a pandas.DataFrame (or a dict of columns) of raw telemetry in our units (soc and soh in
percent), in any order of columns; more columns do no harm. A model of recipe "history" also wants
battery_id and time (or timestamp), and all rows of a battery that there are: it is told by its past.
"""
import json
import math
import os

import numpy as np
import xgboost as xgb

NEWEST_FORMAT = 2  # of a bundle
_NAN = float("nan")
_FLOAT_MAX = float(np.finfo(np.float32).max)


class Forest:
    """One forest; log_offset: it predicts log(target + log_offset); None = the target."""

    def __init__(self, path, log_offset):
        self.booster = xgb.Booster()
        self.booster.load_model(path)
        self.log_offset = log_offset
        best = self.booster.attr("best_iteration")
        rounds = self.booster.num_boosted_rounds()
        self.rounds = (0, min(int(best) + 1, rounds)) if best is not None else (0, 0)

    def margin(self, matrix):
        return self.booster.predict(matrix, output_margin=True, iteration_range=self.rounds,
                                    validate_features=False)


class Model:
    """The model of one target. predict may be called from several threads at once."""

    def __init__(self, folder):
        self.target = _read(folder, "target.json")["target"]
        self.manifest = manifest = _read(folder, "manifest.json")
        if manifest["format"] > NEWEST_FORMAT:
            raise RuntimeError("a bundle of format %s, this loader knows up to %d"
                               % (manifest["format"], NEWEST_FORMAT))
        _check_xgboost(manifest.get("xgboost", ""))
        scaler = _read(folder, manifest["scaler"]["file"])
        self.mean = np.array(scaler["mean"], dtype=np.float64)
        self.scale = np.array(scaler["scale"], dtype=np.float64)
        self.features = manifest["features"]
        self.names = [f["name"] for f in self.features]
        model = manifest["models"][self.target]
        self.is_event = model["objective"] == "binary:logistic"
        self.calibration = model.get("calibration")
        self.forests = [Forest(os.path.join(folder, model["file"]), None)]
        self.forests += [Forest(os.path.join(folder, f["file"]), f.get("log_offset"))
                         for f in model.get("further", [])]
        self.past = Past(manifest, self.names) if manifest.get("recipe") == "history" else None

    def predict(self, data, params=None):
        """float64 array, a prediction for each row of data."""
        del params  # mlflow gives it
        if self.past is None:
            x = np.column_stack([self._column(data, f) for f in self.features])
            is_known = np.isfinite(x).all(axis=1)
        else:
            inputs = {i["name"]: self._column(data, i) for i in self.manifest["inputs"]
                      if i["name"] in self.past.needed}
            x, is_known, order = self.past.rows(data, inputs)
        y = self._say(x)
        y[~is_known] = _NAN
        if self.is_event:
            return y
        y = np.where(np.isnan(y), y, np.maximum(y, 0.0))
        if self.target == "rul":
            y[self._is_over(x) & ~np.isnan(y)] = 0.0
        if self.past is not None and self.manifest["models"][self.target]["unit"] == "cycles":
            self.past.settle(order, y)
        return y

    def _column(self, data, feature):
        """By our name, or by the header that it was trained from where that has our unit."""
        name, header = feature["name"], feature.get("column", "")
        if name not in data and header in data and feature["unit"] == feature.get("column_unit"):
            name = header
        if name not in data:
            raise KeyError("column %r (%s) is missing; %s needs %s"
                           % (name, feature["unit"] or "no unit", self.target,
                              ", ".join(self.names)))
        return _numbers(data[name], name)

    def _say(self, x):
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = np.clip((x - self.mean) / self.scale, -_FLOAT_MAX, _FLOAT_MAX)
        matrix = xgb.DMatrix(scaled.astype(np.float32), missing=_NAN)
        y = np.zeros(len(x))
        for forest in self.forests:
            margin = forest.margin(matrix).astype(np.float64)
            if self.is_event:
                y += self._calibrated(margin)
            else:
                offset = forest.log_offset
                y += (margin if offset is None else np.exp(margin) - offset) / len(self.forests)
        return y

    def _calibrated(self, margin):
        """A float32 probability, as the forest says it; then the line through its log-odds."""
        with np.errstate(over="ignore"):
            p = (1.0 / (1.0 + np.exp(-margin))).astype(np.float32).astype(np.float64)
            if self.calibration is None:
                return p
            p = np.minimum(np.maximum(p, 1e-45), 1.0 - 2.0 ** -26)
            line = self.calibration["slope"] * np.log(p / (1.0 - p)) + self.calibration["offset"]
            return 1.0 / (1.0 + np.exp(-line))

    def _is_over(self, x):
        """Nothing is left of a battery below the health at which the labels' lives end."""
        end = self.manifest.get("eol_soh_percent")
        place = None
        for i, feature in enumerate(self.features):
            if feature["name"] in ("soh", "soh.level") and feature["unit"] == "percent":
                place = i
        if end is None or place is None:
            return np.zeros(len(x), dtype=bool)
        return x[:, place] < end


# ---- recipe "history": the past of each battery, as learn/history.c makes it ----

N_BINS = 10
WIDTHS = (1.0, 5.0)  # cycles of a bin
FIRST_CYCLES = 10.0
MOST_CYCLES = 1e9
LEAST_FALL, FALL_LASTS = 2.0, 5
STATISTICS = ("level", "change", "slope50")


class Ring:
    """The last ten bins of one width."""
    __slots__ = ("bin", "sum", "n")

    def __init__(self):
        self.clear()

    def clear(self):
        self.bin = [_NAN] * N_BINS
        self.sum = self.n = 0.0

    def advance(self, before, to):
        if to - before >= N_BINS:
            self.clear()
            return
        for b in range(int(before) + 1, int(to) + 1):
            self.bin[b % N_BINS] = _NAN
        self.sum = self.n = 0.0

    def add(self, b, value):
        self.sum += value
        self.n += 1.0
        self.bin[int(b) % N_BINS] = self.sum / self.n

    def median(self):
        v = sorted(x for x in self.bin if x == x)
        n = len(v)
        return _NAN if n == 0 else v[n // 2] if n % 2 else 0.5 * (v[n // 2 - 1] + v[n // 2])

    def slope(self, newest, per_bin):
        if all(x == x for x in self.bin):
            by_age = [self.bin[(int(newest) - age) % N_BINS] for age in range(N_BINS)]
            xy = 0.0
            for age in range(N_BINS // 2):
                xy += (4.5 - age) * (by_age[age] - by_age[N_BINS - 1 - age])
            return xy / (82.5 * per_bin)
        points = []
        for age in range(min(N_BINS, int(newest) + 1)):
            v = self.bin[int(newest - age) % N_BINS]
            if v == v:
                points.append((-float(age), v))
        if len(points) < 3 or points[0][0] - points[-1][0] < N_BINS // 2:
            return _NAN
        n, sum_x, sum_y = float(len(points)), 0.0, 0.0
        for x, y in points:
            sum_x += x
            sum_y += y
        xy = xx = 0.0
        for x, y in points:
            xy += (x - sum_x / n) * (y - sum_y / n)
            xx += (x - sum_x / n) * (x - sum_x / n)
        return xy / xx / per_bin


class Followed:
    """One quantity."""
    __slots__ = ("by", "first_sum", "first_n")

    def __init__(self):
        self.by = (Ring(), Ring())
        self.first_sum = self.first_n = 0.0


class History:
    """n quantities of one battery."""

    def __init__(self, n):
        self.n = n
        self.clear()

    def clear(self):
        self.first = self.newest = self.before = _NAN
        self.n_fallen = 0
        self.of = [Followed() for _ in range(self.n)]

    def is_empty(self):
        return self.first != self.first

    def next_cycle(self):
        return 0.0 if self.is_empty() else self.newest + 1.0

    def _cycle(self, cycle):
        is_usable = 0.0 <= cycle <= MOST_CYCLES
        if is_usable and cycle <= self.newest - LEAST_FALL:
            self.n_fallen += 1
            if self.n_fallen < FALL_LASTS:
                return self.newest
            self._believe_fall(cycle)
            return cycle
        if is_usable:
            self.n_fallen = 0
            if cycle > self.newest:
                self.before = self.newest
        if self.is_empty():
            return cycle if is_usable else 0.0
        return max(cycle, self.newest) if is_usable else self.newest

    def _believe_fall(self, cycle):
        if not (cycle >= self.before - 1.0 and cycle >= self.first):
            self.clear()
            return
        for followed in self.of:
            for ring in followed.by:
                ring.clear()
        self.newest, self.before, self.n_fallen = cycle, _NAN, 0

    def push(self, cycle, values):
        now = self._cycle(cycle)
        before = now if self.is_empty() else self.newest
        if self.is_empty():
            self.first = now
        self.newest = now
        for w, width in enumerate(WIDTHS):
            old, new = math.floor(before / width), math.floor(now / width)
            if new > old:
                for followed in self.of:
                    followed.by[w].advance(old, new)
        for q, value in enumerate(values):
            self.add(q, value)

    def add(self, q, value):
        if not math.isfinite(value):
            return
        followed = self.of[q]
        for w, width in enumerate(WIDTHS):
            followed.by[w].add(math.floor(self.newest / width), value)
        if self.newest < self.first + FIRST_CYCLES:
            followed.first_sum += value
            followed.first_n += 1.0

    def statistics(self, q):
        """By the order of STATISTICS."""
        followed = self.of[q]
        level = followed.by[0].median()
        has_first = self.newest >= self.first + FIRST_CYCLES and followed.first_n > 0.0
        change = level - followed.first_sum / followed.first_n if has_first else _NAN
        slope = followed.by[1].slope(math.floor(self.newest / WIDTHS[1]), WIDTHS[1])
        return level, change, slope

    def mean(self, q):
        return _mean(self.of[q].by[0].bin)

    def mean_of_last(self, q, cycles):
        last = math.floor(self.newest)
        return _mean([self.of[q].by[0].bin[int(last - age) % N_BINS]
                      for age in range(min(cycles, int(last) + 1))])


def _mean(values):
    total = n = 0.0
    for v in values:
        if v == v:
            total += v
            n += 1.0
    return total / n if n > 0.0 else _NAN


FEW_CYCLES, MOST_ABOVE, MOST_SHARE_ABOVE = 2, 7.0, 0.06


def _settle(history, cycles_to_go):
    """The mean of the ends of life said in the last ten cycles; a fall is followed sooner."""
    if math.isnan(cycles_to_go):
        return _NAN
    cycle = history.newest
    history.add(0, cycle + cycles_to_go)
    settled = history.mean(0) - cycle
    most = history.mean_of_last(0, FEW_CYCLES) - cycle + max(MOST_ABOVE, MOST_SHARE_ABOVE * settled)
    return max(min(settled, most), 0.0) if math.isfinite(settled) and math.isfinite(most) else _NAN


class Past:
    """From rows of own values to rows with their battery's past."""

    def __init__(self, manifest, names):
        past = manifest.get("past", {})
        self.group = past.get("group") or "battery_id"
        self.reset = past.get("group_by_reset") or None
        self.is_one_series = manifest.get("source", {}).get("groups", 1) <= 1
        self.counter = past.get("counter") or None
        self.columns = [name.rpartition(".") for name in names]
        self.columns = [(q, STATISTICS.index(s)) if q and s in STATISTICS else (name, None)
                        for (q, _, s), name in zip(self.columns, names)]
        self.followed = []
        for quantity, statistic in self.columns:
            if statistic is not None and quantity not in self.followed:
                self.followed.append(quantity)
        self.needed = {quantity for quantity, _ in self.columns}

    def rows(self, data, inputs):
        """x (rows, features), whether a row can be predicted, and the rows by battery."""
        n = len(next(iter(inputs.values())))
        batteries = self._batteries(data, inputs, n)
        x = np.full((n, len(self.columns)), _NAN)
        cycle = inputs[self.counter] if self.counter is not None else None
        order = []
        for rows, is_battery in batteries:
            history = History(len(self.followed))
            for r in rows:
                history.push(float(cycle[r]) if cycle is not None else history.next_cycle(),
                             [float(inputs[q][r]) for q in self.followed])
                said = {q: history.statistics(i) for i, q in enumerate(self.followed)}
                x[r] = [inputs[q][r] if s is None else said[q][s] for q, s in self.columns]
            if is_battery:
                order.append((rows, cycle))
        is_known = np.ones(n, dtype=bool)
        for i, (quantity, statistic) in enumerate(self.columns):
            is_known &= np.isfinite(inputs[quantity])
            if statistic in (None, 0):  # a level; what a longer window lacks is not needed
                is_known &= np.isfinite(x[:, i])
        x[~is_known] = _NAN
        return x, is_known, order

    def settle(self, order, y):
        for rows, cycle in order:
            history = History(1)
            for r in rows:
                history.push(float(cycle[r]) if cycle is not None else history.next_cycle(),
                             [_NAN])
                y[r] = _settle(history, float(y[r]))

    def _batteries(self, data, inputs, n):
        """Lists of rows in order of time; rows without a battery stand alone."""
        ids = None
        for name in (self.group, "battery_id"):
            if ids is None and name in data:
                ids = _labels(data[name])
        if ids is None and self.reset is not None and (self.reset in inputs or self.reset in data):
            counter = inputs.get(self.reset)
            ids = _restarts(_numbers(data[self.reset], self.reset) if counter is None else counter)
        if ids is None:
            if not self.is_one_series:
                raise KeyError("column %r is missing: the model needs to know whose past a row is "
                               "of" % self.group)
            ids = [""] * n
        time = None
        for name in ("time", "timestamp", "Timestamp"):
            if time is None and name in data:
                time = _microseconds(data[name], name)
        by_id, alone = {}, []
        for r, battery in enumerate(ids):
            if battery is None:
                alone.append(([r], False))
            else:
                by_id.setdefault(battery, []).append(r)
        for rows in by_id.values():
            if time is not None:
                _sort_by_time(rows, time)
        return [(rows, True) for rows in by_id.values()] + alone


def _sort_by_time(rows, time):
    """A row without a time goes with the one before it."""
    last, key = -2 ** 63, {}
    for r in rows:
        last = time[r] if time[r] is not None else last
        key[r] = last
    rows.sort(key=lambda r: key[r])


# ---- columns ----


def _numbers(column, name):
    """As float64, missing as NaN; integers, booleans and pandas' own kinds too."""
    try:
        if hasattr(column, "to_numpy"):
            return column.to_numpy(dtype=np.float64, na_value=_NAN)
        return np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError("column %r is not numeric: %s" % (name, error)) from error


def _labels(column):
    """Text of each, None where there is none."""
    return [None if v is None or v != v else str(v) for v in np.asarray(column, dtype=object)]


def _restarts(counter):
    """A new battery wherever the counter is lower than in the row before."""
    ids, last, n = [], math.inf, 0
    for v in counter:
        n += v < last or n == 0
        last = last if math.isnan(v) else v
        ids.append(n)
    return ids


def _microseconds(column, name):
    """Integers since 1970, None where there is no time; a time without an offset is UTC."""
    import pandas as pd
    values = pd.Series(column)
    if pd.api.types.is_numeric_dtype(values):
        raise TypeError("column %r holds numbers, not times: convert it with pandas.to_datetime"
                        % name)
    is_text = not pd.api.types.is_datetime64_any_dtype(values)
    iso = {"format": "ISO8601"} if is_text and int(pd.__version__.split(".")[0]) >= 2 else {}
    times = pd.to_datetime(values, utc=True, **iso)
    return [None if t is pd.NaT else (t - pd.Timestamp(0, tz="UTC")) // pd.Timedelta("1us")
            for t in times]


# ---- files ----


def _read(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as f:
        return json.load(f)


def _check_xgboost(trained):
    """An older XGBoost may read a newer one's file and predict something else."""
    here = [int(n) for n in xgb.__version__.split(".")[:2] if n.isdigit()]
    there = [int(n) for n in trained.split(".")[:2] if n.isdigit()]
    if there and here < there:
        raise RuntimeError("the model was trained by XGBoost %s, here is %s: install xgboost>=%s"
                           % (trained, xgb.__version__, trained))


def _load_pyfunc(path):
    return Model(path)
