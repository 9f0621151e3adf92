// SPDX-License-Identifier: MIT
// chart.js: one line over time as an SVG, with its range and span in words.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 280;
const HEIGHT = 84;
const PAD = 4;

function withAttributes(e, attributes) {
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  return e;
}

const node = (name, attributes) => withAttributes(document.createElementNS(SVG, name), attributes);

export function element(name, className = "", text = "", attributes = {}) {
  const e = document.createElement(name);
  if (className) e.className = className;
  e.textContent = text;
  return withAttributes(e, attributes);
}

// Append parts to an element; gives them back.
export function into(e, parts) {
  e.append(...Object.values(parts));
  return parts;
}

// "12 min", "3.4 h", "9 d"
export function duration(seconds) {
  const s = Math.max(0, seconds);
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 36 * 3600) return `${(s / 3600).toFixed(1)} h`;
  return `${Math.round(s / 86400)} d`;
}

// The path through the points; a missing value, or a pause much longer than usual, breaks the line.
function path(points, x, y) {
  const steps = points.slice(1).map((p, i) => p.t - points[i].t).sort((a, b) => a - b);
  const pause = 10 * (steps[steps.length >> 1] || Infinity);
  let d = "";
  let last = null;
  for (const p of points) {
    d += `${last === null || p.t - last > pause ? "M" : "L"}${x(p.t).toFixed(1)} ${y(p.v).toFixed(1)}`;
    last = p.t;
  }
  return d;
}

// A figure for points [{t: ms, v: number | null}], oldest first. minSpan keeps noise from looking big.
export function chart(title, unit, points, decimals, minSpan) {
  const figure = element("figure", "chart");
  const known = points.filter((p) => p.v !== null);
  const caption = element("figcaption", "", title);
  figure.append(caption);
  if (known.length < 2) {
    figure.append(element("p", "muted", known.length ? "One value so far." : "No values yet."));
    return figure;
  }

  let low = Infinity;
  let high = -Infinity;
  for (const p of known) {
    low = Math.min(low, p.v);
    high = Math.max(high, p.v);
  }
  const middle = (low + high) / 2;
  const half = Math.max(high - low, minSpan) / 2;
  const from = known[0].t;
  const span = Math.max(1, known[known.length - 1].t - from);
  const x = (t) => PAD + ((t - from) / span) * (WIDTH - 2 * PAD);
  const y = (v) => HEIGHT / 2 - ((v - middle) / half) * (HEIGHT / 2 - PAD);
  const show = (v) => `${v.toFixed(decimals)}${unit}`;

  const words = `${title}: ${show(low)} to ${show(high)} over ${duration(span / 1000)}`;
  const svg = node("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": words,
                            preserveAspectRatio: "none" });
  svg.append(node("path", { class: "grid", d: `M0 ${y(high)}H${WIDTH}M0 ${y(low)}H${WIDTH}` }));
  svg.append(node("path", { class: "line", d: path(known, x, y) }));
  caption.append(element("b", "", show(known[known.length - 1].v)));
  const scale = element("p", "scale");
  scale.append(element("span", "", `${duration(span / 1000)}`),
               element("span", "", `${show(low)} – ${show(high)}`));
  figure.append(svg, scale);
  return figure;
}
