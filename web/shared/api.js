// SPDX-License-Identifier: MIT
// shared/api.js: questions to the server. An error says in words what is wrong.

const TIMEOUT_MS = 15000;

// code: the HTTP status, 0 where nothing answered. isAnswer: the server itself says so.
class ApiError extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
    this.isAnswer = code > 0;
  }
}

// One signal of two, where one may be absent.
function either(signal, timeout) {
  if (!signal) return timeout;
  if (AbortSignal.any) return AbortSignal.any([signal, timeout]);
  const both = new AbortController();
  for (const one of [signal, timeout]) {
    if (one.aborted) both.abort(one.reason);
    one.addEventListener("abort", () => both.abort(one.reason), { once: true });
  }
  return both.signal;
}

async function ask(path, options, signal) {
  let response;
  let answer;
  try {
    response = await fetch(path, { cache: "no-store", ...options, signal: either(signal, AbortSignal.timeout(TIMEOUT_MS)) });
    answer = await response.json();
  } catch (error) {
    if (signal && signal.aborted) throw error; // the caller has given it up itself
    if (response && error.name !== "TimeoutError") {
      throw new ApiError(`HTTP ${response.status}, and no answer in JSON`, response.status);
    }
    throw new ApiError(error.name === "TimeoutError" ? "the server does not answer in time" : "the server cannot be reached", 0);
  }
  if (response.status === 401) {
    if (!options.method) location.reload(); // the login comes in place of the page
    throw new ApiError("you need to log in", 401);
  }
  if (!response.ok || answer.status !== "success") {
    throw new ApiError(answer.message || `HTTP ${response.status}`, response.status);
  }
  return answer;
}

// The answer in its envelope; throws ApiError. An aborted signal throws what fetch throws.
export const getJson = (path, { signal } = {}) => ask(path, {}, signal);

export const postJson = (path, body, { signal } = {}) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }, signal);

// Where reading is open the page cannot become the login: go there, and come back.
export function logIn() {
  sessionStorage.setItem("after-login", location.href);
  location.assign("/login");
}

// The limits, asked for again after a minute: they are data of the store, and may change.
const THRESHOLDS_MS = 60000;
let thresholds = [];
let thresholdsMs = 0;

export async function getThresholds(options) {
  if (thresholdsMs === 0 || Date.now() - thresholdsMs > THRESHOLDS_MS) {
    thresholds = (await getJson("/api/thresholds", options)).thresholds;
    thresholdsMs = Date.now();
  }
  return thresholds;
}
