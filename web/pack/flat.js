// SPDX-License-Identifier: MIT
// flat.js: the pack without 3D: the same cells, charge, temperature and direction, as a drawing.

import { setAttribute, svgElement } from "../shared/dom.js";
import { chargeColor, COLUMNS, heatColor, N_CELLS, UNKNOWN_COLOR } from "./look.js";

const STEP = { x: 58, y: 96 };
const CELL = { x: 40, y: 78, width: 44, height: 74 };
const INNER = CELL.height - 8;
const ARROWS = [0, 1, 2];

function makeCell(i) {
  const x = CELL.x + (i % COLUMNS) * STEP.x;
  const y = CELL.y + Math.floor(i / COLUMNS) * STEP.y - 30;
  const group = svgElement("g");
  const charge = svgElement("rect", { x: x + 4, width: CELL.width - 8, rx: 4 });
  group.append(
    svgElement("rect", { x: x + 14, y: y - 6, width: CELL.width - 28, height: 8, rx: 3, class: "cap" }),
    svgElement("rect", { x, y, width: CELL.width, height: CELL.height, rx: 8, class: "glass" }),
    charge,
  );
  return { group, charge, bottom: y + CELL.height - 4 };
}

/** Into an element; gives {show(look), dispose()}. onDraw({soc, cellColor}) is what scene.js calls onFrame. */
export function createFlat(place, { onDraw }) {
  const svg = svgElement("svg", { viewBox: "0 0 456 352", class: "flat", "aria-hidden": "true" });
  const tray = svgElement("rect", { x: 22, y: 26, width: 370, height: 304, rx: 20, class: "tray" });
  const plate = svgElement("rect", { x: 30, y: 34, width: 354, height: 288, rx: 14, class: "plate" });
  const cells = Array.from({ length: N_CELLS }, (_, i) => makeCell(i));
  const arrows = svgElement("g", { class: "arrows" });
  for (const i of ARROWS) arrows.append(svgElement("path", { d: `M${402 + 15 * i} 166 l10 12 l-10 12`, class: `arrow a${i}` }));
  svg.append(tray, plate, ...cells.map((c) => c.group), arrows);
  place.append(svg);

  return {
    show(look) {
      const isKnown = look.soc !== null;
      const cellColor = isKnown && !look.isStale ? chargeColor(look.soc) : UNKNOWN_COLOR;
      for (const { charge, bottom } of cells) {
        const height = isKnown ? (INNER * look.soc) / 100 : 0;
        setAttribute(charge, "height", height.toFixed(2));
        setAttribute(charge, "y", (bottom - height).toFixed(2));
        setAttribute(charge, "fill", cellColor);
      }
      setAttribute(plate, "fill", look.isStale ? UNKNOWN_COLOR : heatColor(look.temperature));
      setAttribute(tray, "class", `tray ${look.status}`);
      setAttribute(arrows, "class", `arrows ${look.speed > 0 ? look.flow : "idle"}`);
      // charging: they point into the pack
      setAttribute(arrows, "transform", look.flow === "charging" ? "rotate(180 422 178)" : null);
      onDraw({ soc: look.soc, cellColor });
    },
    dispose: () => svg.remove(),
  };
}
