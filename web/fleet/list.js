// SPDX-License-Identifier: MIT
// fleet/list.js: a list of any length of which only what is on the screen is in the document. Rows are keyed by id: a row
// that stays keeps its element, and so its focus.

import { element, into, setAttribute } from "../shared/dom.js";

const MARGIN_ROWS = 6; // above and below what is seen

// list({body, heights, makeRow, fillRow, makeHead, onWindow}):
//   heights()   {row, head} in pixels
//   makeRow()   {row, …}: the parts of a new row; fillRow(parts, id)
//   fillHead(e, group)
//   onWindow(ids)  those that are shown now
export function makeList({ body, heights, makeRow, fillRow, fillHead, onWindow }) {
  let items = []; // {id} or {group, count}
  let tops = [0];
  let current = null; // the id that the keyboard is at
  const shown = new Map(); // key -> parts
  const spare = [];

  const keyOf = (item) => (item.id !== undefined ? `#${item.id}` : item.group);

  function measure() {
    const { row, head } = heights();
    tops = [0];
    for (const item of items) tops.push(tops[tops.length - 1] + (item.id !== undefined ? row : head));
    body.style.height = `${tops[items.length]}px`;
  }

  const indexOf = (id) => items.findIndex((item) => item.id === id);

  // The item at a height.
  function at(y) {
    let low = 0;
    let high = items.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (tops[middle] <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  function make(item) {
    let parts;
    if (item.id !== undefined) {
      parts = spare.pop() || makeRow();
    } else {
      parts = { row: element("div", "group-head", "", { role: "row" }) };
      Object.assign(parts, into(parts.row, { cell: element("div", "", "", { role: "cell" }) }));
    }
    shown.set(keyOf(item), parts);
    return parts;
  }

  // isNew: what is known of the rows has changed; else only those are filled that come into view.
  function draw(isNew = true) {
    const top = -body.getBoundingClientRect().top;
    const { row } = heights();
    const first = Math.max(0, at(Math.max(0, top)) - MARGIN_ROWS);
    const last = Math.min(items.length - 1, at(Math.max(0, top + innerHeight)) + MARGIN_ROWS);
    const wanted = [];
    for (let i = first; i <= last; i++) wanted.push(i);

    // what has the focus stays, wherever it is
    const focusedId = body.contains(document.activeElement) ? document.activeElement.closest("[data-id]")?.dataset.id : undefined;
    const focused = focusedId === undefined ? -1 : indexOf(focusedId);
    if (focused >= 0 && focused < first) wanted.unshift(focused);
    if (focused > last) wanted.push(focused);
    const keys = new Set(wanted.map((i) => keyOf(items[i])));
    for (const [key, parts] of shown) {
      if (keys.has(key)) continue;
      parts.row.remove();
      if (key[0] === "#") spare.push(parts);
      shown.delete(key);
    }
    let next = body.firstChild;
    for (const i of wanted) {
      const known = shown.get(keyOf(items[i]));
      const parts = known || make(items[i]);
      if (parts.row === next) next = next.nextSibling;
      else body.insertBefore(parts.row, next);
      const transform = `translateY(${tops[i]}px)`;
      if (parts.transform !== transform) {
        parts.transform = transform;
        parts.row.style.transform = transform;
      }
      setAttribute(parts.row, "aria-rowindex", i + 2);
      if (known && !isNew) continue;
      if (items[i].id !== undefined) fillRow(parts, items[i].id);
      else fillHead(parts.cell, items[i]);
    }
    const ids = wanted.filter((i) => items[i].id !== undefined).map((i) => items[i].id);
    if (!ids.includes(current)) current = ids[0] ?? null;
    for (const id of ids) setAttribute(shown.get(`#${id}`).link, "tabindex", id === current ? 0 : -1);
    onWindow(ids, row);
  }

  // Redrawn once a frame at most.
  let frame = 0;
  let isNewAtFrame = false;
  function schedule(isNew = true) {
    isNewAtFrame = isNewAtFrame || isNew;
    frame = frame || requestAnimationFrame(() => {
      frame = 0;
      draw(isNewAtFrame);
      isNewAtFrame = false;
    });
  }

  function scrollTo(i, isFocused) {
    const { row, head } = heights();
    const y = body.getBoundingClientRect().top + tops[i];
    const covered = head + 44; // what is stuck to the top
    if (y < covered) window.scrollBy(0, y - covered);
    else if (y + row > innerHeight) window.scrollBy(0, y + row - innerHeight + 8);
    current = items[i].id;
    draw();
    if (isFocused) shown.get(`#${current}`).link.focus({ preventScroll: true });
  }

  body.addEventListener("keydown", (event) => {
    const id = event.target.closest("[data-id]")?.dataset.id;
    const from = id === undefined ? -1 : indexOf(id);
    if (from < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(innerHeight / heights().row) - 2);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -items.length, End: items.length }[event.key];
    if (!step) return;
    event.preventDefault();
    let to = Math.min(items.length - 1, Math.max(0, from + step));
    while (items[to] && items[to].id === undefined) to += step > 0 || to === 0 ? 1 : -1;
    if (items[to]) scrollTo(to, true);
  });
  addEventListener("scroll", () => schedule(false), { passive: true });
  addEventListener("resize", () => {
    measure();
    schedule();
  });

  return {
    draw: () => schedule(),
    drawNow: () => draw(),
    setItems(next) {
      items = next;
      measure();
      schedule();
    },
    // The first battery below the top of the window, and how to come back to it.
    topId() {
      const y = -body.getBoundingClientRect().top;
      if (y < 0) return null;
      let i = at(y + 46); // two pixels for rounding
      while (i < items.length && items[i].id === undefined) i++;
      return items[i] ? items[i].id : null;
    },
    goTo(id) {
      const i = indexOf(id);
      if (i < 0) return;
      window.scrollTo(0, window.scrollY + body.getBoundingClientRect().top + tops[i] - 44);
      current = id;
      schedule();
    },
    hasFocus: () => body.contains(document.activeElement),
  };
}
