// SPDX-License-Identifier: MIT
// fleet/first.js: what needs a person first: the worst battery in full, the next ones in short.

import { element, into, setAttribute, setClass, setText } from "../shared/dom.js";
import { duration, isNumber, levelOf, MARK, reasonWords, valueText } from "../shared/values.js";
import { ageOf, shownLevel } from "./model.js";

export const N_FIRST = 4;
const SHOWN = ["failure_probability", "rul_prediction", "soh", "soc", "temperature"];
const NAMES = { failure_probability: "Failure risk", rul_prediction: "RUL", soh: "Health", soc: "Charge", temperature: "Temperature" };

function reasonsOf(b, full) {
  const reasons = full ? full.health.reasons.map((reason) => reasonWords(reason, full)) : [];
  if (b.silent) reasons.unshift(isNumber(b.age) ? `no data for ${duration(Math.abs(ageOf(b)))}` : "no data");
  return reasons;
}

function makeWorst() {
  const card = element("a", "worst");
  const parts = into(card, { badge: element("span", "badge"), name: element("strong"), reasons: element("span", "reasons"), values: element("span", "values") });
  const values = Object.fromEntries(SHOWN.map((key) => {
    const cell = element("span", "value");
    const made = into(cell, { name: element("small", "", NAMES[key]), text: element("b") });
    parts.values.append(cell);
    return [key, made];
  }));
  return { card, ...parts, values };
}

function makeNext() {
  const link = element("a", "next");
  return { card: link, ...into(link, { dot: element("span", "level", "", { "aria-hidden": "true" }), name: element("b"), reasons: element("span") }) };
}

export function makeFirst(box) {
  const worst = makeWorst();
  const next = Array.from({ length: N_FIRST - 1 }, makeNext);
  const none = element("p", "all-fine");
  box.append(worst.card, ...next.map((n) => n.card), none);

  function fillCommon(parts, b, full) {
    setText(parts.name, b.id);
    parts.card.href = `/battery/${encodeURIComponent(b.id)}`;
    setText(parts.reasons, reasonsOf(b, full).join(" · "));
  }

  // batteries: the first ones of those that need a person; total: how many batteries there are.
  return function fill(batteries, rows, total, thresholds) {
    const [first, ...rest] = batteries;
    worst.card.hidden = !first;
    none.hidden = Boolean(first);
    setText(none, `✓ Nothing needs a person: ${total === 1 ? "the one battery is" : `all ${total} batteries are`} fine.`);
    if (first) {
      const level = shownLevel(first);
      fillCommon(worst, first, rows.get(first.id));
      setClass(worst.card, `worst ${level}`);
      setText(worst.badge, level === "SILENT" ? `○ was ${first.status.toLowerCase()}` : `${MARK[first.status]} ${first.status}`);
      setClass(worst.badge, `badge ${level === "SILENT" ? "UNKNOWN" : first.status}`);
      for (const key of SHOWN) {
        setText(worst.values[key].text, valueText(key, first[key]));
        setClass(worst.values[key].text, levelOf(thresholds, key, first[key]));
      }
    }
    next.forEach((parts, i) => {
      const b = rest[i];
      parts.card.hidden = !b;
      if (!b) return;
      fillCommon(parts, b, rows.get(b.id));
      setClass(parts.dot, `level ${shownLevel(b)}`);
      setAttribute(parts.card, "title", parts.reasons.textContent);
    });
  };
}
