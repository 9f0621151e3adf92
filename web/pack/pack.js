// SPDX-License-Identifier: MIT
// pack.js: one battery in 3D. The figures are the record's; what moves is drawn by scene.js, or flat.js where 3D cannot be had.

import { getJson, getThresholds } from "../shared/api.js";
import { by, element, into, set, setAttribute, setClass, setText } from "../shared/dom.js";
import { connect } from "../shared/live.js";
import { flowOfBattery, mountShell } from "../shared/shell.js";
import { agoText, duration, isNumber, isUnpredicted, levelOf, MARK, noteOf, reasonText, show, statusOf, unknownText, valueOf, valueText } from "../shared/values.js";
import { loadThree, NO_THREE } from "../shared/vendor.js";
import { createFlat } from "./flat.js";
import { flowOf, lookOf } from "./look.js";

const SILENT_S = 10; // no record for longer, and for three times its interval: not live
const SPEAK_MS = 10000; // the most often that a screen reader hears of new values
const THRESHOLDS_MS = 10000; // how often the limits are looked at; api.js asks once a minute
const TURN = 0.09; // of one arrow key, radians
const MANY = 200; // batteries in the list; of more than that one is searched for

const state = {
  batteryId: decodeURIComponent(location.pathname.split("/")[2] || ""),
  row: null,
  arrivedMs: 0, // when the record came, by this page's clock, as its age then said
  interval_s: 0,
  connection: "connecting",
  error: null,
  missing: "", // why there is no row
  thresholds: [],
  isPaused: matchMedia("(prefers-reduced-motion: reduce)").matches,
  isFlat: new URLSearchParams(location.search).get("view") === "flat",
};
const shell = mountShell({ title: `${state.batteryId} in 3D`, batteryId: state.batteryId });
let drawing = null; // of scene.js or flat.js
let canvas = null;
let live = null;

// ---- how old is it ------------------------------------------------------------------------

const age_s = () => (performance.now() - state.arrivedMs) / 1000;
const isStale = () => state.row !== null && age_s() > Math.max(SILENT_S, 3 * state.interval_s);

function takeRow(row) {
  const previous = state.row;
  const arrivedMs = performance.now() - 1000 * Math.max(0, row.health.record_age_s || 0);
  if (previous && previous.time !== row.time) {
    const gap_s = (Date.parse(row.time) - Date.parse(previous.time)) / 1000;
    if (gap_s > 0) state.interval_s = Math.min(gap_s, 2 * state.interval_s || gap_s); // one gap does not make it slow
  }
  if (!previous || previous.time !== row.time) state.arrivedMs = arrivedMs;
  state.row = row;
  shownStale = null;
  draw();
}

// ---- the values ---------------------------------------------------------------------------

// name, quantity, and what the ends of its bar are
const BARS = [["Charge", "soc", 0, 100], ["Health", "soh", 0, 100], ["Temperature", "temperature", -20, 80]];

function makeBar([name, quantity, from, to]) {
  const line = element("div", "line");
  const parts = into(line, {
    name: element("span", "name", name), mark: element("span", "level-mark", "", { "aria-hidden": "true" }), text: element("span", "figure"),
    track: element("span", "track", "", { "aria-hidden": "true" }),
  });
  const bar = into(parts.track, { level: element("span", "level") }).level;
  by("bars").append(line);
  return {
    fill(b) {
      const value = b[quantity];
      const level = levelOf(state.thresholds, quantity, value);
      setText(parts.text, isNumber(value) ? valueText(quantity, value) : "not measured");
      setText(parts.mark, level && level !== "NORMAL" ? `${MARK[level]} ` : "");
      setClass(line, `line ${level}`);
      const share = isNumber(value) ? Math.min(1, Math.max(0, (value - from) / (to - from))) : 0;
      bar.style.width = `${(100 * share).toFixed(1)}%`;
    },
  };
}

function makeFact(place, name) {
  const group = element("div");
  const parts = into(group, { name: element("dt", "", name), value: element("dd"), small: element("dd", "small") });
  by(place).append(group);
  return (value, small = "", level = "") => {
    setText(parts.value, `${MARK[level] && level !== "NORMAL" ? `${MARK[level]} ` : ""}${value}`);
    setText(parts.small, small);
    set(parts.small, "hidden", !small);
    setClass(group, level);
  };
}

const bars = BARS.map(makeBar);
const rulFact = makeFact("predictions", "Remaining life");
const riskFact = makeFact("predictions", "Failure risk");
const measured = (value, decimals, unit) => (isNumber(value) ? show(value, decimals, unit) : "not measured");
const FACTS = [
  ["Voltage", (b) => measured(b.voltage, 1, " V")],
  ["Current", (b) => measured(b.current, 1, " A")],
  ["Power", (b) => (isNumber(b.power_consumption) ? valueText("power_consumption", b.power_consumption) : "not measured")],
  ["Cycles", (b) => measured(b.charge_cycles, 0, "")],
  ["Resistance", (b) => measured(b.resistance_mohm, 1, " mΩ")],
  ["Mean temperature", (b) => (isNumber(b.mean_temperature) ? `${show(b.mean_temperature, 1, " °C")}` : "not measured")],
  ["Cell spread", (b) => (isNumber(b.cell_spread_mv) ? show(b.cell_spread_mv, 0, " mV") : "not measured")],
].map(([name, text]) => ({ fill: makeFact("facts", name), text }));

function rulText(b) {
  const { prediction: p } = b;
  const rul = valueOf(b, "rul_prediction");
  if (!isNumber(rul)) return [unknownText(b), noteOf(b)];
  if (isNumber(p.rul_low) && isNumber(p.rul_high)) return [valueText("rul_prediction", rul), `${p.rul_low.toFixed(0)} to ${p.rul_high.toFixed(0)}`];
  return [valueText("rul_prediction", rul), isNumber(p.rul_error) ? `model error ${p.rul_error.toFixed(0)}` : ""];
}

function drawPredictions(b) {
  const risk = valueOf(b, "failure_probability");
  rulFact(...rulText(b), levelOf(state.thresholds, "rul_prediction", valueOf(b, "rul_prediction")));
  const when = !b.prediction ? "" : isUnpredicted(b) || isStale() ? "not up to date" : `predicted ${agoText(b.prediction.age_s)}`;
  riskFact(isNumber(risk) ? valueText("failure_probability", risk) : unknownText(b), when, levelOf(state.thresholds, "failure_probability", risk));
}

const FLOWS = {
  charging: ["▼", "Charging", "into the pack"],
  discharging: ["▲", "Discharging", "out of the pack"],
  idle: ["■", "Idle", ""],
  unknown: ["?", "Current not measured", ""],
};

function flowWords(b) {
  const [, now, way] = FLOWS[flowOf(b)];
  const word = way && isStale() ? `Was ${now.toLowerCase()}` : now;
  return way ? `${word} · ${measured(Math.abs(b.current), 1, " A")} ${way}` : word;
}

const statusWords = (b) => (isStale() ? `○ was ${statusOf(b)}` : `${MARK[statusOf(b)] || "?"} ${statusOf(b)}`);

function drawValues(b) {
  for (const bar of bars) bar.fill(b);
  for (const fact of FACTS) fact.fill(fact.text(b));
  drawPredictions(b);
  setText(by("flow-mark"), FLOWS[flowOf(b)][0]);
  setText(by("flow-text"), flowWords(b));
  setClass(by("flow"), `flow ${flowOf(b)}`);
  setText(by("reasons"), reasonText(b));
  set(by("reasons"), "hidden", b.health.reasons.length === 0);
}

// ---- what is live, once a second ----------------------------------------------------------

let shownStale = null;
let spokenMs = -Infinity;

function stateText() {
  if (state.row === null) {
    if (state.missing) return ["lost", `No data: ${state.missing}`];
    return state.connection === "away" ? ["lost", "No data"] : ["", "Connecting…"];
  }
  if (isStale()) return ["late", `No data for ${duration(age_s())}`];
  if (state.connection === "away") return ["lost", `Not connected · last record ${agoText(age_s())}`];
  return ["live", `Live · ${agoText(age_s())}`];
}

function words(b) {
  const stale = isStale();
  const charge = isNumber(b.soc) ? `charge ${Math.round(b.soc)} %` : "charge not measured";
  return `${state.batteryId}: ${stale ? "no recent data; last known: " : ""}${charge}, ${FLOWS[flowOf(b)][1].toLowerCase()}, status ${statusOf(b)}.`;
}

function speak(b) {
  if (performance.now() - spokenMs < SPEAK_MS || by("spoken").textContent === words(b)) return;
  spokenMs = performance.now();
  setText(by("spoken"), words(b));
}

function drawAge() {
  const [level, text] = stateText();
  setText(by("state-text"), text);
  setClass(by("state"), `state ${level}`);
  const b = state.row;
  if (!b) return;
  const stale = isStale();
  const notice = stale ? "no recent data from this battery" : b.health.notice;
  shell.setFlow({ ...flowOfBattery(b), notice, recordAge_s: age_s() });
  speak(b);
  if (stale === shownStale) return;
  shownStale = stale; // it went silent, or came back
  const stage = by("stage");
  setAttribute(stage, "data-state", stale ? "stale" : "live");
  setAttribute(stage, "data-status", stale ? "UNKNOWN" : statusOf(b));
  setText(by("badge"), statusWords(b));
  setClass(by("badge"), `badge ${stale ? "UNKNOWN" : statusOf(b)}`);
  drawing?.show(lookOf(b, stale));
}

function draw() {
  const b = state.row;
  const stage = by("stage");
  setAttribute(stage, "data-soc", isNumber(b.soc) ? b.soc : "unknown");
  setAttribute(stage, "data-flow", flowOf(b));
  drawValues(b);
  drawAge();
  if (canvas) setAttribute(canvas, "aria-label", `${words(b)} ${flowWords(b)}; ${BARS.map(([name, key]) => `${name} ${valueText(key, b[key])}`).join(", ")}.`);
}

// ---- the drawing --------------------------------------------------------------------------

// null, or how this browser does WebGL. The probe is given back at once: browsers have few contexts.
function webgl() {
  const gl = document.createElement("canvas").getContext("webgl2");
  if (!gl) return null;
  const info = gl.getExtension("WEBGL_debug_renderer_info");
  const name = info ? String(gl.getParameter(info.UNMASKED_RENDERER_WEBGL)) : "";
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return { isSoftware: /swiftshader|llvmpipe|software/i.test(name) };
}

let drawnColor = "";

function onDraw({ cellColor }) {
  if (cellColor === drawnColor) return;
  drawnColor = cellColor;
  by("stage").dataset.cellColor = cellColor;
}

function showFlat(why) {
  drawing?.dispose();
  canvas?.remove();
  canvas = null;
  by("view").replaceChildren();
  setAttribute(by("view"), "aria-label", "Pack of 18 cells, flat");
  set(by("why"), "hidden", !why);
  setText(by("why"), why);
  drawing = createFlat(by("view"), { onDraw });
  afterDrawing("flat");
}

async function showScene() {
  const kind = webgl();
  if (!kind) return showFlat("This browser has no WebGL, so the pack is drawn flat.");
  const THREE = await loadThree().catch(() => null);
  if (!THREE) return showFlat(`${NO_THREE} The pack is drawn flat.`);
  const { createScene } = await import("./scene.js");
  drawing?.dispose();
  canvas = element("canvas", "", "", { role: "img", "aria-label": "Pack of 18 cells" });
  by("view").replaceChildren(canvas);
  by("why").hidden = true;
  canvas.addEventListener("webglcontextlost", () => canvas && showFlat("The graphics driver has ended the 3D view, so the pack is drawn flat."));
  drawing = createScene(THREE, canvas, { ...kind, isStill: state.isPaused, insetPx, onFrame: onDraw });
  afterDrawing("webgl");
}

// The HUD covers the right of a wide stage.
function insetPx() {
  const hud = document.querySelector(".hud");
  return getComputedStyle(hud).position === "absolute" ? hud.offsetWidth : 0;
}

function afterDrawing(renderer) {
  setAttribute(by("stage"), "data-renderer", renderer);
  set(by("pause"), "hidden", renderer === "flat");
  set(by("home"), "hidden", renderer === "flat");
  setAttribute(by("flat"), "aria-pressed", state.isFlat);
  if (!state.row) return;
  drawing.show(lookOf(state.row, isStale()));
  draw();
}

by("stage").stats = () => drawing?.stats?.() ?? null; // for tests: frames drawn so far, and how

const makeDrawing = () => (state.isFlat ? showFlat("") : showScene());

// ---- controls -----------------------------------------------------------------------------

const KEYS = { ArrowLeft: [-TURN, 0], ArrowRight: [TURN, 0], ArrowUp: [0, TURN], ArrowDown: [0, -TURN] };

by("view").addEventListener("keydown", (event) => {
  if (!KEYS[event.key] || !drawing.turn) return;
  event.preventDefault();
  drawing.turn(...KEYS[event.key]);
});

by("view").addEventListener("pointerdown", (event) => {
  if (!drawing?.turn || event.button !== 0) return;
  const view = by("view");
  view.setPointerCapture(event.pointerId);
  drawing.hold(true);
  const move = (to) => drawing.turn?.(-to.movementX * 0.008, to.movementY * 0.006);
  const end = () => {
    view.removeEventListener("pointermove", move);
    drawing.hold?.(false);
  };
  view.addEventListener("pointermove", move);
  view.addEventListener("lostpointercapture", end, { once: true });
});

function setPaused(isPaused) {
  state.isPaused = isPaused;
  setAttribute(by("pause"), "aria-pressed", isPaused);
  drawing?.setStill?.(isPaused);
}

by("pause").addEventListener("click", () => setPaused(!state.isPaused));
by("home").addEventListener("click", () => drawing.home());
by("flat").addEventListener("click", () => {
  state.isFlat = !state.isFlat;
  history.replaceState(null, "", location.pathname + (state.isFlat ? "?view=flat" : ""));
  makeDrawing();
});
matchMedia("(prefers-reduced-motion: reduce)").addEventListener("change", (event) => setPaused(event.matches));

// ---- which battery ------------------------------------------------------------------------

let everyId = [];

async function loadIds() {
  try {
    everyId = (await getJson("/api/fleet/map")).battery_id.sort(new Intl.Collator("en", { numeric: true }).compare);
  } catch {
    return; // the banner says that the server is away
  }
  by("find").hidden = everyId.length <= MANY;
  fillPicker();
}

// This one, and those that the search finds.
function fillPicker() {
  const query = by("find").value.trim().toLowerCase();
  const found = everyId.filter((id) => id !== state.batteryId && id.toLowerCase().includes(query)).slice(0, MANY);
  const ids = query || !everyId.includes(state.batteryId) ? [state.batteryId, ...found]
    : everyId.filter((id) => id === state.batteryId || found.includes(id));
  by("battery").replaceChildren(...ids.map((id) => element("option", "", id, { value: id })));
  by("battery").value = state.batteryId;
}

function goTo(batteryId) {
  location.assign(`/battery/${encodeURIComponent(batteryId)}/3d${location.search}`);
}

by("battery").addEventListener("change", (event) => goTo(event.target.value));
by("find").addEventListener("input", fillPicker);

// ---- begin --------------------------------------------------------------------------------

setAttribute(by("pause"), "aria-pressed", state.isPaused);
fillPicker();
loadIds();
// They may change; without them nothing is judged.
async function loadThresholds() {
  try {
    state.thresholds = await getThresholds();
    if (state.row) drawValues(state.row);
  } catch {
    // asked for again soon
  }
}

// One that is not known is said so; its first record may still come.
async function poll(signal) {
  try {
    takeRow((await getJson(`/api/battery/latest?battery_id=${encodeURIComponent(state.batteryId)}`, { signal })).data);
    state.missing = "";
  } catch (error) {
    if ([400, 404].includes(error.code)) state.missing = error.message;
    throw error;
  } finally {
    drawAge();
  }
}

live = connect({
  batteryId: state.batteryId,
  poll,
  onRow: takeRow,
  onReset: () => poll().catch(() => {}), // if the server is away, onState says so
  onState(next, ms, error) {
    state.connection = next;
    state.error = next === "away" ? error || state.error : null; // what is wrong stays wrong until it is heard of again
    shell.setState(next, ms, state.error);
    drawAge();
  },
});
loadThresholds();
setInterval(() => document.hidden || drawAge(), 1000);
setInterval(() => document.hidden || loadThresholds(), THRESHOLDS_MS);
addEventListener("pagehide", (event) => {
  if (event.persisted) return; // it may be shown again by Back
  live.close();
  drawing?.dispose();
});
makeDrawing();
