// SPDX-License-Identifier: MIT
// battery/alerts.js: the alerts of this battery: the open ones, then the newest.

import { getJson, logIn, postJson } from "../shared/api.js";
import { button, element, into, setText } from "../shared/dom.js";
import { duration, isNumber, MARK, reasonWords, timeText } from "../shared/values.js";
import { textOf } from "./panels.js";

const MOST = 100;
const LISTED = 20;
const HOURS = 720;

const between = (from, until) => duration((Date.parse(until) - Date.parse(from)) / 1000);

const OTHERS = { silent: "no data came", no_predictions: "no predictions were made" };

// "charge 14.9 % below 15 %"
export function whatText(alert) {
  if (alert.kind !== "limit") return OTHERS[alert.kind] || alert.text;
  return reasonWords(`${alert.quantity} ${alert.value} ${alert.operator} ${alert.limit}`, null);
}

function stateText(alert) {
  if (alert.cleared_at) return `cleared after ${between(alert.raised_at, alert.cleared_at)}`;
  const open = `open for ${between(alert.raised_at, new Date().toISOString())}`;
  return alert.acknowledged_at ? `${open}, acknowledged${alert.acknowledged_by ? ` by ${alert.acknowledged_by}` : ""}` : open;
}

export class Alerts {
  // onAlerts(list) hears of what was loaded.
  constructor(root, batteryId, onAlerts) {
    root.classList.add("card");
    Object.assign(this, { batteryId, onAlerts });
    Object.assign(this, into(root, {
      title: element("h2", "", "Alerts"), refused: element("p", "", "", { role: "alert" }), list: element("ol", "alert-list"), message: element("p", "muted"),
    }));
    this.refused.hidden = true;
    setText(this.message, "Loading…");
  }

  async load(signal) {
    const query = new URLSearchParams({ battery_id: this.batteryId, hours: HOURS, limit: MOST });
    try {
      const answer = await getJson(`/api/alerts/history?${query}`, { signal });
      this.draw(answer.data);
      this.onAlerts(answer.data);
    } catch (error) {
      if (!signal || !signal.aborted) setText(this.message, `The alerts cannot be read: ${error.message}.`);
    }
  }

  draw(alerts) {
    setText(this.message, alerts.length === 0 ? "None in the last 30 days." : alerts.length > LISTED ? `The open and newest ${LISTED} of the last 30 days.` : "");
    const openFirst = [...alerts].sort((x, y) => Boolean(x.cleared_at) - Boolean(y.cleared_at));
    this.list.replaceChildren(...openFirst.slice(0, LISTED).map((alert) => this.item(alert)));
  }

  item(alert) {
    const item = element("li", alert.cleared_at ? "past" : "open");
    const what = whatText(alert);
    const worst = alert.kind === "limit" && isNumber(alert.worst) && alert.worst !== alert.value ? `, at worst ${textOf(alert.quantity, alert.worst)}` : "";
    item.append(
      element("span", `badge ${alert.cleared_at ? "UNKNOWN" : alert.level}`, `${MARK[alert.level] || "○"} ${alert.level.toLowerCase()}`),
      element("b", "", what.replace(/^./, (c) => c.toUpperCase()) + worst),
      element("span", "muted", `${timeText(alert.raised_at)} · ${stateText(alert)}`));
    if (!alert.cleared_at && !alert.acknowledged_at) {
      item.append(button("quiet", "Acknowledge", () => this.acknowledge(alert), { "aria-label": `Acknowledge: ${what}` }));
    }
    return item;
  }

  async acknowledge(alert) {
    try {
      await postJson("/api/alerts/acknowledge", { id: alert.id });
      this.refused.hidden = true;
      await this.load();
    } catch (error) { // above the list, where it is seen, and until it goes well
      this.refused.hidden = false;
      if (error.code === 401) this.refused.replaceChildren("Not acknowledged: this needs the token of the server. ", button("", "Log in", logIn));
      else setText(this.refused, `Not acknowledged: ${error.message}.`);
    }
  }
}
