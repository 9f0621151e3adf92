// SPDX-License-Identifier: MIT
// battery/address.js: which battery and which time the address names, so that it can be sent to a colleague.

export const RANGES = { "15m": 0.25, "1h": 1, "24h": 24, "7d": 168, "30d": 720 }; // hours
export const SHORT_RANGE = "15m";
export const DEFAULT_RANGE = "1h";
const MAX_HOURS = 8784; // that the API gives
const MIN_S = 20; // shortest time shown

// "/battery/ID" or "/battery/ID/3d"
export function batteryOfAddress(pathname) {
  try {
    return decodeURIComponent(pathname.split("/")[2] || "");
  } catch {
    return pathname.split("/")[2]; // a broken escape: no battery has that name
  }
}

const parseTime = (text) => Date.parse(text || "") / 1000;

// The time shown: {range, from, until}: from and until (s since 1970) are null while it follows the clock; isDefault: the
// address names none.
export function timeOfAddress(search) {
  const query = new URLSearchParams(search);
  const isGiven = Object.hasOwn(RANGES, query.get("range"));
  const range = isGiven ? query.get("range") : DEFAULT_RANGE;
  const from = parseTime(query.get("from"));
  const until = parseTime(query.get("until"));
  const isFixed = until > from; // false where either is not a time
  return isFixed ? fixed(range, from, until) : { range, from: null, until: null, isDefault: !isGiven };
}

// The range is left out where it is what would be shown without.
export function addressOfTime({ range, from, until }, defaultRange) {
  if (from !== null) return `?range=${range}&from=${isoTime(from)}&until=${isoTime(until)}`;
  return range === defaultRange ? "" : `?range=${range}`;
}

// Whole seconds are enough for an address, but for a short time.
export function isoTime(s) {
  const text = new Date(1000 * s).toISOString();
  return text.endsWith(".000Z") ? `${text.slice(0, 19)}Z` : text;
}

export const isLive = (time) => time.from === null;
export const spanOf = (time, now) => (isLive(time) ? [now - 3600 * RANGES[time.range], now] : [time.from, time.until]);
export const following = (range) => ({ range, from: null, until: null });

// A fixed time, not shorter or longer than can be shown; on whole seconds if it is long enough.
export function fixed(range, from, until) {
  const middle = (from + until) / 2;
  const half = Math.min(Math.max(until - from, MIN_S), 3600 * MAX_HOURS) / 2;
  const round = half > 60 ? Math.round : (s) => Math.round(1000 * s) / 1000;
  return { range, from: round(middle - half), until: round(middle + half) };
}

// What zooming by a factor about a moment (default: the middle) gives.
export function zoomed(time, now, factor, about) {
  const [from, until] = spanOf(time, now);
  const centre = about === undefined ? (from + until) / 2 : about;
  return settled(time.range, centre - factor * (centre - from), centre + factor * (until - centre), now);
}

// Half a span earlier (-1) or later (1).
export function moved(time, now, direction) {
  const [from, until] = spanOf(time, now);
  const step = (direction * (until - from)) / 2;
  return settled(time.range, from + step, until + step, now);
}

// Nothing is known of the future: a time that reaches into it ends now, and follows the clock if it is one of the ranges.
function settled(range, from, until, now) {
  const span = until - from;
  if (until < now - span / 50) return fixed(range, from, until);
  const same = Object.keys(RANGES).find((key) => Math.abs(span / (3600 * RANGES[key]) - 1) < 0.1);
  return same ? following(same) : fixed(range, now - span, now);
}
