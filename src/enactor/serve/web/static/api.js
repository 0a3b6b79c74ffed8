// What the page asks of the server. Everything that happens comes over `api/events` instead.

import { call } from "./server.js";

const query = (values) => new URLSearchParams(values).toString();

export const api = {
  session: () => call("api/session"),
  say: (message) => call("api/say", { message }),
  answer: (request, yes) => call("api/answer", { request, yes }),
  cancel: (request) => call("api/cancel", { request }),
  stop: () => call("api/stop", {}),
  model: (model) => call("api/model", { model }),
  speed: (speed) => call("api/speed", { speed }),
  atlas: (x, y, plane, radius) => call(`api/atlas?${query({ x, y, plane, radius })}`),
  log: () => call("api/log"),
  scenarios: () => call("api/scenarios"),
  start: (scenario) => call("api/scenario", { scenario }),
  rate: (trace, rating) => call("api/rate", { trace, rating }),
  check: (trace, text, reply) => call("api/check", { trace, text, reply }),
  complete: (trace, line) => call("api/complete", { trace, line }),
  correct: (trace, calls, reply) => call("api/correct", { trace, calls, reply }),
  compare: (message, a, b, blind) => call("api/compare", { message, a, b, blind }),
  vote: (comparison, choice) => call("api/vote", { comparison, choice }),
  reports: () => call("api/reports"),
};
