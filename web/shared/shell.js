// SPDX-License-Identifier: MIT
// shared/shell.js: what every page has around it: name, navigation, whether it is live, and what is wrong.

import { by, element, into, setAttribute, setClass, setText } from "./dom.js";
import { agoText, duration, factorText, isNumber } from "./values.js";

const NAVIGATION = [["/", "Fleet"], ["/api", "API"]];

function makeHeader(title, batteryId) {
  const header = by("shell");
  const brand = element("a", "brand", "", { href: "/", "aria-label": "evtwin" });
  into(brand, { icon: element("img", "", "", { src: "/favicon.svg", alt: "", width: 26, height: 26 }), name: element("span", "", "evtwin") });
  const heading = element("h1", "", title);
  const nav = element("nav", "", "", { "aria-label": "Pages" });
  const links = [...NAVIGATION];
  const here = batteryId ? `/battery/${batteryId}${location.pathname.endsWith("/3d") ? "/3d" : ""}` : location.pathname;
  if (batteryId) {
    const address = `/battery/${encodeURIComponent(batteryId)}`;
    links.splice(1, 0, [address, "Battery"], [`${address}/3d`, "3D"]);
  }
  for (const [address, name] of links) {
    const link = element("a", "", name, { href: address });
    if (decodeURIComponent(address) === here) link.setAttribute("aria-current", "page");
    nav.append(link);
  }
  const live = element("p", "live");
  const parts = into(live, { dot: element("span", "dot", "", { "aria-hidden": "true" }), text: element("span", "", "Connecting…"), factor: element("span", "factor") });
  header.append(brand, heading, nav, live);
  return { live, heading, ...parts };
}

// The header, and the places of messages under it. The page has <header id="shell"> and <main id="main">.
//   setState(state, ms, error)  as live.js reports it
//   setFlow({notice, factor, recordAge_s, predictionAge_s})  what flows: a notice says what does not
//   setTitle(text), banner(text), notice(text)
export function mountShell({ title, batteryId = null }) {
  document.title = `${title} · evtwin`;
  const header = makeHeader(title, batteryId);
  const messages = element("div", "messages");
  const { banner, notice } = into(messages, {
    banner: element("p", "banner", "", { role: "alert" }), notice: element("p", "notice", "", { role: "status" }),
  });
  banner.hidden = notice.hidden = true;
  by("shell").after(messages);
  let connection = { state: "connecting", ms: Infinity, error: null };
  let flow = null;

  function say(place, text) {
    place.hidden = !text;
    setText(place, text || "");
  }

  // Green only when telemetry and predictions flow, and this page hears of it.
  function liveText() {
    const { state, ms, error } = connection;
    if (state === "connecting") return ["", "Connecting…"];
    if (state === "away") return ["lost", error && error.isAnswer ? "No data" : "Not connected"];
    if (!flow || !isNumber(flow.recordAge_s)) return ["late", "No data yet"];
    if (flow.notice || !isNumber(flow.predictionAge_s)) return ["late", "Partly live"];
    return ["live", state === "polling" && ms > 10000 ? `Live ${duration(ms / 1000)} ago` : "Live"];
  }

  function draw() {
    const [level, text] = liveText();
    setClass(header.live, `live ${level && `is-${level}`}`);
    by("main").classList.toggle("away", connection.state === "away");
    notice.hidden = !notice.textContent || connection.state === "away";
    setText(header.text, text);
    setText(header.factor, flow ? factorText(flow.factor) && `simulated: ${factorText(flow.factor)}` : "");
    setAttribute(header.live, "title", flow ? `Last record ${agoText(flow.recordAge_s)}, last prediction ${agoText(flow.predictionAge_s)}` : null);
  }

  draw();
  return {
    setTitle(text) {
      setText(header.heading, text);
      document.title = `${text} · evtwin`;
    },
    setState(state, ms, error = null) {
      connection = { state, ms, error };
      if (state === "away") {
        const old = Number.isFinite(ms) ? ` The values below are ${duration(ms / 1000)} old.` : "";
        say(banner, error ? `${error.message[0].toUpperCase()}${error.message.slice(1)}.${old} Trying again…` : `The connection is lost.${old} Trying again…`);
      } else {
        say(banner, "");
      }
      draw();
    },
    setFlow(next) {
      flow = next;
      const text = next && next.notice;
      say(notice, text && `${text[0].toUpperCase()}${text.slice(1)}. Health and values shown are the last known.`);
      draw();
    },
    banner: (text) => say(banner, text),
    notice: (text) => say(notice, text),
  };
}

// What flows, of the summary of the list, or of a battery's row.
export const flowOfSummary = (s) => ({
  notice: s.notice, factor: s.time_factor, recordAge_s: s.last_record_age_s, predictionAge_s: s.last_prediction_age_s,
});
export const flowOfBattery = (b) => ({
  notice: b.health.notice, factor: b.health.time_factor, recordAge_s: b.health.record_age_s,
  predictionAge_s: b.prediction ? b.prediction.age_s : null,
});
