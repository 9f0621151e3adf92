// SPDX-License-Identifier: MIT
// battery/status.js: the status over the time shown, as a strip and in shares; and the statistics of that time.

import { element, into, setAttribute, setText } from "../shared/dom.js";
import { isNumber, timeText } from "../shared/values.js";
import { whatText } from "./alerts.js";
import { LISTED, textOf, titleOf } from "./panels.js";
import { statusOver, summaryOf } from "./series.js";

const WORDS = { NORMAL: "normal", WARNING: "warning", CRITICAL: "critical", "": "no data" };
const ROUNDING = 0.001; // of values in answers
const ORDER = ["CRITICAL", "WARNING", "NORMAL", ""];

const momentText = (s) => timeText(new Date(1000 * s).toISOString());

function shareText(share) {
  if (share === 1) return "100 %";
  if (share > 0 && share < 0.0005) return "< 0.1 %";
  return share < 1 && share >= 0.9995 ? "> 99.9 %" : `${(100 * share).toFixed(1)} %`;
}

export class StatusStrip {
  constructor(root) {
    root.classList.add("card");
    const parts = into(root, { title: element("h2", "", "Status"), track: element("div", "track"), shares: element("p", "shares") });
    Object.assign(this, parts, into(parts.track, { strip: element("div", "strip", "", { role: "img" }), marks: element("div", "", "", { "aria-hidden": "true" }) }));
  }

  draw({ points, from, until, thresholds, alerts }) {
    const spans = thresholds.length > 0 ? statusOver(points, thresholds, from, until) : [];
    const total = spans.reduce((sum, s) => sum + s.until - s.from, 0);
    const share = (level) => spans.filter((s) => s.level === level).reduce((sum, s) => sum + s.until - s.from, 0) / total;
    const place = (s) => `${(100 * (s - from)) / (until - from)}%`;
    const present = ORDER.filter((level) => share(level) > 0);
    const raised = alerts.map((alert) => [Date.parse(alert.raised_at) / 1000, alert]).filter(([s]) => s >= from && s <= until);
    const raisedText = `${raised.length} ${raised.length === 1 ? "alert" : "alerts"}`;
    this.shares.replaceChildren(...present.map((level) => element("span", `share ${level || "NONE"}`, `${WORDS[level]} ${shareText(share(level))}`)),
      ...(raised.length > 0 ? [element("span", "", `▼ ${raisedText}`)] : []));
    this.strip.replaceChildren(...spans.map((s) => {
      const part = element("span", `span ${s.level || "NONE"}`, "", { title: `${WORDS[s.level]}: ${momentText(s.from)} to ${momentText(s.until)}` });
      part.style.left = place(s.from);
      part.style.width = `${(100 * (s.until - s.from)) / (until - from)}%`;
      return part;
    }));
    this.marks.replaceChildren(...raised.map(([s, alert]) => {
      const mark = element("span", `raised ${alert.level}`, "▼", { title: `Alert, ${momentText(s)}: ${whatText(alert)}` });
      mark.style.left = place(s);
      return mark;
    }));
    const words = present.map((level) => `${WORDS[level]} ${shareText(share(level))}`).join(", ");
    setAttribute(this.strip, "aria-label", words ? `Status from ${momentText(from)} to ${momentText(until)}: ${words} of the time; ${raisedText} raised` : "No records in this time range");
  }
}

export class Statistics {
  constructor(root) {
    root.classList.add("card");
    const table = element("table");
    const head = element("thead");
    const row = element("tr");
    for (const name of ["", "Now", "Lowest", "Mean", "Highest"]) row.append(name ? element("th", "number", name, { scope: "col" }) : element("td"));
    head.append(row);
    this.body = element("tbody");
    this.drawn = {}; // quantity -> its summary
    this.rows = LISTED.map((quantity) => {
      const line = element("tr");
      line.append(element("th", "", titleOf(quantity), { scope: "row" }), ...[0, 1, 2, 3].map(() => element("td", "number")));
      this.body.append(line);
      return line;
    });
    table.append(element("caption", "unseen", "Values now, and over the time shown"), head, this.body);
    this.scroll = element("div", "scroll", "", { tabindex: "0", role: "region", "aria-label": "Statistics of the time range" });
    this.scroll.append(table);
    root.append(element("h2", "", "Statistics of this time range"), this.scroll);
  }

  // values: quantity -> number or null
  setNow(values) {
    LISTED.forEach((quantity, i) => setText(this.rows[i].children[1], textOf(quantity, values[quantity])));
  }

  // Whether what is drawn covers this row: a value now may not be below the lowest one.
  covers(b) {
    return LISTED.every((q) => !isNumber(b[q]) || !this.drawn[q] || (b[q] > this.drawn[q].min - ROUNDING && b[q] < this.drawn[q].max + ROUNDING));
  }

  draw({ points, from, until }) {
    LISTED.forEach((quantity, i) => {
      const s = summaryOf(points, quantity, from, until);
      this.drawn[quantity] = s;
      const values = s ? [s.min, s.mean, s.max] : [];
      [0, 1, 2].forEach((k) => setText(this.rows[i].children[k + 2], s ? textOf(quantity, values[k]) : "–"));
    });
  }
}
