// SPDX-License-Identifier: MIT
// fleet/first.js: what needs attention first: the worst battery in full, the next ones in short.

import { element, into, setAttribute, setClass, setText } from "../shared/dom.js";
import { duration, isNumber, levelOf, limitShort, MARK, quantityName, reasonWords, valueText } from "../shared/values.js";
import { ageOf, shownLevel } from "./model.js";

export const N_FIRST = 4;
const SHOWN = ["failure_probability", "rul_prediction", "soh", "soc", "temperature"];
const NAMES = { failure_probability: "Failure risk", rul_prediction: "RUL", soh: "Health", soc: "Charge", temperature: "Temperature" };

const reasonOf = (full, quantity) => full && full.health.reasons.find((reason) => reason.startsWith(`${quantity} `));

const silenceOf = (b) => (!b.silent ? [] : [isNumber(b.age) ? `no data for ${duration(Math.abs(ageOf(b)))}` : "no data"]);
const quantityOf = (reason) => reason.split(" ")[0];

// What no value below says.
const restOf = (b, full) => [...silenceOf(b),
  ...(full ? full.health.reasons.filter((reason) => !SHOWN.includes(quantityOf(reason))).map((reason) => reasonWords(reason, full)) : [])].join(" · ");

// "risk 93.8 % · health 80.1 %"
const brokenOf = (b) => [...silenceOf(b), ...[...b.broken].sort((x, y) => SHOWN.indexOf(x) - SHOWN.indexOf(y)).map((quantity) => `${quantityName(quantity)} ${valueText(quantity, b[quantity])}`)].join(" · ");

function badgeOf(b, full) {
  if (shownLevel(b) === "SILENT") return `○ was ${b.status.toLowerCase()}`;
  const lasting = full && full.health.since && !b.silent ? ` for ${duration((Date.now() - Date.parse(full.health.since)) / 1000)}` : "";
  return `${MARK[b.status]} ${b.status}${lasting}`;
}

function makeWorst() {
  const card = element("a", "worst");
  const parts = into(card, { badge: element("span", "badge"), name: element("strong"), reasons: element("span", "reasons"), values: element("span", "values") });
  const values = Object.fromEntries(SHOWN.map((key) => {
    const cell = element("span", "value");
    const made = into(cell, { name: element("small", "", NAMES[key]), text: element("b"), limit: element("small") });
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

  function fillCommon(parts, b, words) {
    setText(parts.name, b.id);
    parts.card.href = `/battery/${encodeURIComponent(b.id)}`;
    setText(parts.reasons, words);
  }

  // batteries: the first ones of those that need a person; total: how many batteries there are.
  return function fill(batteries, rows, total, thresholds) {
    const [first, ...rest] = batteries;
    worst.card.hidden = !first;
    none.hidden = Boolean(first);
    setText(none, `✓ Nothing needs attention: ${total === 1 ? "the battery is" : `all ${total.toLocaleString("en")} batteries are`} fine.`);
    if (first) {
      const level = shownLevel(first);
      const full = rows.get(first.id);
      fillCommon(worst, first, restOf(first, full));
      setClass(worst.card, `worst ${level}${first.silent ? " silent" : ""}`);
      setText(worst.badge, badgeOf(first, full));
      setClass(worst.badge, `badge ${level === "SILENT" ? "UNKNOWN" : first.status}`);
      for (const key of SHOWN) {
        setText(worst.values[key].text, valueText(key, first[key]));
        setClass(worst.values[key].text, levelOf(thresholds, key, first[key]));
        const reason = reasonOf(full, key);
        setText(worst.values[key].limit, reason ? limitShort(reason) : "");
        setAttribute(worst.values[key].limit, "title", reason ? reasonWords(reason, full) : null);
      }
    }
    next.forEach((parts, i) => {
      const b = rest[i];
      parts.card.hidden = !b;
      if (!b) return;
      fillCommon(parts, b, brokenOf(b));
      setClass(parts.dot, `level ${shownLevel(b)}`);
      setAttribute(parts.card, "title", parts.reasons.textContent);
    });
  };
}
