// SPDX-License-Identifier: MIT
// look.js: what a record looks like: the numbers that the 3D scene and the flat pack both draw.

export const N_CELLS = 18;
export const COLUMNS = 6;

// Charge as colour: red empty, green full. Lightness rises with it, so that it also reads without hue.
const CHARGE = [[0, "#e0262f"], [15, "#f2542f"], [32, "#f7a531"], [55, "#c8d63f"], [80, "#3fdd84"], [100, "#2ff0a0"]];

// Temperature in °C as colour: blue cold, green where batteries like it, amber warm, red hot.
const HEAT = [[0, "#3d8bff"], [20, "#2fb7d8"], [30, "#2fae86"], [42, "#e0a234"], [60, "#f0392f"]];

export const UNKNOWN_COLOR = "#5b6a74";

const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

const hex = (parts) => `#${parts.map((v) => Math.round(v).toString(16).padStart(2, "0")).join("")}`;

function onScale(stops, value) {
  if (!Number.isFinite(value)) return UNKNOWN_COLOR;
  const above = stops.findIndex(([at]) => value <= at);
  if (above === 0) return stops[0][1];
  if (above < 0) return stops[stops.length - 1][1];
  const [[from, a], [to, b]] = [stops[above - 1], stops[above]];
  const share = (value - from) / (to - from);
  const end = rgb(b);
  return hex(rgb(a).map((v, i) => v + share * (end[i] - v)));
}

export const chargeColor = (soc) => onScale(CHARGE, soc);
export const heatColor = (temperature) => onScale(HEAT, temperature);

// "charging", "discharging", "idle"; "unknown" where no current was measured.
export function flowOf(row) {
  if (row.is_charging === true || row.current < -0.05) return "charging";
  if (!Number.isFinite(row.current)) return "unknown";
  return row.current > 0.05 ? "discharging" : "idle";
}

// How fast energy moves, 0 to 1: 150 A, the strongest charge of a pack, is 1.
const FULL_CURRENT_A = 150;

function speedOf(row) {
  const flow = flowOf(row);
  if (flow !== "charging" && flow !== "discharging") return 0;
  return Math.max(0.08, Math.min(1, Math.abs(row.current || 0) / FULL_CURRENT_A));
}

/** What to draw of a row; isStale: nothing glows or moves. */
export function lookOf(row, isStale) {
  return {
    soc: Number.isFinite(row.soc) ? row.soc : null,
    temperature: Number.isFinite(row.temperature) ? row.temperature : null,
    flow: flowOf(row),
    speed: isStale ? 0 : speedOf(row),
    status: isStale ? "UNKNOWN" : row.health.status,
    isStale,
  };
}
