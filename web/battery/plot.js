// SPDX-License-Identifier: MIT
// battery/plot.js: one chart on a canvas, by uPlot: lines with bands, limits, gaps, a cursor that others can move.

import { isNumber, levelOf } from "../shared/values.js";
import { limitsOf, limitText, tickOf } from "./panels.js";

const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
const SMALL_FONT = FONT.replace("12px", "11px");
const LEFT_PX = 62;
const RIGHT_PX = 58;
const MIN_DRAG_PX = 8;
const LABEL_PX = 14;
const NEAR_PX = 10; // a point so near is read

// Labels of the time axis: where it steps by so many seconds, the label, and what stands below it where the day or year begins.
const TIME_LABELS = [
  [3600 * 24 * 365, "{YYYY}", null, null, null, null, null, null, 1],
  [3600 * 24 * 28, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [3600 * 24, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
  [1, ":{ss}", "\n{D} {MMM} {YYYY} {HH}:{mm}", null, "\n{D} {MMM} {HH}:{mm}", null, "\n{HH}:{mm}", null, 1],
  [0.001, ":{ss}.{fff}", "\n{D} {MMM} {YYYY} {HH}:{mm}", null, "\n{D} {MMM} {HH}:{mm}", null, "\n{HH}:{mm}", null, 1],
];

// ---- colours ------------------------------------------------------------------------------

let tokens = new Map();

// A colour of the style sheet, by its name there.
function color(name) {
  if (!tokens.has(name)) tokens.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return tokens.get(name);
}

const withAlpha = (hex, alpha) => hex + Math.round(255 * alpha).toString(16).padStart(2, "0");

// Calls back when light becomes dark or the other way.
export function watchColors(changed) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    tokens = new Map();
    changed();
  });
}

// Cold is a band of level NORMAL.
function colorOfValue(thresholds, quantity, value) {
  const level = levelOf(thresholds, quantity, value);
  const isCold = level === "NORMAL" && thresholds.some((t) => t.quantity === quantity && t.kind === "display" &&
    t.level === "NORMAL" && t.operator === "<" && value < t.limit);
  return color(isCold ? "--series-2" : `--${level || "SILENT"}-fill`);
}

// Each height in the colour of its value: bands with hard edges.
function graded(u, quantity, thresholds, alpha) {
  const { min, max } = u.scales[quantity];
  if (!isNumber(min) || !isNumber(max) || min >= max || u.bbox.height === 0) return "transparent";
  const edges = thresholds.filter((t) => t.quantity === quantity && t.limit > min && t.limit < max).map((t) => t.limit);
  const from = [max, ...edges.sort((a, b) => b - a)];
  const gradient = u.ctx.createLinearGradient(0, u.valToPos(max, quantity, true), 0, u.valToPos(min, quantity, true));
  from.forEach((high, i) => {
    const low = i + 1 < from.length ? from[i + 1] : min;
    const shade = withAlpha(colorOfValue(thresholds, quantity, (high + low) / 2), alpha);
    gradient.addColorStop((max - high) / (max - min), shade);
    gradient.addColorStop((max - low) / (max - min), shade);
  });
  return gradient;
}

// ---- the chart ----------------------------------------------------------------------------

// handlers: onCursor(index or null), onSelect(from, until), onReset()
export class Plot {
  constructor(uPlot, host, panel, handlers) {
    this.panel = panel;
    this.host = host;
    this.view = null;
    this.columns = []; // [quantity, "min" | "mean" | "max"] of each series
    this.u = new uPlot(this.options(uPlot, handlers), [[], ...this.columns.map(() => [])], host);
    const { over } = this.u; // uPlot itself has heard of the events by then
    over.addEventListener("mousemove", () => handlers.onCursor(this.indexOfCursor()));
    over.addEventListener("mouseleave", () => handlers.onCursor(null));
    over.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "touch") return;
      this.u.setCursor({ left: event.clientX - this.u.rect.left, top: 10 });
      handlers.onCursor(this.indexOfCursor());
    });
  }

  options(uPlot, handlers) {
    const { panel } = this;
    const series = [{}];
    const bands = [];
    const add = (quantity, part, options) => {
      this.columns.push([quantity, part]);
      series.push({ points: { show: false }, ...options });
      return series.length - 1;
    };
    if (panel.interval) {
      const [low, high] = panel.interval;
      const edge = { scale: panel.lines[0].quantity, stroke: () => withAlpha(color("--series-2"), 0.3), width: 1 };
      const from = add(low, "mean", edge);
      bands.push({ series: [add(high, "mean", edge), from], fill: () => withAlpha(color("--series-2"), 0.16) });
    }
    for (const line of panel.lines) {
      const paint = (alpha) => (u) => (!this.view ? "transparent" : line.color === "graded"
        ? graded(u, line.quantity, this.view.thresholds, alpha) : withAlpha(color(line.color), alpha));
      if (!line.isBandless) {
        const edge = { scale: line.quantity, stroke: "transparent", width: 0 };
        const low = add(line.quantity, "min", edge);
        bands.push({ series: [add(line.quantity, "max", edge), low], fill: paint(0.26) });
      }
      add(line.quantity, line.part || "mean", {
        scale: line.quantity, stroke: paint(1), width: 1.75, fill: line.isArea ? paint(0.14) : undefined,
        paths: line.isStepped ? uPlot.paths.stepped({ align: 1 }) : undefined,
        points: { size: 4, fill: paint(1), stroke: paint(1), show: undefined },
      });
    }
    const isEdge = (i) => i === 0 || series[i].width === 0;
    return {
      ...this.size(), series, bands, legend: { show: false }, padding: [10, panel.lines.length > 1 ? 0 : 22, 0, 0],
      tzDate: (s) => uPlot.tzDate(new Date(1000 * s), "Etc/UTC"),
      scales: this.scales(), axes: this.axes(uPlot),
      cursor: {
        y: false, drag: { x: true, y: false, setScale: false, dist: MIN_DRAG_PX },
        points: {
          size: (u, i) => (isEdge(i) ? 0 : 8), width: (u, i) => (isEdge(i) ? 0 : 2),
          stroke: () => color("--card"), fill: (u, i) => this.colorAt(i),
        },
        bind: { dblclick: () => () => handlers.onReset() },
      },
      hooks: {
        drawAxes: [() => this.drawGaps(), () => this.drawLimits()], // the data are drawn over them
        setSelect: [(u) => {
          const { left, width } = u.select;
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          if (width >= MIN_DRAG_PX) handlers.onSelect(u.posToVal(left, "x"), u.posToVal(left + width, "x"));
        }],
      },
    };
  }

  scales() {
    const scales = { x: { range: () => (this.view ? [this.view.from, this.view.until] : [0, 1]) } };
    for (const [quantity, range] of Object.entries(this.panel.range)) {
      scales[quantity] = {
        range: (u, low, high) => {
          const limits = this.view && this.panel.limits ? limitsOf(this.view.thresholds, this.panel.limits).map((t) => t.limit) : [];
          return isNumber(low) && isNumber(high) ? range(low, high, limits) : range(0, 1, []);
        },
      };
    }
    return scales;
  }

  axes() {
    const common = { stroke: () => color("--muted"), font: FONT, ticks: { show: false } };
    const grid = { stroke: () => color("--grid"), width: 1 };
    const y = (line) => ({
      ...common, scale: line.quantity, side: line.isRight ? 1 : 3, size: line.isRight ? RIGHT_PX : LEFT_PX, space: 34,
      grid: line.isRight ? { show: false } : grid, values: (u, splits) => splits.map((v) => tickOf(line.quantity, v)),
      ...(line.isStepped ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000] } : {}),
      ...(this.panel.lines.length > 1 ? { stroke: () => color(line.color) } : {}),
    });
    return [{ ...common, grid, size: 40, gap: 6, space: 64, values: TIME_LABELS }, ...this.panel.lines.map(y)];
  }

  size() {
    return { width: Math.max(200, this.host.clientWidth), height: Math.max(140, this.host.clientHeight) };
  }

  // The colour of the cursor's point on a line.
  colorAt(i) {
    const [quantity] = this.columns[i - 1];
    const line = this.panel.lines.find((l) => l.quantity === quantity);
    if (!line || !this.view) return color("--series-2");
    if (line.color !== "graded") return color(line.color);
    const value = this.view.points.values[quantity][line.part || "mean"][this.u.cursor.idx];
    return isNumber(value) ? colorOfValue(this.view.thresholds, quantity, value) : "transparent";
  }

  // Time without data is shaded, and named where there is room.
  drawGaps() {
    if (!this.view) return;
    const { ctx, bbox } = this.u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.font = this.scaled(SMALL_FONT);
    ctx.textAlign = "center";
    for (const [from, until] of this.view.gaps) {
      const left = Math.max(bbox.left, this.u.valToPos(from, "x", true));
      const right = Math.min(bbox.left + bbox.width, this.u.valToPos(until, "x", true));
      if (right - left < 1) continue;
      ctx.fillStyle = withAlpha(color("--track"), 0.55);
      ctx.fillRect(left, bbox.top, right - left, bbox.height);
      ctx.fillStyle = color("--muted");
      if (right - left > ctx.measureText("no data").width + 12) ctx.fillText("no data", (left + right) / 2, bbox.top + bbox.height / 2);
    }
    ctx.restore();
  }

  drawLimits() {
    if (!this.view || !this.panel.limits) return;
    const { ctx, bbox, scales } = this.u;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.font = this.scaled(SMALL_FONT);
    ctx.textAlign = "left";
    ctx.lineWidth = ratio;
    const limits = limitsOf(this.view.thresholds, this.panel.limits).filter(({ quantity, limit }) => limit >= scales[quantity].min && limit <= scales[quantity].max);
    const heights = limits.map((limit) => Math.round(this.u.valToPos(limit.limit, limit.quantity, true)));
    limits.forEach((limit, i) => {
      const y = heights[i];
      ctx.strokeStyle = color(`--${limit.level}`);
      ctx.setLineDash([5 * ratio, 4 * ratio]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    });
    const taken = heights.map((y) => ({ x: bbox.left, y, width: bbox.width, height: 1 }));
    limits.forEach((limit, i) => {
      ctx.fillStyle = color(`--${limit.level}`);
      this.drawLabel(limitText(limit), heights[i], taken);
    });
    ctx.restore();
  }

  // Above its line or below it, where no other line or label is: two texts on each other help nobody. On the left first, since
  // the newest data are on the right.
  drawLabel(text, y, taken) {
    const { ctx, bbox } = this.u;
    const ratio = devicePixelRatio;
    const width = ctx.measureText(text).width + 6 * ratio;
    const height = LABEL_PX * ratio;
    const lefts = [0, 0.5, 1].map((share) => bbox.left + 2 * ratio + share * (bbox.width - width - 4 * ratio));
    const places = lefts.flatMap((x) => [y - height, y + ratio].map((top) => ({ x, y: top, width, height })));
    const isInside = (p) => p.y > bbox.top && p.y + height < bbox.top + bbox.height && p.x + width < bbox.left + bbox.width;
    const isFree = (p, of) => !of.some((t) => p.x < t.x + t.width && t.x < p.x + p.width && p.y < t.y + t.height && t.y < p.y + p.height);
    const place = places.find((p) => isInside(p) && isFree(p, taken)) ||
      places.find((p) => isInside(p) && isFree(p, taken.filter((t) => t.height > 1))); // rather on a line than nowhere
    if (!place) return;
    taken.push(place);
    const { fillStyle } = ctx;
    ctx.fillStyle = withAlpha(color("--card"), 0.9);
    ctx.fillRect(place.x, place.y + ratio, width, height - 2 * ratio);
    ctx.fillStyle = fillStyle;
    ctx.fillText(text, place.x + 3 * ratio, place.y + height - 5 * ratio);
  }

  scaled(font) {
    return font.replace(/\d+/, (px) => `${px * devicePixelRatio}`);
  }

  // view: {points, from, until, gaps, thresholds}
  draw(view) {
    this.view = view;
    const { values, t } = view.points;
    const data = [t, ...this.columns.map(([quantity, part]) => values[quantity][part])];
    this.u.batch(() => this.u.setData(data)); // at once: the cursor is set by its scales
  }

  redraw() {
    this.u.redraw(true, true);
  }

  resize() {
    const size = this.size();
    if (size.width !== this.u.width || size.height !== this.u.height) this.u.setSize(size);
  }

  // The point at the cursor, null where there is none, as before the first record.
  indexOfCursor() {
    const { left, idx } = this.u.cursor;
    if (!(left >= 0) || !isNumber(idx)) return null;
    if (!this.view) return null;
    const { t, pause } = this.view.points;
    const near = Math.max(pause, this.u.posToVal(NEAR_PX, "x") - this.u.posToVal(0, "x"));
    return Math.abs(this.u.posToVal(left, "x") - t[idx]) <= near ? idx : null;
  }

  // Show the cursor at a point of the data, or nowhere.
  setCursor(index) {
    const isSomewhere = index !== null && this.view && index < this.view.points.t.length;
    this.u.setCursor(isSomewhere ? { left: this.u.valToPos(this.view.points.t[index], "x"), top: 10 } : { left: -10, top: -10 });
  }

  // Where a point of the data is, in px from the left of the host.
  leftOf(index) {
    return this.u.valToPos(this.view.points.t[index], "x") + this.u.over.offsetLeft;
  }
}
