// What the keyboard does. Single keys hold outside of fields and can be switched off.

const STORED = "enactor-label-single-keys";

export const KEYS = [
  ["1 – 5", "rate"],
  ["y, n", "fulfilled, not fulfilled"],
  ["e", "correct the calls"],
  ["Tab, ↑ ↓", "in the calls: take a completion"],
  ["Alt+N", "in the calls: take the nearest valid form"],
  ["Ctrl+Space", "in the calls: ask for completions"],
  ["r, t, m", "right reply, tags, note"],
  ["Enter", "save and go on (in a field: Ctrl+Enter)"],
  ["j, k", "next, previous"],
  ["u", "undo the last label"],
  ["v", "next view of the queue"],
  ["g, ?", "agreement, these keys"],
  ["Esc", "leave a field"],
];

export const single = () => localStorage.getItem(STORED) !== "off";

export const setSingle = (on) => localStorage.setItem(STORED, on ? "on" : "off");

/** `actions` maps a key to a function; `save` is Enter. */
export function listen(actions, save) {
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    const field = event.target.closest?.("textarea, input[type=text]");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      save();
      return;
    }
    if (field) {
      if (event.key === "Escape") field.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && !event.target.closest("button, a, summary")) {
      event.preventDefault();
      save();
      return;
    }
    const action = single() ? actions[event.key] : undefined;
    if (action) {
      event.preventDefault();
      action();
    }
  });
}
