// SPDX-License-Identifier: MIT
// fleet/strip.js: all batteries at once, a square each, the worst first; drawn on a canvas.

import { element, into, setText } from "../shared/dom.js";
import { levelOf, MARK, valueText } from "../shared/values.js";
import { GROUPS, shownLevel } from "./model.js";

const HEIGHT = 200;
const HEIGHT_NARROW = 100;
const LARGEST = 94;
const SMALLEST = 4;
const WITH_NAME = 30; // a square of that size has room for the end of its name
const WITH_VALUE = 58; // and this one for a value below it

const SIGN = { ...MARK, SILENT: "○" }; // colour alone does not tell

// What squares are coloured by.
export const COLOURS = {
  status: "Status", soc: "Charge", soh: "Health", rul_prediction: "RUL", failure_probability: "Failure risk", temperature: "Temperature",
};

// legend: a paragraph for what the colours mean, and how many batteries have each.
export function makeStrip({ box, legend, tip, onOpen }) {
  const canvas = element("canvas", "strip", "", { role: "img" });
  box.append(canvas);
  const tipParts = into(tip, { name: element("b"), text: element("span") });
  let batteries = [];
  let colour = "status";
  let thresholds = [];
  let places = []; // {x, y} of each battery
  let size = SMALLEST;
  let marked = null;

  const levelAt = (b) => (colour === "status" ? shownLevel(b) : levelOf(thresholds, colour, b[colour]) || "SILENT");

  // By status the risk, else the value that it is coloured by.
  function shortValue(b) {
    const quantity = colour === "status" ? "failure_probability" : colour;
    return `${colour === "status" && size > 80 ? "risk " : ""}${valueText(quantity, b[quantity]).replace(" cycles", "")}`;
  }

  // Squares of one size in rows from left to right.
  function layOut(width) {
    const most = width < 500 ? HEIGHT_NARROW : HEIGHT;
    const lay = (s) => {
      const gap = s > 12 ? 3 : 1;
      const perRow = Math.max(1, Math.floor((width + gap) / (s + gap)));
      return { gap, perRow, rows: Math.ceil(batteries.length / perRow) };
    };
    for (size = LARGEST; size > SMALLEST; size--) {
      const { gap, rows } = lay(size);
      if (rows * (size + gap) <= most) break;
    }
    const { gap, perRow, rows } = lay(size);
    places = batteries.map((b, i) => ({ x: (i % perRow) * (size + gap), y: Math.floor(i / perRow) * (size + gap) }));
    return Math.max(1, rows) * (size + gap);
  }

  function draw() {
    const width = box.clientWidth;
    if (width === 0) return;
    const height = layOut(width);
    const ratio = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.height = `${height}px`;
    }
    const style = getComputedStyle(document.documentElement);
    const colours = Object.fromEntries(["CRITICAL", "WARNING", "NORMAL", "SILENT"].map((level) => [level, style.getPropertyValue(`--${level}-fill`).trim()]));
    const ink = style.getPropertyValue("--on-fill").trim();
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.textAlign = "center";
    context.textBaseline = "middle";
    const fonts = { name: `600 ${size > 40 ? 14 : 11}px system-ui, sans-serif`, value: "12px system-ui, sans-serif" };
    batteries.forEach((b, i) => {
      const { x, y } = places[i];
      context.fillStyle = colours[levelAt(b)] || colours.SILENT;
      context.globalAlpha = b.silent ? 0.45 : 1;
      if (size > 12) {
        context.beginPath();
        context.roundRect(x, y, size, size, 5);
        context.fill();
      } else {
        context.fillRect(x, y, size, size);
      }
      context.globalAlpha = 1;
      if (size >= WITH_NAME) {
        const hasValue = size >= WITH_VALUE;
        context.fillStyle = ink;
        context.font = fonts.name;
        context.fillText(`${hasValue && colour === "status" ? `${SIGN[levelAt(b)]} ` : ""}${(/[^_\W]{1,4}$/.exec(b.id) || [b.id.slice(-4)])[0]}`, x + size / 2, y + size / 2 + (hasValue ? -8 : 0.5));
        context.font = fonts.value;
        if (hasValue) context.fillText(shortValue(b), x + size / 2, y + size / 2 + 10);
      }
    });
    if (marked !== null && places[marked]) {
      context.strokeStyle = style.getPropertyValue("--text");
      context.lineWidth = 2;
      context.strokeRect(places[marked].x - 0.5, places[marked].y - 0.5, size + 1, size + 1);
    }
    drawLegend();
    const counts = GROUPS.map((g) => `${batteries.filter((b) => b.group === g.key).length} ${g.title.toLowerCase()}`);
    const label = `All ${batteries.length} batteries by ${COLOURS[colour].toLowerCase()}: ${counts.join(", ")}. The list below has them all.`;
    if (canvas.getAttribute("aria-label") !== label) canvas.setAttribute("aria-label", label);
  }

  const levels = Object.fromEntries(Object.keys(SIGN).map((level) => {
    const entry = element("span");
    legend.append(entry);
    return [level, { entry, ...into(entry, { square: element("span", `level ${level}`, "", { "aria-hidden": "true" }), text: element("span") }) }];
  }));

  function drawLegend() {
    const counts = {};
    for (const b of batteries) counts[levelAt(b)] = (counts[levelAt(b)] || 0) + 1;
    for (const [level, { entry, text }] of Object.entries(levels)) {
      entry.hidden = !counts[level];
      const word = level !== "SILENT" ? level.toLowerCase() : colour === "status" ? "silent" : "unknown";
      setText(text, `${word} ${(counts[level] || 0).toLocaleString("en")}`);
    }
  }

  function find(event) {
    const { left, top } = canvas.getBoundingClientRect();
    const x = event.clientX - left;
    const y = event.clientY - top;
    const i = places.findIndex((p) => x >= p.x - 1 && x <= p.x + size && y >= p.y - 1 && y <= p.y + size);
    return i < 0 ? null : i;
  }

  function mark(i, event) {
    marked = i;
    tip.hidden = i === null;
    canvas.style.cursor = i === null ? "default" : "pointer";
    if (i !== null) {
      const b = batteries[i];
      setText(tipParts.name, b.id);
      const values = [b.silent ? "silent" : b.status.toLowerCase(), `charge ${valueText("soc", b.soc)}`, `health ${valueText("soh", b.soh)}`,
        `RUL ${valueText("rul_prediction", b.rul_prediction)}`, `risk ${valueText("failure_probability", b.failure_probability)}`,
        valueText("temperature", b.temperature)];
      setText(tipParts.text, values.join(" · "));
      const x = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
      tip.style.left = `${Math.max(8, x)}px`;
      tip.style.top = `${event.clientY + 18}px`;
    }
    draw();
  }

  canvas.addEventListener("pointermove", (event) => mark(find(event), event));
  canvas.addEventListener("pointerleave", () => mark(null));
  canvas.addEventListener("click", (event) => {
    const i = find(event);
    if (i !== null) onOpen(batteries[i].id, event);
  });
  new ResizeObserver(draw).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  return {
    set(next) {
      ({ batteries, colour, thresholds } = { batteries, colour, thresholds, ...next });
      if (marked !== null && marked >= batteries.length) marked = null;
      draw();
    },
    hide: () => mark(null),
  };
}
