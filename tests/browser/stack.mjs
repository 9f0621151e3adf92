// SPDX-License-Identifier: MIT
// stack.mjs: the tools beside a page, on free ports and a database of their own in a temporary folder.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const DEADLINE_MS = 60000; // of what must happen at all
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Wait until a function gives something true; gives that, and how long it took: [value, ms]. */
export async function until(what, check, deadlineMs = DEADLINE_MS, pauseMs = 100) {
  const start = performance.now();
  for (;;) {
    const value = await check();
    const ms = performance.now() - start;
    if (value) return [value, ms];
    if (ms > deadlineMs) throw new Error(`not within ${deadlineMs / 1000} s: ${what}`);
    await sleep(pauseMs);
  }
}

const WITHIN_MS = 2000;
const N_CHANGES = 10;
const N_ROUNDS = 3; // of which one has to do: the machine may be busy with something else

/** Changes come within 2 s (the median of ten) and each within the deadline: change(i) makes one and waits until it is there. */
export async function assertSoon(what, change) {
  for (let round = 0; ; round++) {
    const times = [];
    for (let i = 0; i < N_CHANGES; i++) {
      const [, ms] = await change(round * N_CHANGES + i);
      times.push(Math.round(ms));
      await sleep(50 + 90 * i); // in no step with anything that is asked for regularly
    }
    const median = [...times].sort((a, b) => a - b)[N_CHANGES / 2];
    console.log(`${what}: median ${median} ms of ${times.join(", ")}`);
    if (median < WITHIN_MS) return;
    assert.ok(round + 1 < N_ROUNDS, `${what}: within ${WITHIN_MS / 1000} s`);
  }
}

// The system picks one that is free.
const freePort = () => new Promise((done, fail) => {
  const server = createServer().on("error", fail).listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => done(port));
  });
});

/** A telemetry record with these values. */
export const record = (batteryId, seq, values = {}) => ({
  timestamp: new Date().toISOString(), battery_id: batteryId, soc: 50, soh: 95, voltage: 370, current: 0, temperature: 27, charge_cycles: 100,
  power_consumption: 0, is_charging: false, seq, ...values,
});

export class Stack {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), "evtwin-browser-"));
    this.store = `sqlite:${join(this.folder, "evtwin.db")}`;
    this.running = new Map();
    this.onExit = () => this.killAll();
    process.on("exit", this.onExit);
  }

  // It dies with this test, whatever ends it.
  start(tool, args) {
    const log = openSync(join(this.folder, `${tool}.log`), "a");
    const child = spawn("setpriv", ["--pdeathsig", "KILL", join(process.env.EVTWIN_TOOLS, tool), ...args], { stdio: ["pipe", log, log] });
    closeSync(log);
    child.stdin.on("error", () => {});
    this.running.set(tool, child);
    return child;
  }

  /** With a token where one is given. */
  async startServer(more = [], token = null) {
    this.port ??= await freePort();
    this.url = `http://127.0.0.1:${this.port}`;
    this.headers = token ? { Authorization: `Bearer ${token}` } : {};
    const args = ["--store", this.store, "--port", this.port, ...more];
    if (token) {
      const file = join(this.folder, "token");
      writeFileSync(file, `${token}\n`, { mode: 0o600 });
      args.push("--token-file", file);
    }
    const server = this.start("evtwin-serve", args.map(String));
    await until("the server answers", async () => {
      if (server.exitCode !== null) throw new Error(`evtwin-serve has ended: ${this.log("evtwin-serve")}`);
      return fetch(`${this.url}/api/thresholds`, { headers: this.headers }).then((r) => r.ok, () => false);
    });
  }

  /** The past, as fast as it can be made: a record every 2 s of so many seconds until now. */
  simulatePast(batteryId, seconds, more = []) {
    const start = new Date(Date.now() - 1000 * seconds).toISOString();
    const args = ["-q", "--battery-id", batteryId, "--speed", "max", "--interval", 2, "--duration", seconds, "--start", start, "--sink", this.store, ...more];
    const done = spawnSync(join(process.env.EVTWIN_TOOLS, "evtwin-sim"), args.map(String), { encoding: "utf8" });
    assert.equal(done.status, 0, done.stderr);
  }

  startSimulator(n, more = []) {
    this.start("evtwin-sim", ["-q", "--fleet", n, "--soh", "99:79", "--seed", 7, "--interval", 1, "--sink", this.store, ...more].map(String));
  }

  startPredictor(more = []) {
    this.start("evtwin-predict", ["-q", "--models", process.env.EVTWIN_MODELS, "--store", this.store, "--interval", "0.5", "--metrics-port", "0", ...more]);
  }

  /** Records of our own into the store. */
  feed(...records) {
    const tool = "evtwin-ingest";
    const child = this.running.get(tool) || this.start(tool, ["-q", "--source", "jsonl:-", "--sink", this.store]);
    child.stdin.write(records.map((r) => `${JSON.stringify(r)}\n`).join(""));
  }

  async signal(tool, number) {
    const child = this.running.get(tool);
    this.running.delete(tool);
    const gone = new Promise((done) => child.once("exit", done));
    child.kill(number);
    await gone;
  }

  kill(tool) {
    return this.signal(tool, "SIGKILL");
  }

  get(path) {
    return fetch(this.url + path, { headers: this.headers }).then((r) => r.json());
  }

  log(tool) {
    try {
      return readFileSync(join(this.folder, `${tool}.log`), "utf8");
    } catch {
      return "";
    }
  }

  killAll() {
    for (const child of this.running.values()) child.kill("SIGKILL");
    this.running.clear();
  }

  async stop() {
    await Promise.all([...this.running.keys()].map((tool) => this.kill(tool)));
    process.off("exit", this.onExit);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
