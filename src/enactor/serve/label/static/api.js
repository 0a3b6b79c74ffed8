// The server, as functions. A refusal is an `Error` with its message; a missing token asks for it once.

let login = null;

export function onLogin(ask) {
  login = ask;
}

async function call(path, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer. Is `enactor label` still running?");
  }
  if (answer.status === 401 && login && path !== "/api/login") {
    await login();
    return call(path, body);
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.error || `The server said ${answer.status}.`);
  return told;
}

const query = (values) => new URLSearchParams(values).toString();

export const api = {
  login: (token) => call("/api/login", { token }),
  session: () => call("/api/session"),
  queue: (annotator, view, limit) => call(`/api/queue?${query({ annotator, view, limit })}`),
  trace: (id, annotator) => call(`/api/traces/${encodeURIComponent(id)}?${query({ annotator })}`),
  progress: (annotator) => call(`/api/progress?${query({ annotator })}`),
  check: (trace, text, reply) => call("/api/check", { trace, text, reply }),
  complete: (trace, line) => call("/api/complete", { trace, line }),
  save: (label) => call("/api/labels", label),
  undo: (annotator) => call("/api/undo", { annotator }),
};
