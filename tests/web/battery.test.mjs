// SPDX-License-Identifier: MIT
// What the battery page computes: the time of an address, points with gaps, the status over time, the use of a battery.

import assert from "node:assert/strict";
import { test } from "node:test";

import { addressOfTime, batteryOfAddress, fixed, following, isLive, moved, timeOfAddress, zoomed } from "../../web/battery/address.js";
import { dueOf, dueShort, outlookPairs } from "../../web/battery/outlook.js";
import { limitsOf, textOf } from "../../web/battery/panels.js";
import { Plot } from "../../web/battery/plot.js";
import { pointsOf, statusOver, summaryOf, Tail, useOf } from "../../web/battery/series.js";

const T0 = Date.parse("2026-01-01T00:00:00Z") / 1000;
const DAY = 86400;
const timeAt = (s) => new Date(1000 * (T0 + s)).toISOString();

// Buckets of 10 s with 5 rows each, at the given numbers of buckets after T0.
function historyOf(numbers, values = () => ({})) {
  const data = numbers.map((k) => ({ time: timeAt(10 * k), n: 5, soc: [50, 51, 52], ...values(k) }));
  return { bucket_s: 10, data, timestamp: timeAt(10 * (numbers[numbers.length - 1] + 1)) };
}

const LIMITS = [
  { kind: "status", quantity: "soc", level: "CRITICAL", operator: "<", limit: 15 },
  { kind: "status", quantity: "soc", level: "WARNING", operator: "<", limit: 30 },
  { kind: "alert", quantity: "rul_prediction", level: "WARNING", operator: "<", limit: 100 },
  { kind: "display", quantity: "soc", level: "WARNING", operator: "<", limit: 50 },
];

// ---- the address --------------------------------------------------------------------------

test("an address names battery and time, and comes back", () => {
  assert.equal(batteryOfAddress("/battery/PACK%3A1"), "PACK:1");
  assert.equal(batteryOfAddress("/battery/A_1/3d"), "A_1");
  assert.equal(batteryOfAddress("/battery/%"), "%");
  for (const time of [following("1h"), following("7d"), fixed("24h", T0, T0 + 3600)]) {
    assert.deepEqual(timeOfAddress(addressOfTime(time)), isLive(time) ? { ...time, isDefault: false } : time);
  }
  assert.equal(addressOfTime(following("1h"), "1h"), "", "what is shown without one");
  assert.equal(addressOfTime(following("1h"), "15m"), "?range=1h");
});

test("an address that is no time follows the last hour", () => {
  for (const query of ["", "?range=1y", "?from=x&until=y", "?from=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "?range=constructor"]) {
    assert.deepEqual(timeOfAddress(query), { ...following("1h"), isDefault: true }, query);
  }
});

test("zooming and moving stop at the clock", () => {
  const now = T0;
  const inside = zoomed(following("24h"), now, 0.5);
  assert.deepEqual([inside.from, inside.until], [now - 18 * 3600, now - 6 * 3600]);
  const earlier = moved(following("24h"), now, -1);
  assert.equal(isLive(earlier), false);
  assert.deepEqual(moved(earlier, now, 1), following("24h"));
  assert.equal(zoomed(following("24h"), now, 2).until, now);
  assert.ok(zoomed(following("1h"), now, 1e-9, now - 60).until - zoomed(following("1h"), now, 1e-9, now - 60).from >= 20);
});

// ---- points -------------------------------------------------------------------------------

test("a pause is a gap without values", () => {
  const points = pointsOf(historyOf([0, 1, 2, 3, 4, 5, 6, 60, 61]), []);
  assert.deepEqual(points.gaps, [[T0 + 65, T0 + 605]]);
  const gap = points.n.indexOf(0);
  assert.equal(points.t[gap], T0 + 335);
  assert.equal(points.values.soc.mean[gap], null);
  assert.ok(points.t.every((t, i) => i === 0 || t > points.t[i - 1]));
});

test("no line goes over a gap, however short", () => {
  const points = pointsOf(historyOf([0, 1, 2, 3, 6, 7, 8]), []);
  assert.equal(points.gaps.length, 1);
  assert.equal(points.values.soc.mean[points.n.indexOf(0)], null);
});

test("unknown is null, never 0, and a line goes on over a short one", () => {
  const one = { temperature: [20, 20, 20] };
  const points = pointsOf(historyOf([0, 1, 2, 3, 4, 5], (k) => (k === 2 ? { temperature: null } : one)), []);
  assert.equal(points.values.temperature.mean[2], undefined);
  assert.equal(points.values.rul_prediction.mean[0], null);
  assert.equal(summaryOf(points, "rul_prediction", T0, T0 + 100), null);
  assert.equal(textOf("rul_prediction", null), "unknown");
});

test("a rounded mean does not leave its band", () => {
  const points = pointsOf(historyOf([0, 1], () => ({ failure_probability: [0.00001, 0, 0.00003] })), []);
  assert.equal(points.values.failure_probability.mean[0], 0.00001);
  assert.equal(textOf("failure_probability", points.values.failure_probability.mean[0]), "< 0.1 %");
});

test("rows that came since follow the history; a prediction stands at its row", () => {
  const tail = new Tail();
  tail.add({ time: timeAt(24), soc: 40, prediction: { time: timeAt(22), rul_prediction: 500 } });
  tail.add({ time: timeAt(26), soc: 39, prediction: { time: timeAt(24), rul_prediction: 499 } });
  const points = pointsOf(historyOf([0, 1]), tail.all());
  assert.deepEqual(points.t.slice(2), [T0 + 22, T0 + 24, T0 + 26]);
  assert.deepEqual(points.values.soc.mean.slice(2), [undefined, 40, 39]);
  assert.equal(points.values.rul_prediction.mean[3], 499);
  tail.forget(Date.now() + 1);
  assert.deepEqual(tail.all(), []);
});

test("the mean counts rows", () => {
  const history = historyOf([0, 1], (k) => ({ n: k === 0 ? 1 : 3, soc: k === 0 ? [10, 10, 10] : [20, 20, 20] }));
  const { min, mean, max, last } = summaryOf(pointsOf(history, []), "soc", T0, T0 + 100);
  assert.deepEqual([min, mean, max, last], [10, 17.5, 20, 20]);
});

// ---- status -------------------------------------------------------------------------------

test("the status of a point is the worst of its rows, and there is none in a gap", () => {
  const soc = { 0: [50, 60, 70], 1: [29, 40, 50], 2: [10, 20, 31], 60: [80, 80, 80], 61: [80, 80, 80] };
  const points = pointsOf(historyOf([0, 1, 2, 60, 61], (k) => ({ soc: soc[k] })), []);
  const spans = statusOver(points, LIMITS, T0, T0 + 620);
  assert.deepEqual(spans.map((s) => s.level), ["NORMAL", "WARNING", "CRITICAL", "", "NORMAL"]);
  assert.deepEqual([spans[3].from, spans[3].until], [T0 + 25, T0 + 605]);
});

test("time since the last record is no status either", () => {
  const spans = statusOver(pointsOf(historyOf([0, 1, 2]), []), LIMITS, T0, T0 + 500);
  assert.deepEqual(spans.map((s) => s.level), ["NORMAL", ""]);
});

test("limits are those of status and alerts, not the colours", () => {
  assert.deepEqual(limitsOf(LIMITS, "soc").map((t) => t.limit), [15, 30]);
});

// ---- use and end of life ------------------------------------------------------------------

const cyclesAt = (days, cycles, own) => ({ time: timeAt(days * DAY), n: 1, charge_cycles: [cycles, cycles, cycles], sim_time_s: own === null ? null : [own, own, own] });
const battery = (prediction, time_factor = null) => ({ time: timeAt(0), prediction: { time: timeAt(0), age_s: 1, prediction_note: null, model_version: "v", rul_error: 40, ...prediction }, health: { time_factor } });

test("use is by the battery's own clock where it has one", () => {
  const own = useOf({ data: [cyclesAt(0, 10, 0), cyclesAt(1, 70, 60 * DAY)] });
  assert.deepEqual([own.cycles, own.byOwn, own.perSecond * DAY], [60, true, 1]);
  const ours = useOf({ data: [cyclesAt(0, 10, null), cyclesAt(1, 14, null)] });
  assert.deepEqual([ours.byOwn, ours.perSecond * DAY], [false, 4]);
});

test("use counts anew with another simulation, and is not known from two cycles", () => {
  const { cycles } = useOf({ data: [cyclesAt(0, 100, 900 * DAY), cyclesAt(1, 10, 0), cyclesAt(2, 20, 10 * DAY)] });
  assert.equal(cycles, 10);
  assert.equal(useOf({ data: [cyclesAt(0, 10, 0), cyclesAt(1, 12, DAY)] }), null);
  assert.equal(useOf({ data: [] }), null);
});

test("service is due at the alert limit, the end at none left; not known is said", () => {
  const use = { perSecond: 2 / DAY, cycles: 60, seconds: 30 * DAY, byOwn: true };
  const due = dueOf(battery({ rul_prediction: 300 }), use, LIMITS);
  assert.deepEqual([due.service.days, due.end.days], [100, 150]);
  assert.equal(dueShort(due), "service ≈ 2026-04-11");
  assert.equal(dueOf(battery({ rul_prediction: null }), use, LIMITS), null);
  assert.equal(dueOf(battery({ rul_prediction: 300 }), null, LIMITS), null);
  assert.match(dueShort(null), /no date yet/);
  const words = Object.fromEntries(outlookPairs(battery({ rul_prediction: 300 }, 60), due, 1));
  assert.match(words["Service and end of life"], /one second is one minute/);
});

test("the error of the model is not an interval; an interval is shown where the model gives one", () => {
  const plain = Object.fromEntries(outlookPairs(battery({ rul_prediction: 300 }), null, 1));
  assert.doesNotMatch(plain["Remaining useful life"], /interval|±/);
  assert.match(plain["Error of the RUL model"], /40 cycles/);
  const given = Object.fromEntries(outlookPairs(battery({ rul_prediction: 300, rul_low: 250, rul_high: 340 }), null, 1));
  assert.match(given["Remaining useful life"], /90 % prediction interval: 250 cycles to 340 cycles/);
  assert.match(plain["Error of the RUL model"], /not an interval/);
  assert.doesNotMatch(given["Error of the RUL model"], /not an interval/);
  const noted = Object.fromEntries(outlookPairs(battery({ rul_prediction: null, prediction_note: "unknown, soc is missing" }), null, 1));
  assert.match(noted.Why, /soc is missing/);
});

// ---- limits on a chart --------------------------------------------------------------------

// Where the labels of limits at these heights come to, on a chart 100 px high: [text, left, top, right, bottom].
function labelsAt(heights, width) {
  Object.assign(globalThis, { devicePixelRatio: 1, document: { documentElement: null }, getComputedStyle: () => ({ getPropertyValue: () => "#000000" }) });
  const labels = [];
  let rect = null;
  const nothing = () => {};
  const ctx = {
    save: nothing, restore: nothing, setLineDash: nothing, beginPath: nothing, moveTo: nothing, lineTo: nothing, stroke: nothing,
    measureText: (text) => ({ width: 6 * text.length }),
    fillRect: (x, y, w, h) => { rect = [x, y, x + w, y + h]; },
    fillText: (text) => labels.push([text, ...rect]),
  };
  const u = { ctx, bbox: { left: 50, top: 10, width, height: 100 }, scales: { soc: { min: 0, max: 100 } }, valToPos: (value) => 110 - value };
  const thresholds = heights.map((limit) => ({ kind: "status", quantity: "soc", level: "WARNING", operator: "<", limit }));
  const plot = Object.assign(Object.create(Plot.prototype), { u, view: { thresholds }, panel: { limits: "soc" } });
  plot.drawLimits();
  return labels;
}

test("no label of a limit covers another one, or leaves the chart", () => {
  for (const heights of [[15, 30, 20], [50], [20, 21, 22], [0, 1, 99, 100], [10, 20, 30, 40, 50]]) {
    for (const width of [150, 210, 900]) {
      const labels = labelsAt(heights, width);
      assert.ok(labels.length >= (width > 150 ? Math.min(3, heights.length) : 1), `${heights} in ${width} px: ${labels.length} labels`);
      labels.forEach(([text, left, top, right, bottom], i) => {
        assert.ok(left >= 50 && right <= 50 + width && top >= 10 && bottom <= 110, `${text} is on the chart`);
        for (const [other, l, t, r, b] of labels.slice(i + 1)) {
          assert.ok(right <= l || r <= left || bottom <= t || b <= top, `${text} does not cover ${other}: ${heights} in ${width} px`);
        }
      });
    }
  }
  const apart = labelsAt([20, 80], 210);
  assert.deepEqual(apart.map(([, left]) => left), [52, 52], "on the left where there is room");
});
