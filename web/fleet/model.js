// SPDX-License-Identifier: MIT
// fleet/model.js: all batteries in short (/api/fleet/map), in groups, and in an order that holds still.

import { levelOf, QUANTITIES } from "../shared/values.js";

const HEALTH = ["NORMAL", "WARNING", "CRITICAL"];
const NEEDS_CHARGING = 1;
const NEEDS_SERVICE = 2;

// In the order in which they need attention.
export const GROUPS = [
  { key: "service", title: "Needs service", mark: "✚", level: "CRITICAL" },
  { key: "charging", title: "Needs charging", head: "Needs charging, no service", mark: "⚡", level: "WARNING" },
  { key: "silent", title: "Silent", mark: "◌", level: "SILENT" },
  { key: "fine", title: "Fine", mark: "●", level: "NORMAL" },
];

function groupOf(b) {
  if (b.needs & NEEDS_SERVICE) return "service";
  if (b.needs & NEEDS_CHARGING) return "charging";
  return b.silent ? "silent" : "fine";
}

// What a battery is coloured by: neither silence nor a need is good news.
export const shownLevel = (b) => (b.status !== "NORMAL" ? b.status : b.needs ? "WARNING" : b.silent ? "SILENT" : "NORMAL");

// How old its last record is now, in seconds; null if that is not known.
export const ageOf = (b) => (b.age === null ? null : b.age + (Date.now() - b.ageMs) / 1000);

// The columns of the map as objects, those of the batteries known already kept.
export function takeMap(batteries, map, atMs) {
  const seen = new Set();
  map.battery_id.forEach((id, i) => {
    const b = batteries.get(id) || { id };
    b.status = HEALTH[map.health[i]];
    b.needs = map.needs[i];
    b.silent = map.silent[i] === 1;
    b.age = map.record_age_s[i];
    b.ageMs = atMs;
    b.broken = map.quantities.filter((_, q) => map.broken[i] & (1 << q));
    for (const quantity of map.quantities) b[quantity] = map[quantity][i];
    b.group = groupOf(b);
    seen.add(id);
    batteries.set(id, b);
  });
  for (const id of batteries.keys()) {
    if (!seen.has(id)) batteries.delete(id);
  }
}

// The same of one whole row.
export function takeRow(b, row, atMs) {
  const h = row.health;
  b.status = h.status;
  b.needs = (h.needs_charging ? NEEDS_CHARGING : 0) + (h.needs_service ? NEEDS_SERVICE : 0);
  b.silent = h.silent;
  b.age = h.record_age_s;
  b.ageMs = atMs;
  b.broken = h.reasons.map((reason) => reason.split(" ")[0]);
  for (const quantity of ["soc", "soh", "temperature"]) b[quantity] = row[quantity];
  for (const quantity of ["rul_prediction", "failure_probability"]) b[quantity] = row.prediction && row.prediction[quantity];
  b.group = groupOf(b);
}

// ---- order --------------------------------------------------------------------------------

const inIdOrder = new Intl.Collator("en", { numeric: true }).compare;
const rank = (b) => HEALTH.indexOf(b.status);

// Unknown last, whichever way.
function byNumber(x, y, sign) {
  const isX = typeof x === "number";
  const isY = typeof y === "number";
  if (isX && isY) return sign * (x - y);
  return isX ? -1 : isY ? 1 : 0;
}

// The worst first: the group, what can burn, health, how much is wrong, risk, remaining life, health in percent.
function byNeed(thresholds) {
  const limits = thresholds.filter((t) => t.kind === "status");
  const isHot = (b) => levelOf(limits, "temperature", b.temperature) === "CRITICAL";
  const groups = GROUPS.map((g) => g.key);
  return (a, b) => groups.indexOf(a.group) - groups.indexOf(b.group) || isHot(b) - isHot(a) || rank(b) - rank(a) ||
    byNumber(a.failure_probability, b.failure_probability, -1) || byNumber(a.rul_prediction, b.rul_prediction, 1) ||
    byNumber(a.soh, b.soh, 1);
}

export function sorted(batteries, sort, isReversed, thresholds) {
  const sign = isReversed ? -1 : 1;
  const compare = sort === "need" ? byNeed(thresholds) : sort === "battery" ? () => 0 : null;
  const list = [...batteries];
  list.sort((a, b) => (compare ? sign * compare(a, b) : byNumber(a[sort], b[sort], sign)) || sign * inIdOrder(a.id, b.id));
  return list;
}

// As the server's summary counts them: one that needs both counts in both.
const IN_GROUP = {
  service: (b) => (b.needs & NEEDS_SERVICE) !== 0,
  charging: (b) => (b.needs & NEEDS_CHARGING) !== 0,
  silent: (b) => b.silent,
  fine: (b) => b.group === "fine",
};

// What people call its state.
const wordsOf = (b) => [b.status.toLowerCase(), ...GROUPS.map((g) => g.key).filter((key) => IN_GROUP[key](b)),
  ...b.broken.flatMap((quantity) => (QUANTITIES[quantity] || [quantity])[0].toLowerCase().split(" "))];

// Each word is a part of its name, or says how it is.
const isFound = (b, q) => q.toLowerCase().split(/\s+/).every((word) => b.id.toLowerCase().includes(word) || wordsOf(b).includes(word));

// Whether it is among those looked for: by words, a group, and a quantity whose limit is broken.
export const matches = (b, { q, group, broken }) =>
  (!group || IN_GROUP[group](b)) && (!broken || b.broken.includes(broken)) && (!q || isFound(b, q));
