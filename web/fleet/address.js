// SPDX-License-Identifier: MIT
// fleet/address.js: what is looked for, the order and the place, in the page's address.

import { COLUMNS } from "./row.js";
import { GROUPS } from "./model.js";
import { COLOURS } from "./strip.js";
import { QUANTITIES } from "../shared/values.js";

const one = (value, allowed, otherwise) => (allowed.includes(value) ? value : otherwise);

export function readAddress() {
  const p = new URLSearchParams(location.search);
  return {
    sort: one(p.get("sort"), COLUMNS.map((c) => c.key), "need"),
    reversed: p.get("order") === "desc",
    q: p.get("q") || "",
    group: one(p.get("show"), GROUPS.map((g) => g.key), ""),
    broken: one(p.get("broken"), Object.keys(QUANTITIES), ""),
    colour: one(p.get("colour"), Object.keys(COLOURS), "status"),
    at: p.get("at"),
  };
}

// isNew: a step that Back undoes; else the entry of now is changed.
export function writeAddress(state, isNew) {
  const p = new URLSearchParams();
  const { sort, reversed, q, group, broken, colour, at } = state;
  for (const [key, value, otherwise] of [["sort", sort, "need"], ["order", reversed ? "desc" : "asc", "asc"], ["q", q, ""],
    ["show", group, ""], ["broken", broken, ""], ["colour", colour, "status"], ["at", at || "", ""]]) {
    if (value !== otherwise) p.set(key, value);
  }
  const address = `${location.pathname}${String(p) ? `?${p}` : ""}`;
  if (address === location.pathname + location.search) return;
  history[isNew ? "pushState" : "replaceState"](null, "", address);
}
