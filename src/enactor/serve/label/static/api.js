// What the page asks of the server.

import { call } from "./server.js";

const query = (values) => new URLSearchParams(values).toString();

export const api = {
  session: () => call("api/session"),
  queue: (annotator, view, limit) => call(`api/queue?${query({ annotator, view, limit })}`),
  trace: (id, annotator) => call(`api/traces/${encodeURIComponent(id)}?${query({ annotator })}`),
  progress: (annotator) => call(`api/progress?${query({ annotator })}`),
  check: (trace, text, reply) => call("api/check", { trace, text, reply }),
  complete: (trace, line) => call("api/complete", { trace, line }),
  save: (label) => call("api/labels", label),
  undo: (annotator) => call("api/undo", { annotator }),
};
