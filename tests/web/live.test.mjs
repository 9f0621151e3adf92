// SPDX-License-Identifier: MIT
// shared/live.js without a browser, on a clock of its own: when a page asks again.

import assert from "node:assert/strict";
import { test } from "node:test";

import { connect } from "../../web/shared/live.js";

const TIMEOUT_MS = 15000; // of what is asked

// Timers that run when it is told how much time has passed.
class Clock {
  now = 1e12;
  jobs = new Set();

  at(ms, run, every = 0) {
    const job = { due: this.now + ms, run, every };
    this.jobs.add(job);
    return job;
  }

  async pass(ms) {
    for (const end = this.now + ms; this.now < end;) {
      this.now += 100;
      for (const job of [...this.jobs].filter((j) => j.due <= this.now)) {
        if (job.every) job.due += job.every;
        else this.jobs.delete(job);
        job.run();
      }
      for (let i = 0; i < 20; i++) await Promise.resolve(); // with all that follows
    }
  }
}

test("a server that has hung is asked again soon, one that is slow more seldom", async () => {
  const clock = new Clock();
  const realNow = Date.now;
  Date.now = () => clock.now;
  const stubs = {
    document: { hidden: false, addEventListener() {}, removeEventListener() {} },
    EventSource: class { readyState = 0; addEventListener() {} close() {} }, // never opens
    performance: { now: () => clock.now },
    setTimeout: (run, ms) => clock.at(ms, run),
    setInterval: (run, ms) => clock.at(ms, run, ms),
    clearTimeout: (job) => clock.jobs.delete(job),
    clearInterval: (job) => clock.jobs.delete(job),
  };
  const real = Object.keys(stubs).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]);
  for (const [name, value] of Object.entries(stubs)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });

  try {
    let [took_ms, answers, n] = [TIMEOUT_MS, false, 0];
    let state = "";
    const connection = connect({
      poll: () => new Promise((done, fail) => { n++; clock.at(took_ms, () => (answers ? done() : fail(new Error("no answer")))); }),
      onState: (name) => { state = name; },
    });
    await clock.pass(TIMEOUT_MS + 100);
    assert.equal(state, "away");
    [took_ms, answers] = [1000, true];
    await clock.pass(4000);
    assert.equal(state, "polling", "it is back within seconds, not after four times the time that it hung");

    [took_ms, n] = [5000, 0];
    await clock.pass(100000);
    assert.ok(n >= 3 && n <= 6, `a slow one is asked a fifth of the time: ${n}`);
    connection.close();
  } finally {
    Date.now = realNow;
    for (const [name, property] of real) {
      if (property) Object.defineProperty(globalThis, name, property);
      else delete globalThis[name];
    }
  }
});
