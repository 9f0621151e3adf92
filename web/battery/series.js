// SPDX-License-Identifier: MIT
// battery/series.js: the points of the charts, of the down-sampled history and of the rows that came since. A value that is
// not known is null; a time without data is a gap. Times are seconds since 1970.

import { isNumber, LEVELS } from "../shared/values.js";

export const SHOWN = ["soc", "soh", "temperature", "rul_prediction", "rul_low", "rul_high", "failure_probability",
  "voltage", "current", "power_consumption", "charge_cycles"];
const PREDICTED = ["rul_prediction", "rul_low", "rul_high", "failure_probability"];
const MIN_GAP_S = 15; // as the server calls a battery silent: this, or three intervals
const MIN_BREAK_S = 60; // predictions come in batches
const MAX_TAIL = 2000;

const secondsOf = (time) => Date.parse(time) / 1000;

// Rows as they come, by time: what the history that was loaded does not have yet.
export class Tail {
  constructor() {
    this.rows = new Map();
  }

  // b: an object of /api/battery/latest. Its prediction is about an earlier row.
  add(b) {
    const put = (time, quantities, of) => {
      const t = secondsOf(time);
      const row = this.rows.get(t) || {};
      row.receivedMs = Date.now();
      for (const q of quantities) if (isNumber(of[q])) row[q] = of[q];
      this.rows.set(t, row);
    };
    put(b.time, SHOWN.filter((q) => !PREDICTED.includes(q)), b);
    if (b.prediction) put(b.prediction.time, PREDICTED, b.prediction);
    for (const t of this.rows.keys()) { // the oldest went in first
      if (this.rows.size <= MAX_TAIL) break;
      this.rows.delete(t);
    }
  }

  // What came before a history was asked for is in it.
  forget(untilMs) {
    for (const [t, row] of this.rows) if (row.receivedMs < untilMs) this.rows.delete(t);
  }

  // [time, row] in the order of time.
  all() {
    return [...this.rows].sort(([a], [b]) => a - b);
  }
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

// Longest pause that is none: by the width of the buckets and the interval at which rows come.
function longestPause(t, n, width) {
  const steps = t.slice(1).map((later, i) => later - t[i]);
  const interval = steps.length > 0 ? median(steps) / Math.max(1, median([...n])) : 0;
  return { interval, pause: Math.max(MIN_GAP_S, 1.5 * width, 3 * interval) };
}

// Unknown values between known ones that are no further apart than that are undefined: the line goes on there. The others
// stay null, and those of a gap (no rows): it breaks.
function bridge(t, n, values, pause) {
  let last = -1;
  for (let i = 0; i < values.length; i++) {
    if (n[i] === 0) last = -1;
    if (values[i] === null) continue;
    if (last >= 0 && t[i] - t[last] <= pause) values.fill(undefined, last + 1, i);
    last = i;
  }
}

// The mean comes rounded: it may not leave what it is the mean of, as a risk of 0.002 % would that became none.
function bucketValue([min, mean, max]) {
  return isNumber(mean) ? [min, Math.min(max, Math.max(min, mean)), max] : [null, null, null];
}

// The points of history (an answer with points=, null if there is none) and of a tail's rows:
//   t       ascending; a gap is a point without values in its middle
//   n       rows behind each point
//   values  quantity -> {min, mean, max}: one value a point, undefined or null where it is not known
//   gaps    [from, until] of each pause
//   interval, pause  between rows; the longest that is no gap
export function pointsOf(history, tail) {
  const buckets = history ? history.data : [];
  const width = history ? history.bucket_s : 0;
  const answered = history ? secondsOf(history.timestamp) : 0;
  const t = [];
  const n = [];
  const values = Object.fromEntries(SHOWN.map((q) => [q, { min: [], mean: [], max: [] }]));
  const append = (time, rows, valueAt) => {
    t.push(time);
    n.push(rows);
    for (const q of SHOWN) {
      const [min, mean, max] = valueAt(q);
      values[q].min.push(min);
      values[q].mean.push(mean);
      values[q].max.push(max);
    }
  };

  const unknown = [null, null, null];
  for (const bucket of buckets) {
    const start = secondsOf(bucket.time);
    const end = Math.max(start, Math.min(start + width, answered)); // the last one is not over
    const time = (start + end) / 2;
    if (t.length > 0 && time <= t[t.length - 1]) continue;
    append(time, bucket.n, (q) => bucketValue(bucket[q] || unknown));
  }
  for (const [time, row] of tail) {
    if (t.length > 0 && time <= t[t.length - 1]) continue;
    append(time, 1, (q) => (q in row ? [row[q], row[q], row[q]] : unknown));
  }

  const { interval, pause } = longestPause(t, n, width);
  const gaps = [];
  for (let i = t.length - 1; i > 0; i--) {
    if (t[i] - t[i - 1] <= pause) continue;
    gaps.unshift([t[i - 1], t[i]]);
    t.splice(i, 0, (t[i - 1] + t[i]) / 2);
    n.splice(i, 0, 0);
    for (const q of SHOWN) for (const list of Object.values(values[q])) list.splice(i, 0, null);
  }
  for (const q of SHOWN) for (const list of Object.values(values[q])) bridge(t, n, list, Math.max(pause, MIN_BREAK_S));
  return { t, n, values, gaps, interval, pause };
}

// Lowest, mean (by rows), highest and last value of a quantity within [from, until]; null if none is known.
export function summaryOf(points, quantity, from, until) {
  const { min, mean, max } = points.values[quantity];
  let rows = 0;
  let sum = 0;
  let low = Infinity;
  let high = -Infinity;
  let last = null;
  for (let i = 0; i < points.t.length; i++) {
    if (!isNumber(mean[i]) || points.t[i] < from || points.t[i] > until) continue;
    rows += points.n[i];
    sum += points.n[i] * mean[i];
    low = Math.min(low, min[i]);
    high = Math.max(high, max[i]);
    last = mean[i];
  }
  return last === null ? null : { min: low, mean: rows > 0 ? sum / rows : last, max: high, last };
}

// ---- status -------------------------------------------------------------------------------

const breaks = (limit, values, i) =>
  i >= 0 && (limit.operator === "<" ? values.min[i] < limit.limit && isNumber(values.min[i]) : values.max[i] > limit.limit);

// For each point the one that says what a quantity was then: itself, or the last known one before; -1 where none is near. The
// newest rows wait for their prediction, and the one before stands.
function standing({ t, n, values, pause }, quantity) {
  let last = -1;
  return t.map((time, i) => {
    if (n[i] === 0) last = -1;
    else if (isNumber(values[quantity].mean[i])) last = i;
    return last >= 0 && time - t[last] <= Math.max(pause, MIN_BREAK_S) ? last : -1;
  });
}

// The worst status within each point, by the limits of now: [{from, until, level}], level "" in gaps. A point stands for the
// time halfway to its neighbours.
export function statusOver(points, thresholds, from, until) {
  const limits = thresholds.filter((limit) => limit.kind === "status" && points.values[limit.quantity]);
  const { t, n, values } = points;
  const known = Object.fromEntries(limits.map(({ quantity }) => [quantity, standing(points, quantity)]));
  const spans = [];
  for (let i = 0; i < t.length; i++) {
    const worst = LEVELS.find((level) => limits.some((limit) => limit.level === level && breaks(limit, values[limit.quantity], known[limit.quantity][i])));
    const level = n[i] === 0 ? "" : worst || "NORMAL";
    const start = Math.max(from, i > 0 ? (n[i] === 0 ? t[i - 1] : n[i - 1] === 0 ? t[i] : (t[i - 1] + t[i]) / 2) : t[i]);
    const end = Math.min(until, i + 1 < t.length ? (n[i] === 0 ? t[i + 1] : n[i + 1] === 0 ? t[i] : (t[i] + t[i + 1]) / 2) : t[i]);
    if (end <= start) continue;
    const last = spans[spans.length - 1];
    if (last && last.level === level) last.until = end;
    else spans.push({ from: start, until: end, level });
  }
  const silentFrom = t.length > 0 ? t[t.length - 1] : until;
  if (until - silentFrom > points.pause) spans.push({ from: silentFrom, until, level: "" });
  return spans;
}

// ---- use ----------------------------------------------------------------------------------

const FEWEST_CYCLES = 3; // they are counted whole: fewer say little, as /api/fleet/trends has it too

// How fast cycles come, from the oldest to the newest row: {perSecond, cycles, seconds, byOwn}; by the battery's own clock
// (sim_time_s) where it has one. null where too few have come. Both count anew with another simulation: only what came since.
export function useOf(history) {
  const rows = history.data.filter((bucket) => bucket.charge_cycles);
  const last = rows[rows.length - 1];
  if (!last) return null;
  const byOwn = last.sim_time_s !== null;
  let first = last;
  for (let i = rows.length - 2; i >= 0; i--) {
    const isBefore = rows[i].charge_cycles[2] <= first.charge_cycles[0] && (!byOwn || (rows[i].sim_time_s && rows[i].sim_time_s[2] <= first.sim_time_s[0]));
    if (!isBefore) break;
    first = rows[i];
  }
  const cycles = last.charge_cycles[2] - first.charge_cycles[0];
  const seconds = byOwn ? last.sim_time_s[2] - first.sim_time_s[0] : secondsOf(last.time) - secondsOf(first.time);
  return cycles >= FEWEST_CYCLES && seconds > 0 ? { perSecond: cycles / seconds, cycles, seconds, byOwn } : null;
}
