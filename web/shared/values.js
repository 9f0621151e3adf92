// SPDX-License-Identifier: MIT
// shared/values.js: what a battery's values mean, and how they are written. Every page writes them with these.

export const LEVELS = ["CRITICAL", "WARNING", "NORMAL"];
export const MARK = { CRITICAL: "■", WARNING: "▲", NORMAL: "●" };

export const isNumber = (v) => typeof v === "number" && Number.isFinite(v);

// ---- a battery (an object of /api/battery/latest or of the list) --------------------------

export const statusOf = (b) => b.health.status;
export const isSilent = (b) => b.health.silent;
export const isUnknown = (b) => isSilent(b) && statusOf(b) === "NORMAL"; // silence is no good news
export const isUnpredicted = (b) => b.health.no_predictions_for_s !== null;

// The value that a limit is about; a prediction is the one that stands.
export const valueOf = (b, quantity) => (b.prediction && quantity in b.prediction ? b.prediction : b)[quantity];

// Why there is no number: never shown as 0.
export const unknownText = (b) => (b.prediction ? "unknown" : "waiting");
export const noteOf = (b) => ((b.prediction && b.prediction.prediction_note) || "").replace(/^unknown, /, "");

// "charging", "discharging", "idle", or "" where the current is not known.
export function flowText(b) {
  if (!isNumber(b.current)) return "";
  if (b.is_charging || b.current < -0.05) return "charging";
  return b.current > 0.05 ? "discharging" : "idle";
}

// ---- limits -------------------------------------------------------------------------------

const isBroken = (limit, value) => (limit.operator === "<" ? value < limit.limit : value > limit.limit);

// How a value is coloured, by the thresholds of /api/thresholds: the strictest display band that it is in; the limits of
// status and alerts where the quantity has no bands. "" where it, or every limit, is not known.
export function levelOf(thresholds, quantity, value) {
  if (!isNumber(value) || thresholds.length === 0) return "";
  const limits = thresholds.filter((t) => t.quantity === quantity);
  const bands = limits.filter((t) => t.kind === "display");
  const broken = (bands.length > 0 ? bands : limits).filter((t) => isBroken(t, value)).map((t) => t.level);
  return LEVELS.find((level) => broken.includes(level)) || "NORMAL";
}

// ---- numbers and times in words -----------------------------------------------------------

const minus = (text) => text.replace("-", "−");

export const show = (v, decimals, unit) => (isNumber(v) ? `${minus(v.toFixed(decimals))}${unit}` : "–");

// A risk (0 to 1) in percent: a small one is not none, and a large one is not certain.
function riskText(risk) {
  if (!isNumber(risk)) return "–";
  if (risk > 0 && risk < 0.0005) return "< 0.1 %";
  if (risk < 1 && risk >= 0.9995) return "> 99.9 %";
  return `${(100 * risk).toFixed(1)} %`;
}

// "12 min", "3.4 h", "9 d"
export function duration(seconds) {
  const s = Math.max(0, seconds);
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 36 * 3600) return `${(s / 3600).toFixed(1)} h`;
  return `${Math.round(s / 86400)} d`;
}

// A clock may be ahead of the server's.
export function agoText(age) {
  if (!isNumber(age)) return "unknown";
  return age < -5 ? `${duration(-age)} ahead` : age < 1.5 ? "now" : `${duration(age)} ago`;
}

export const timeText = (time) => (time ? `${time.slice(0, 19).replace("T", " ")} UTC` : "unknown");

// "one second is one minute" for a simulator that runs 60 times as fast; "" where time runs as it does, or is not known.
export function factorText(factor) {
  if (!isNumber(factor) || factor <= 0 || Math.abs(factor - 1) < 0.05) return "";
  const units = [["minute", 60], ["hour", 3600], ["day", 86400]];
  const exact = units.find(([, s]) => Math.abs(factor / s - 1) < 0.05);
  return `one second is ${exact ? `one ${exact[0]}` : factor < 90 ? `${Number(factor.toPrecision(2))} seconds` : duration(factor)}`;
}

// ---- reasons ------------------------------------------------------------------------------

// Quantities as people call them: name, unit, what a value is multiplied by, and its decimals.
export const QUANTITIES = {
  soc: ["charge", " %", 1, 1], soh: ["health", " %", 1, 1], temperature: ["temperature", " °C", 1, 1],
  voltage: ["voltage", " V", 1, 1], current: ["current", " A", 1, 1], power_consumption: ["power", " kW", 0.001, 1],
  rul_prediction: ["RUL", " cycles", 1, 0], failure_probability: ["failure risk", " %", 100, 1],
};

// "risk", "charge": where there is little room.
export const quantityName = (quantity) => (QUANTITIES[quantity] || [quantity])[0].replace("failure ", "");

// A quantity's value with its unit, the same on every page.
export function valueText(quantity, value) {
  if (quantity === "failure_probability") return riskText(value);
  const [, unit, factor, decimals] = QUANTITIES[quantity] || [quantity, "", 1, 2];
  return show(isNumber(value) ? factor * value : value, decimals, unit);
}

// A reason of health, such as "soc 15.4 was < 15 (until 17)", in its parts; null if it is none.
function partsOf(reason) {
  const parts = /^(\w+) (\S+) (was )?([<>]) (\S+)(?: \((?:until (\S+)|(.*))\))?$/.exec(reason);
  if (!parts) return null;
  const [, quantity, given, was, operator, limit, until, more] = parts;
  const [name, unit, factor, decimals] = QUANTITIES[quantity] || [quantity, "", 1, 6];
  const number = (v, digits = 6) => minus(`${Number((factor * v).toFixed(digits))}`);
  return { quantity, given: Number(given), was, operator, limit: Number(limit), until, more, name, unit, decimals, number };
}

// "charge 15.4 % was below 15 % (until 17 %)"
export function reasonWords(reason, b) {
  const p = partsOf(reason);
  if (!p) return reason;
  const { number, unit } = p;
  const value = b && isNumber(valueOf(b, p.quantity)) ? valueOf(b, p.quantity) : p.given;
  const short = number(value, p.decimals);
  // as everywhere else, but where that would not show the side of the limit that it is on
  const shown = short === number(p.limit) ? `${number(value)}${unit}` : QUANTITIES[p.quantity] ? valueText(p.quantity, value) : `${short}${unit}`;
  const rest = p.until ? ` (until ${number(Number(p.until))}${unit})` : p.more ? ` (${p.more})` : "";
  return `${p.name} ${shown} ${p.was || ""}${p.operator === "<" ? "below" : "above"} ${number(p.limit)}${unit}${rest}`;
}

// "limit 15 %": where the value stands above it.
export function limitShort(reason) {
  const p = partsOf(reason);
  return p ? `limit ${p.number(p.limit)}${p.unit.replace(" cycles", "")}` : "";
}

// "charge < 15 %": where the value stands beside it.
export function reasonShort(reason) {
  const p = partsOf(reason);
  return p ? `${quantityName(p.quantity)} ${p.operator} ${p.number(p.limit)}${p.unit.replace(" cycles", "")}${p.was || p.more ? " (was)" : ""}` : reason;
}

export const reasonText = (b) => b.health.reasons.map((reason) => reasonWords(reason, b)).join("\n");
