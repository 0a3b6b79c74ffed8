// A question in a dialog, and the token that a page elsewhere than on loopback asks for.

import { $ } from "./dom.js";
import { call } from "./server.js";

/** A question with one answer, in a dialog that cannot be left without. */
export function ask(title, why, type, value = "") {
  const dialog = $("ask");
  $("ask-title").textContent = title;
  $("ask-why").textContent = why;
  const field = $("ask-value");
  field.type = type;
  field.value = value;
  field.setAttribute("aria-label", title);
  dialog.oncancel = (event) => event.preventDefault();
  dialog.showModal();
  field.focus();
  return new Promise((done) => {
    dialog.onclose = () => done(field.value.trim());
  });
}

/** The token comes behind the # of the address, or is asked for; it leaves the address at once. */
export async function login() {
  let token = new URLSearchParams(location.hash.slice(1)).get("token");
  history.replaceState(null, "", location.pathname);
  let why = "It was shown when the page was started.";
  for (;;) {
    token ||= await ask("Token", why, "password");
    try {
      await call("api/login", { token });
      return;
    } catch (error) {
      why = error.message;
      token = null;
    }
  }
}
