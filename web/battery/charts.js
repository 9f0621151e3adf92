// SPDX-License-Identifier: MIT
// battery/charts.js: the panels with the charts: their values in words, the cursor of all of them, keys, tables.

import { button, element, into, set, setAttribute, setText } from "../shared/dom.js";
import { isNumber, timeText } from "../shared/values.js";
import { PANELS, textOf } from "./panels.js";
import { Plot, watchColors } from "./plot.js";
import { summaryOf } from "./series.js";

const TABLE_ROWS = 60;
const NEAR_SCREEN = "600px";

const LEGEND = "Line: mean. Band: lowest to highest. Dashed: limits. Grey: no data. Drag to zoom, double-click for live; arrow keys read values.";

const momentText = (s) => timeText(new Date(1000 * s).toISOString());

// "390.2 V · 69.6 A": the values of a panel at a point; null where nothing is known.
function valuesAt(panel, points, index) {
  const texts = panel.lines.map((line) => {
    const value = points.values[line.quantity][line.part || "mean"][index];
    return isNumber(value) ? textOf(line.quantity, value) : null;
  });
  return texts.some((text) => text !== null) ? texts.map((text) => text || "unknown").join(" · ") : null;
}

// What lies around the mean of a point, where it stands for several rows.
function spreadAt(panel, points, index) {
  const parts = [];
  for (const line of panel.lines) {
    const { min, max } = points.values[line.quantity];
    if (points.n[index] > 1 && isNumber(min[index]) && max[index] > min[index]) {
      parts.push(`${textOf(line.quantity, min[index])} to ${textOf(line.quantity, max[index])}`);
    }
  }
  if (panel.interval) {
    const [low, high] = panel.interval.map((q) => points.values[q].mean[index]);
    if (isNumber(low) && isNumber(high)) parts.push(`interval ${textOf("rul_low", low)} to ${textOf("rul_high", high)}`);
  }
  return parts.join(" · ");
}

// What the band around the line is, where there is one that the model gives.
function intervalText(panel, points, from, until) {
  const isGiven = panel.interval && panel.interval.every((quantity) => summaryOf(points, quantity, from, until));
  return isGiven ? ". Shaded: 90 % prediction interval" : "";
}

class Panel {
  constructor(panel, handlers) {
    this.panel = panel;
    this.handlers = handlers;
    this.view = null;
    this.plot = null;
    this.uPlot = null;
    this.isNear = false; // to what can be seen
    this.isStale = false;
    this.root = element("figure", "panel");
    const head = element("figcaption");
    const parts = into(head, {
      title: element("h2", "", panel.title), value: element("span", "value"), when: element("span", "when"),
      toggle: button("quiet", "Table", () => this.showTable(this.table.hidden), { "aria-expanded": "false", "aria-label": `${panel.title} as a table` }),
    });
    Object.assign(this, parts);
    Object.assign(this, into(this.root, {
      head,
      host: element("div", "plot", "", { tabindex: "0", role: "group", "aria-roledescription": "chart", "aria-describedby": "keys", "aria-label": panel.title }),
      summary: element("p", "summary"),
      table: element("div", "values", "", { tabindex: "0", role: "region", "aria-label": `${panel.title}: values` }),
    }));
    this.tip = element("div", "tip");
    this.tip.hidden = true;
    this.table.hidden = true;
    this.host.addEventListener("keydown", (event) => handlers.onKey(event, this));
    this.host.addEventListener("blur", () => handlers.onCursor(null, this));
  }

  // Without the library there is the table, and the summary.
  setLibrary(uPlot) {
    this.uPlot = uPlot;
    this.host.hidden = uPlot === null;
    if (uPlot === null) this.showTable(true);
    this.draw();
  }

  setView(view) {
    this.view = view;
    this.isStale = true;
    this.draw();
  }

  setNear(isNear) {
    this.isNear = isNear;
    this.draw();
  }

  draw() {
    if (!this.view || !this.isNear || !this.isStale) return;
    this.isStale = false;
    if (this.uPlot && !this.plot) {
      this.plot = new Plot(this.uPlot, this.host, this.panel, {
        onCursor: (index) => this.handlers.onCursor(index, this),
        onSelect: this.handlers.onSelect,
        onReset: this.handlers.onReset,
      });
      this.host.append(this.tip);
    }
    if (this.plot) this.plot.draw(this.view);
    this.drawWords();
  }

  drawWords() {
    const { points, from, until } = this.view;
    const parts = this.panel.lines.map((line) => {
      const s = summaryOf(points, line.quantity, from, until);
      return s && (s.min === s.max ? `${textOf(line.quantity, s.min)} throughout`
        : `${textOf(line.quantity, s.min)} to ${textOf(line.quantity, s.max)}, mean ${textOf(line.quantity, s.mean)}`);
    });
    const known = parts.filter((part) => part);
    const text = known.length > 0 ? known.join(" · ") + intervalText(this.panel, points, from, until) : "No values in this time range.";
    setText(this.summary, text);
    setAttribute(this.host, "aria-label", `${this.panel.title}, ${momentText(from)} to ${momentText(until)}: ${text}`);
  }

  // Value and time in the head: at the cursor, or now.
  setReadout(value, when, isNow) {
    setText(this.value, value);
    setText(this.when, when);
    this.root.classList.toggle("reading", !isNow);
  }

  showTip(index) {
    const isShown = index !== null && this.plot !== null;
    set(this.tip, "hidden", !isShown);
    if (!isShown) return;
    const { points } = this.view;
    const lines = [momentText(points.t[index]), valuesAt(this.panel, points, index) || "no data", spreadAt(this.panel, points, index)];
    this.tip.replaceChildren(...lines.filter((line) => line).map((line, i) => element(i === 1 ? "b" : "span", "", line)));
    const left = this.plot.leftOf(index);
    const isRight = left > this.host.clientWidth / 2;
    this.tip.style.left = `${left + (isRight ? -12 : 12)}px`;
    this.tip.style.transform = isRight ? "translateX(-100%)" : "none";
  }

  wordsAt(index) {
    const { points } = this.view;
    const spread = spreadAt(this.panel, points, index);
    return `${valuesAt(this.panel, points, index) || "no data"} at ${momentText(points.t[index])}${spread ? `, ${spread}` : ""}`;
  }

  showTable(isShown) {
    this.table.hidden = !isShown;
    setAttribute(this.toggle, "aria-expanded", String(isShown));
    if (isShown) this.drawTable();
  }

  // At most so many rows, the newest first, each of as many points.
  drawTable() {
    if (!this.view || this.table.hidden) return;
    const { points, from, until } = this.view;
    const table = element("table");
    const head = element("tr");
    head.append(element("th", "", "Time (UTC)", { scope: "col" }));
    const many = this.panel.lines.length > 1;
    for (const line of this.panel.lines) {
      for (const part of ["lowest", "mean", "highest"]) head.append(element("th", "number", many ? `${line.quantity} ${part}` : part, { scope: "col" }));
    }
    const top = element("thead");
    const body = element("tbody");
    top.append(head);
    table.append(element("caption", "unseen", `${this.panel.title}, newest first`), top, body);
    const step = Math.max(1, Math.ceil(points.t.length / TABLE_ROWS));
    for (let last = points.t.length - 1; last >= 0; last -= step) {
      const first = Math.max(0, last - step + 1);
      if (points.t[last] < from || points.t[first] > until) continue;
      const row = element("tr");
      row.append(element("th", "", momentText(points.t[first]).replace(" UTC", ""), { scope: "row" }));
      for (const line of this.panel.lines) {
        const s = summaryOf(points, line.quantity, points.t[first], points.t[last]);
        for (const part of ["min", "mean", "max"]) row.append(element("td", "number", s ? textOf(line.quantity, s[part]) : "no data"));
      }
      body.append(row);
    }
    this.table.replaceChildren(table);
  }
}

// handlers: onSelect(from, until), onReset(), onStep(-1 | 1), onZoom(factor, moment), onSay(text)
export class Charts {
  constructor(root, handlers) {
    this.handlers = handlers;
    this.view = null;
    this.moment = null; // of the cursor, s
    this.active = null; // panel whose cursor the reader moves,
    this.isPointed = false; // by pointing, not by keys
    this.now = {};
    const onPanel = {
      onCursor: (index, panel) => this.moveCursor(index, panel, true),
      onSelect: handlers.onSelect, onReset: handlers.onReset,
      onKey: (event, panel) => this.press(event, panel),
    };
    this.panels = PANELS.map((panel) => new Panel(panel, onPanel));
    this.message = element("p", "notice wide");
    this.message.hidden = true;
    root.append(this.message, ...this.panels.map((panel) => panel.root), element("p", "legend wide muted", LEGEND));
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) this.panels.find((panel) => panel.root === entry.target).setNear(entry.isIntersecting);
    }, { rootMargin: NEAR_SCREEN });
    const sized = new ResizeObserver(() => {
      for (const panel of this.panels) if (panel.plot) panel.plot.resize();
    });
    sized.observe(root);
    for (const panel of this.panels) seen.observe(panel.root);
    watchColors(() => {
      for (const panel of this.panels) if (panel.plot) panel.plot.redraw();
    });
  }

  setLibrary(uPlot) {
    for (const panel of this.panels) panel.setLibrary(uPlot);
  }

  // What is wrong with all of them; "" for nothing.
  say(text) {
    this.message.hidden = !text;
    setText(this.message, text);
  }

  // view: {points, from, until, gaps, thresholds}
  draw(view) {
    this.view = view;
    for (const panel of this.panels) panel.setView(view);
    this.drawCursor();
  }

  drawTables() {
    for (const panel of this.panels) panel.drawTable();
  }

  // The values of now, quantity -> number or null, and how old they are.
  setNow(values, ageText) {
    this.now = { values, ageText };
    if (this.moment === null) this.drawReadouts(null);
  }

  // The point nearest to the cursor's moment: the data may have changed under it.
  indexOfCursor() {
    if (this.moment === null || !this.view || this.view.points.t.length === 0) return null;
    const { t } = this.view.points;
    let best = 0;
    for (let i = 1; i < t.length; i++) if (Math.abs(t[i] - this.moment) < Math.abs(t[best] - this.moment)) best = i;
    return best;
  }

  moveCursor(index, panel, isPointed) {
    if (index === null && this.active !== panel) return; // it has left another one
    this.active = index === null ? null : panel;
    this.isPointed = isPointed;
    this.moment = index === null ? null : this.view.points.t[index];
    this.drawCursor();
  }

  // A pointer stays where it is when the charts move on under it; a moment that was chosen by keys moves with them.
  drawCursor() {
    const pointed = this.active && this.isPointed && this.active.plot ? this.active.plot.indexOfCursor() : null;
    if (pointed !== null) this.moment = this.view.points.t[pointed];
    const index = this.indexOfCursor();
    for (const panel of this.panels) {
      if (panel.plot && (panel !== this.active || !this.isPointed)) panel.plot.setCursor(index);
      panel.showTip(panel === this.active ? index : null);
    }
    this.drawReadouts(index);
  }

  // The date only where more than a day is shown.
  shortMoment(s) {
    return momentText(s).slice(this.view.until - this.view.from > 90000 ? 5 : 11);
  }

  drawReadouts(index) {
    for (const panel of this.panels) {
      if (index !== null) {
        panel.setReadout(valuesAt(panel.panel, this.view.points, index) || "no data", this.shortMoment(this.view.points.t[index]), false);
      } else if (this.now.values) {
        const texts = panel.panel.lines.map((line) => textOf(line.quantity, this.now.values[line.quantity]));
        panel.setReadout(texts.every((text) => text === "unknown") ? "unknown" : texts.join(" · "), this.now.ageText, true);
      }
    }
  }

  press(event, panel) {
    if (event.ctrlKey || event.altKey || event.metaKey || !this.view) return;
    const { t } = this.view.points;
    const last = t.length - 1;
    const at = this.active === panel ? this.indexOfCursor() : null;
    const step = event.shiftKey ? 10 : 1;
    const moves = {
      ArrowLeft: () => (at === null ? last : Math.max(0, at - step)), ArrowRight: () => (at === null ? last : Math.min(last, at + step)),
      Home: () => 0, End: () => last,
    };
    const acts = {
      "+": () => this.handlers.onZoom(0.5, at === null ? undefined : t[at]), "-": () => this.handlers.onZoom(2, at === null ? undefined : t[at]),
      PageUp: () => this.handlers.onStep(-1), PageDown: () => this.handlers.onStep(1), 0: this.handlers.onReset,
      Escape: () => this.moveCursor(null, this.active),
    };
    acts["="] = acts["+"];
    if (moves[event.key] && last >= 0) {
      const index = moves[event.key]();
      this.moveCursor(index, panel, false);
      this.handlers.onSay(`${panel.panel.title}: ${panel.wordsAt(index)}`);
    } else if (acts[event.key]) {
      acts[event.key]();
    } else {
      return;
    }
    event.preventDefault();
  }
}
