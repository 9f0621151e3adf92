// SPDX-License-Identifier: MIT
// battery.js: one battery: how it is, its charts over a time that the address names, its prediction and alerts.

import { getJson, getThresholds } from "../shared/api.js";
import { by, button, element, setClass, setText } from "../shared/dom.js";
import { connect } from "../shared/live.js";
import { flowOfBattery, mountShell } from "../shared/shell.js";
import { agoText, duration, isNumber, isSilent, timeText, valueOf } from "../shared/values.js";
import { loadCharts, NO_CHARTS } from "../shared/vendor.js";
import { addressOfTime, batteryOfAddress, DEFAULT_RANGE, fixed, following, isLive, moved, SHORT_RANGE, spanOf, timeOfAddress, zoomed } from "./address.js";
import { Alerts } from "./alerts.js";
import { Charts } from "./charts.js";
import { Head, isLate, Tiles } from "./head.js";
import { dueOf, dueShort, factPairs, outlookPairs, Terms } from "./outlook.js";
import { LISTED } from "./panels.js";
import { pointsOf, SHOWN, Tail, useOf } from "./series.js";
import { Statistics, StatusStrip } from "./status.js";
import { Tools } from "./tools.js";

const POINTS = 800; // at most, in round buckets: about one a pixel
const RELOAD_S = [15, 300]; // how often the history is asked for again: as a bucket is over, within these
const ALERTS_MS = 30000;
const USE_MS = 600000;
const USE_HOURS = 720;
const DEFAULT_INTERVAL_S = 2;
const WHY_MS = 5000; // reasons are asked for at most so often
const QUIET_S = 5; // without an event for so long

const batteryId = batteryOfAddress(location.pathname);
const address = `/battery/${encodeURIComponent(batteryId)}`;

const state = {
  b: null, // newest row
  receivedMs: 0,
  connection: "connecting",
  thresholds: [],
  time: timeOfAddress(location.search),
  defaultRange: DEFAULT_RANGE,
  alerts: [], // the newest first
  history: null, // answer with points=
  askedMs: 0, // when it was asked for
  use: null,
  reasons: null, // of its newest prediction
  offset_s: 0, // the server's clock is so far ahead
  uPlot: undefined, // not loaded yet; null: this build has none
};
const tail = new Tail();

const now = () => Date.now() / 1000 + state.offset_s;
const elapsed = () => (Date.now() - state.receivedMs) / 1000;
const aged = (age) => (isNumber(age) ? age + elapsed() : age);

// ---- the parts of the page ----------------------------------------------------------------

const shell = mountShell({ title: batteryId, batteryId });
const navigate = {
  onRange: (range) => go(following(range)),
  onStep: (direction) => go(moved(state.time, now(), direction)),
  onZoom: (factor, about) => go(zoomed(state.time, now(), factor, about)),
  onSelect: (from, until) => go(fixed(state.time.range, from, until)),
  onReset: () => go(following(state.time.range)),
  onSay: (text) => setText(by("said"), text),
};
const head = new Head(by("head"));
const tiles = new Tiles(by("tiles"));
const tools = new Tools(by("tools"), batteryId, navigate);
const strip = new StatusStrip(by("status"));
const charts = new Charts(by("charts"), navigate);
const statistics = new Statistics(by("statistics"));
const outlook = new Terms(by("outlook"), "Prediction");
const alerts = new Alerts(by("alerts"), batteryId, (list) => {
  state.alerts = list;
  head.setAlerts(list);
  drawCharts();
});
const facts = new Terms(by("facts"), "More values");

// ---- drawing ------------------------------------------------------------------------------

// The points in the time shown; rows that came since are in it while it follows the clock, or ends after them.
function viewOf() {
  const [from, until] = spanOf(state.time, now());
  const recent = tail.all().filter(([t]) => isLive(state.time) || t <= until);
  const points = pointsOf(state.history, recent);
  const last = points.t[points.t.length - 1];
  const gaps = [...points.gaps];
  if (points.t.length > 0 && Math.min(until, now()) - last > points.pause) gaps.push([last, until]);
  return { points, from, until, gaps, thresholds: state.thresholds, alerts: state.alerts };
}

function valuesNow(b) {
  return Object.fromEntries([...LISTED, ...SHOWN].map((quantity) => [quantity, valueOf(b, quantity)]));
}

function drawCharts() {
  drawnMs = Date.now();
  if (!state.history) return;
  const view = viewOf();
  charts.draw(view);
  strip.draw(view);
  statistics.draw(view);
  drawEmpty(view);
}

function drawEmpty(view) {
  const { t, n } = view.points;
  const isEmpty = !t.some((time, i) => n[i] > 0 && time >= view.from && time <= view.until);
  by("empty").hidden = !isEmpty || !state.b;
  if (!isEmpty || !state.b) return;
  const last = Date.parse(state.b.time) / 1000;
  by("empty").replaceChildren(`No records in this time range. The newest is from ${timeText(state.b.time)}. `,
    button("", "Show the 24 hours before it", () => go(fixed(state.time.range, last - 86400, last + 60))));
}

function drawNow() {
  const { b } = state;
  if (!b) return;
  const age = aged(b.health.record_age_s);
  const predictionAge = b.prediction ? aged(b.prediction.age_s) : null;
  const interval = state.history && state.interval_s ? state.interval_s : DEFAULT_INTERVAL_S;
  const due = dueOf(b, state.use, state.thresholds);
  const isOld = isSilent(b) || isLate(age, interval);
  by("battery").hidden = false;
  setClass(by("battery"), isOld || state.connection === "away" ? "stale" : "");
  announce(head.words(b, isOld, state.connection));
  head.draw(b, now(), age, interval, state.connection);
  tiles.draw(b, state.thresholds, age, predictionAge, { rul_prediction: dueShort(due) });
  outlook.draw(outlookPairs(b, due, predictionAge, state.reasons));
  facts.draw(factPairs(b));
  charts.setNow(valuesNow(b), isOld ? agoText(age) : "now");
  statistics.setNow(valuesNow(b));
  const flow = flowOfBattery(b);
  shell.setFlow({ ...flow, recordAge_s: age, predictionAge_s: predictionAge, notice: flow.notice || (isOld ? `no data for ${duration(age)}` : "") });
}

let announced = null;

// Read aloud when the state changes, not when the page opens.
function announce(words) {
  if (announced !== null && announced !== words) setText(by("said"), `${batteryId}: ${words}`);
  announced = words;
}

let drawnMs = 0;

// The charts move on as often as one would see it, and when a value now is none that they show.
function drawIfDue() {
  const [from, until] = spanOf(state.time, now());
  const every = state.b && !statistics.covers(state.b) ? 0.5 : Math.min(30, Math.max(1, (until - from) / 800));
  if (isLive(state.time) && Date.now() - drawnMs >= 1000 * every - 50) drawCharts();
}

function showMissing({ code, message }) {
  by("battery").hidden = true;
  by("missing").hidden = false;
  setText(by("missing-title"), `There is no battery ${batteryId}`);
  const why = code === 404 ? "" : `${message[0].toUpperCase()}${message.slice(1)}. `;
  setText(by("missing-text"), `${why}Check the name in the address; capitals count. A battery appears with its first record.`);
  by("missing-links").replaceChildren(element("a", "", "See all batteries", { href: "/" }));
}

// ---- loading ------------------------------------------------------------------------------

let loading = null;

// Without the limits nothing is coloured or judged, and the rest is shown.
async function loadThresholds(options) {
  try {
    state.thresholds = await getThresholds(options);
  } catch {
    // asked for again with the next history
  }
}

async function load() {
  if (loading) loading.abort();
  const mine = new AbortController();
  loading = mine;
  const askedMs = Date.now();
  state.askedMs = askedMs;
  const [from, until] = spanOf(state.time, now());
  const query = new URLSearchParams({ battery_id: batteryId, hours: (until - from) / 3600, points: POINTS, quantities: SHOWN.join() });
  if (!isLive(state.time)) query.set("until", new Date(1000 * until).toISOString());
  try {
    const limits = loadThresholds(mine);
    const answer = await getJson(`/api/battery/history?${query}`, mine);
    await limits;
    charts.say(state.uPlot === null ? NO_CHARTS : "");
    Object.assign(state, { history: answer, offset_s: (Date.parse(answer.timestamp) - Date.now()) / 1000 });
    const { interval } = pointsOf(answer, []);
    if (interval > 0) state.interval_s = interval;
    if (isLive(state.time) && state.time.range !== SHORT_RANGE) fitRange(answer);
    tail.forget(askedMs);
    drawCharts();
    charts.drawTables();
    drawNow();
  } catch (error) {
    if (mine.signal.aborted) return;
    if (error.code === 404) showMissing(error);
    else if (error.isAnswer) charts.say(`The history cannot be read: ${error.message}.`);
  } finally {
    if (loading === mine) loading = null;
  }
}

// Where an hour of charts would be empty for the most part, the short range is what an address without one shows.
function fitRange({ data, timestamp }) {
  const first_s = data.length > 0 ? Date.parse(data[0].time) / 1000 : 0;
  const now_s = Date.parse(timestamp) / 1000;
  state.defaultRange = first_s < now_s - 1800 ? DEFAULT_RANGE : SHORT_RANGE;
  if (!state.time.isDefault || state.time.range === state.defaultRange) return;
  state.time = { ...following(state.defaultRange), isDefault: true };
  state.askedMs = 0; // its own, finer points come with the next tick
  tools.draw(state.time, now());
}

async function loadUse() {
  const query = new URLSearchParams({ battery_id: batteryId, hours: USE_HOURS, points: POINTS, quantities: "charge_cycles,sim_time_s" });
  try {
    state.use = useOf(await getJson(`/api/battery/history?${query}`));
    drawNow();
  } catch {
    // not known then, as the page says
  }
}

let whyMs = -Infinity;
let explained = null; // the prediction whose reasons were asked for

// Why it is predicted so, once another row is.
async function loadReasons() {
  const made = state.b && state.b.prediction ? state.b.prediction.time : null;
  if (made === explained || Date.now() - whyMs < WHY_MS) return;
  whyMs = Date.now();
  explained = made;
  try {
    state.reasons = (await getJson(`/api/battery/reasons?${new URLSearchParams({ battery_id: batteryId })}`)).data;
    drawNow();
  } catch {
    explained = null; // the connection tells what is wrong
  }
}

// Show another time, with an address of its own.
function go(time) {
  state.time = time;
  history.pushState(null, "", address + addressOfTime(time, state.defaultRange));
  showTime();
}

function showTime() {
  tools.draw(state.time, now());
  drawCharts(); // at once, from the points that are there
  load();
}

let isAsking = false;

// No row comes of a battery that is silent: how it is then is the server's to say.
async function askIfQuiet() {
  if (isAsking || state.connection !== "live" || !state.b || elapsed() < QUIET_S) return;
  isAsking = true;
  try {
    const { data } = await getJson(`/api/battery/latest?${new URLSearchParams({ battery_id: batteryId })}`);
    Object.assign(state, { b: data, receivedMs: Date.now() });
  } catch {
    // the connection tells what is wrong
  } finally {
    isAsking = false;
  }
}

function tick() {
  if (document.hidden) return;
  askIfQuiet();
  loadReasons();
  drawNow();
  drawIfDue();
  const bucket = state.history ? state.history.bucket_s : 0;
  const due_s = Math.min(RELOAD_S[1], Math.max(RELOAD_S[0], bucket));
  if (!loading && (isLive(state.time) || !state.history) && Date.now() - state.askedMs > 1000 * due_s) load();
}

// ---- start --------------------------------------------------------------------------------

tools.draw(state.time, now());
addEventListener("popstate", () => {
  state.time = timeOfAddress(location.search);
  showTime();
});

connect({
  batteryId,
  onRow(b) {
    const isFirst = state.b === null;
    Object.assign(state, { b, receivedMs: Date.now() });
    by("missing").hidden = true;
    tail.add(b);
    drawNow();
    if (isFirst) drawCharts();
    else drawIfDue();
  },
  onAlert: () => alerts.load(),
  onReset: () => load(),
  onState(connection, ms, error) {
    state.connection = connection;
    if (error && [400, 404].includes(error.code)) { // it is not known, or cannot be a name
      showMissing(error);
      shell.setState("polling", 0);
      return;
    }
    shell.setState(connection, ms, error);
    drawNow();
  },
});

async function start() {
  const library = loadCharts().catch(() => null);
  await Promise.all([load(), library.then((uPlot) => {
    state.uPlot = uPlot;
    charts.setLibrary(uPlot);
    if (uPlot === null) charts.say(NO_CHARTS);
  })]);
  performance.mark("charts");
  if (!state.history) return;
  await alerts.load();
  await loadUse();
}

start();
setInterval(tick, 1000);
setInterval(() => document.hidden || alerts.load(), ALERTS_MS);
setInterval(() => document.hidden || loadUse(), USE_MS);
