// SPDX-License-Identifier: MIT
// battery/tools.js: which time is shown, and what can be taken away of it.

import { button, element, into, setAttribute, setText } from "../shared/dom.js";
import { duration, timeText } from "../shared/values.js";
import { isLive, isoTime, RANGES, spanOf } from "./address.js";

const RANGE_NAMES = { "15m": "15 minutes", "1h": "1 hour", "24h": "24 hours", "7d": "7 days", "30d": "30 days" };

// handlers: onRange(range), onStep(-1 | 1), onZoom(factor), onReset()
export class Tools {
  constructor(root, batteryId, handlers) {
    this.batteryId = batteryId;
    setAttribute(root, "aria-label", "Time shown, and export");
    const ranges = element("div", "group", "", { role: "group", "aria-label": "Show the last" });
    this.ranges = Object.keys(RANGES).map((range) => {
      const b = button("", range === "15m" ? "15 min" : range.replace(/\D/, " $&"), () => handlers.onRange(range), { title: `Last ${RANGE_NAMES[range]}`, "data-range": range });
      ranges.append(b);
      return b;
    });
    const moves = element("div", "group", "", { role: "group", "aria-label": "Move and zoom" });
    for (const [text, label, act] of [
      ["←", "Earlier", () => handlers.onStep(-1)], ["−", "Zoom out", () => handlers.onZoom(2)],
      ["+", "Zoom in", () => handlers.onZoom(0.5)], ["→", "Later", () => handlers.onStep(1)],
    ]) {
      const b = button("icon", text, act, { "aria-label": label, title: label });
      moves.append(b);
      if (label === "Later") this.later = b;
    }
    this.reset = button("", "Back to live", handlers.onReset);
    const exports = element("p", "exports");
    Object.assign(this, into(root, { rangesGroup: ranges, moves, reset: this.reset, period: element("p", "period", "", { role: "status" }), exports }));
    exports.append("Export ");
    Object.assign(this, into(exports, {
      csv: element("a", "", "CSV", { download: `${batteryId}.csv` }), jsonl: element("a", "", "JSON lines", { download: `${batteryId}.jsonl` }),
    }));
    this.csv.after(" · ");
  }

  draw(time, now) {
    const live = isLive(time);
    for (const b of this.ranges) setAttribute(b, "aria-pressed", String(live && b.dataset.range === time.range));
    this.reset.hidden = live;
    this.later.disabled = live;
    const [from, until] = spanOf(time, now);
    const moment = (s) => timeText(isoTime(s)).replace(" UTC", "");
    setText(this.period, live ? `Last ${RANGE_NAMES[time.range]}, following. Times are UTC.` : `${moment(from)} to ${moment(until)} UTC (${duration(until - from)})`);
    const span = live ? { hours: RANGES[time.range] } : { from: isoTime(from), until: isoTime(until) };
    for (const [link, format] of [[this.csv, "csv"], [this.jsonl, "jsonl"]]) {
      setAttribute(link, "href", `/api/battery/export?${new URLSearchParams({ battery_id: this.batteryId, ...span, format })}`);
    }
  }
}
