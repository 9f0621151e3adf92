// SPDX-License-Identifier: MIT
// shared/vendor.js: libraries from npm, which a build without npm does not have.

// The module of a library, or null where this build has none of it.
async function load(name, path, stylesheet) {
  const { have } = await import("/vendor/have.js");
  if (!have.includes(name)) return null;
  if (stylesheet && !document.querySelector(`link[href="${stylesheet}"]`)) {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = stylesheet;
    document.head.prepend(link); // before ours, which then win
  }
  return import(path);
}

// The class uPlot, or null.
export async function loadCharts() {
  const module = await load("uplot", "/vendor/uplot/uPlot.esm.js", "/vendor/uplot/uPlot.min.css");
  return module && module.default;
}

// The namespace THREE, or null.
export const loadThree = () => load("three", "/vendor/three/three.module.min.js");

export const NO_CHARTS = "This build has no charts: when it was built, npm was missing or could not reach its registry.";
export const NO_THREE = "This build has no 3D view: when it was built, npm was missing or could not reach its registry.";
