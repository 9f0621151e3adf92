// SPDX-License-Identifier: MIT
// shared/dom.js: elements, made once and filled often. Data goes into the document as text only.

function withAttributes(e, attributes) {
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  return e;
}

export const by = (id) => document.getElementById(id);

export function element(name, className = "", text = "", attributes = {}) {
  const e = document.createElement(name);
  if (className) e.className = className;
  e.textContent = text;
  return withAttributes(e, attributes);
}

// Such an element of SVG.
export function svgElement(name, attributes = {}) {
  return withAttributes(document.createElementNS("http://www.w3.org/2000/svg", name), attributes);
}

export function button(className, text, onClick, attributes = {}) {
  const e = element("button", className, text, { type: "button", ...attributes });
  e.addEventListener("click", onClick);
  return e;
}

// Append parts to an element; gives them back.
export function into(e, parts) {
  e.append(...Object.values(parts));
  return parts;
}

// What does not change is not touched, so that nothing is drawn or read aloud for it.
export function set(e, property, value) {
  if (e[property] !== value) e[property] = value;
}

export const setText = (e, text) => set(e, "textContent", text);
export const setClass = (e, className) => set(e, "className", className);

// null takes the attribute away.
export function setAttribute(e, name, value) {
  if (value === null) e.removeAttribute(name);
  else if (e.getAttribute(name) !== String(value)) e.setAttribute(name, value);
}
