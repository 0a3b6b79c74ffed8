// What the keyboard does. Single keys hold outside of fields and can be switched off; Esc always stops.

const STORED = "enactor-web-single-keys";

export const KEYS = [
  ["Esc", "stop whatever runs (in a dialog: close it)"],
  ["/", "write a message"],
  ["↑ ↓", "in the message: earlier messages"],
  ["y, n", "answer the open question"],
  ["g, b", "rate the last request good, bad"],
  ["x", "fix the last request"],
  ["f", "let the map follow the player"],
  ["+, −", "zoom; arrows on the map move it"],
  ["1 – 4", "inventory, skills, worn, log"],
  ["s, c", "scenarios, compare two models"],
  ["?", "these keys"],
];

export const single = () => localStorage.getItem(STORED) !== "off";

export const setSingle = (on) => localStorage.setItem(STORED, on ? "on" : "off");

export function listen(actions, stop) {
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      event.preventDefault();
      stop();
      return;
    }
    if (event.target.closest?.("input, textarea, select")) return;
    const action = single() ? actions[event.key] : undefined;
    if (action) {
      event.preventDefault();
      action();
    }
  });
}
