// The server, as one function. A refusal is an `Error` with its message; a missing token asks for it once.

let login = null;

export function onLogin(ask) {
  login = ask;
}

/** A GET without a body, else a POST of JSON. Paths are relative to the page. */
export async function call(path, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer. Is `enactor` still running?");
  }
  if (answer.status === 401 && login && path !== "api/login") {
    await login();
    return call(path, body);
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.error || `The server said ${answer.status}.`);
  return told;
}
