// SPDX-License-Identifier: MIT
// shared/live.js: live rows by server-sent events; by polling while the stream cannot be had.

import { getJson } from "./api.js";

const POLL_MS = 2000;
const PATIENCE_MS = 10000; // without the stream for so long: poll
const RETRY_MS = 30000; // how often a stream that was given up is tried again
const SILENCE_MS = 40000; // without an event: the stream is opened anew
const STREAM_EVENTS = ["row", "summary", "alert", "reset"];

// connect({batteryId, types, poll, pollMs, isAlwaysPolled, onRow, onSummary, onAlert, onReset, onState})
//   -> {close(), refresh()}
//   batteryId  absent = all batteries
//   types      of events, with commas between them; absent = all
//   poll       async (signal): asks for what the page shows; as default the battery's latest row, or the whole list
//   pollMs     how often; isAlwaysPolled: also beside the stream, for what no event tells
//   onState    ("live" | "polling" | "away", ms since the last good answer or event, error or null)
// Nothing is asked for while the page is hidden.
export function connect(options) {
  const { batteryId, pollMs = POLL_MS } = options;
  const call = (name, ...values) => options[name] && options[name](...values);
  const query = batteryId ? `?battery_id=${encodeURIComponent(batteryId)}` : "";
  const streamQuery = options.types ? `?types=${options.types}` : query;
  const gone = new AbortController();
  let source = null;
  let lastGoodMs = 0;
  let lastEventMs = 0;
  let sinceMs = Date.now(); // without the stream since then
  let triedMs = Date.now();
  let pollTimer = 0;
  let isAsking = false;
  let isFilled = false; // there are first values, to which the stream adds
  let state = "";
  let problem = null; // why it is away

  function setState(next, error = null) {
    state = next;
    problem = error;
    call("onState", next, lastGoodMs === 0 ? Infinity : Date.now() - lastGoodMs, error);
  }

  async function pollDefault(signal) {
    if (batteryId) {
      call("onRow", (await getJson(`/api/battery/latest${query}`, { signal })).data);
      return;
    }
    const answer = await getJson("/api/batteries/list", { signal });
    for (const b of answer.batteries) call("onRow", b);
    call("onSummary", answer.summary);
  }

  const isStreaming = () => source !== null && source.readyState === EventSource.OPEN;
  // The first values come by polling, and so do all while the stream is away for longer; one that is quiet may have nothing
  // to tell of a battery that is silent, or of a store that cannot be read.
  const mustPoll = () => !isFilled || options.isAlwaysPolled || state !== "live" ||
    Date.now() - (isStreaming() ? lastEventMs : sinceMs) > PATIENCE_MS;

  async function poll() {
    clearTimeout(pollTimer);
    if (isAsking || gone.signal.aborted || document.hidden) return;
    const start = performance.now();
    let took = 0;
    if (mustPoll()) {
      isAsking = true;
      try {
        await (options.poll || pollDefault)(gone.signal);
        took = performance.now() - start;
        lastGoodMs = Date.now();
        isFilled = true;
        setState(isStreaming() ? "live" : "polling");
      } catch (error) {
        if (gone.signal.aborted) return;
        setState("away", error);
      } finally {
        isAsking = false;
      }
    }
    // What takes long is asked less often, so that the page never takes most of a core; a server that did not answer may do so again soon.
    pollTimer = setTimeout(poll, Math.max(pollMs, 4 * took));
  }

  function lose() {
    if (source) source.close();
    source = null;
    sinceMs = Date.now();
  }

  function take(event) {
    lastGoodMs = lastEventMs = Date.now();
    let data;
    try {
      data = JSON.parse(event.data);
    } catch {
      return;
    }
    const handler = { row: "onRow", summary: "onSummary", alert: "onAlert", reset: "onReset" }[event.type];
    call(handler, data);
  }

  function open() {
    if (source || gone.signal.aborted || document.hidden) return;
    triedMs = Date.now();
    source = new EventSource(`/api/stream${streamQuery}`);
    source.addEventListener("open", () => {
      lastEventMs = Date.now();
      if (problem && problem.isAnswer) return; // an open stream is no answer to what the server refuses: goes on asking
      lastGoodMs = lastEventMs;
      setState("live");
    });
    source.addEventListener("error", () => {
      if (state === "live") sinceMs = Date.now();
      if (source && source.readyState === EventSource.CLOSED) lose(); // refused, e.g. by a server that has no stream
      if (state === "live") setState("away");
      poll();
    });
    for (const type of STREAM_EVENTS) source.addEventListener(type, take);
  }

  function tick() {
    if (document.hidden) return;
    if (isStreaming()) {
      if (Date.now() - lastEventMs > SILENCE_MS) { // nothing to tell, or a connection that nobody has closed
        lastEventMs = Date.now();
        lose();
        open();
      }
      setState(state, problem);
    } else if (!source && Date.now() - triedMs > RETRY_MS) {
      open();
    } else if (state) {
      setState(state, problem);
    }
  }

  function onVisibility() {
    if (document.hidden) {
      clearTimeout(pollTimer);
      lose();
    } else {
      call("onReset", { reason: "the page was hidden" });
      open();
      poll();
    }
  }

  document.addEventListener("visibilitychange", onVisibility);
  const ticker = setInterval(tick, 1000);
  open();
  poll();
  return {
    refresh: poll,
    close() {
      gone.abort();
      lose();
      clearTimeout(pollTimer);
      clearInterval(ticker);
      document.removeEventListener("visibilitychange", onVisibility);
    },
  };
}
