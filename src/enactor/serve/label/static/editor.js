// The field for the right calls: judged while it is typed, with completion of verbs, tools and names.

import { api } from "./api.js";
import { $, el, fill, said } from "./dom.js";

const PAUSE = 120; // ms after the last key before the server is asked

export class Editor {
  /** `changed(result)` is called with each judgement: its lines and the row that they would give. */
  constructor(changed) {
    this.field = $("calls");
    this.list = $("options");
    this.changed = changed;
    this.trace = null;
    this.options = [];
    this.at = -1;
    this.asked = 0;
    this.field.addEventListener("input", () => this.typed());
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.field.addEventListener("blur", () => this.close());
    $("reply").addEventListener("input", () => this.later(() => this.judge()));
  }

  open(trace, text) {
    this.trace = trace;
    this.field.value = text;
    this.close();
    this.grow();
    return this.judge();
  }

  get text() {
    return this.field.value.trim();
  }

  typed() {
    this.grow();
    this.later(() => Promise.all([this.judge(), this.suggest()]));
  }

  later(ask) {
    clearTimeout(this.timer);
    this.timer = setTimeout(ask, PAUSE);
  }

  grow() {
    this.field.rows = Math.min(12, Math.max(2, this.field.value.split("\n").length + 1));
  }

  async judge() {
    const trace = this.trace;
    const asked = ++this.asked;
    try {
      const result = await api.check(trace, this.field.value, $("reply").value);
      if (asked !== this.asked || trace !== this.trace) return;
      fill($("lines"), result.lines.map((line, i) => this.line(line, i)));
      this.field.setAttribute("aria-invalid", String(result.lines.some((line) => !line.ok)));
      this.changed(result);
    } catch (error) {
      fill($("lines"), el("li.bad", {}, error.message));
    }
  }

  line({ text, ok, error, nearest, candidates, lowered, warning, notes }, place) {
    if (!ok) {
      const offers = nearest ? [nearest] : [];
      return el("li.bad", {}, el("b", {}, "✗ "), said(error), offers.map((offer) => this.offer(place, offer)), this.names(candidates, nearest));
    }
    if (warning) return el("li.doubtful", {}, el("b", {}, "! "), said(warning));
    const told = [lowered && lowered !== text ? el("span", {}, "→ ", said(lowered, "code")) : "valid", ...notes.map((note) => ` (${note})`)];
    return el("li.good", {}, el("b", {}, "✓ "), told);
  }

  names(candidates, nearest) {
    const others = candidates.filter((name) => !nearest.startsWith(name));
    return others.length ? el("span.hint", {}, ` also ${others.join(", ")}`) : null;
  }

  offer(place, text) {
    const usable = !text.includes("<");
    if (!usable) return el("span", {}, " ", said(text, "code"));
    return el("button.offer", { type: "button", title: "Take the nearest valid form (Alt+N)", onclick: () => this.replace(place, text) }, said(text, "code"));
  }

  /** Put `text` in the place of the how-manieth line that is not blank. */
  replace(place, text) {
    const lines = this.field.value.split("\n");
    const index = lines.map((line, i) => (line.trim() ? i : -1)).filter((i) => i >= 0)[place];
    lines[index] = text;
    this.field.value = lines.join("\n");
    this.field.focus();
    this.typed();
  }

  async suggest() {
    const end = this.field.selectionStart;
    if (document.activeElement !== this.field || end !== this.field.selectionEnd) return this.close();
    const start = this.field.value.lastIndexOf("\n", end - 1) + 1;
    const line = this.field.value.slice(start, end);
    const rest = this.field.value.slice(end).split("\n", 1)[0];
    if (!line.trim() || rest.trim()) return this.close();
    const found = await api.complete(this.trace, line).catch(() => null);
    if (!found || this.field.selectionStart !== end) return;
    const word = line.slice(found.start);
    const options = found.options.filter((option) => option.text !== word);
    this.from = start + found.start;
    this.show(options, found.usage);
  }

  show(options, usage) {
    this.options = options;
    this.at = -1;
    if (!options.length) return this.close();
    fill(
      this.list,
      usage ? el("li.usage", { role: "presentation" }, said(usage, "code")) : null,
      options.map((option, i) =>
        el(
          "li",
          { role: "option", id: `option-${i}`, "aria-selected": "false", onmousedown: (event) => event.preventDefault(), onclick: () => this.take(i) },
          said(option.text, "code"),
          el("span", {}, option.detail),
        ),
      ),
    );
    this.list.hidden = false;
    this.field.setAttribute("aria-expanded", "true");
  }

  close() {
    this.list.hidden = true;
    this.options = [];
    this.at = -1;
    this.field.setAttribute("aria-expanded", "false");
    this.field.removeAttribute("aria-activedescendant");
  }

  mark(step) {
    this.at = (this.at + step + this.options.length + (this.at < 0 && step < 0 ? 1 : 0)) % this.options.length;
    for (const [i, option] of [...this.list.querySelectorAll("[role=option]")].entries()) {
      option.setAttribute("aria-selected", String(i === this.at));
      if (i === this.at) option.scrollIntoView({ block: "nearest" });
    }
    this.field.setAttribute("aria-activedescendant", `option-${this.at}`);
  }

  take(place) {
    const end = this.field.selectionStart;
    const text = `${this.options[place].text} `;
    this.field.setRangeText(text, this.from, end, "end");
    this.close();
    this.field.focus();
    this.typed();
  }

  key(event) {
    if (event.key === "n" && event.altKey) {
      event.preventDefault();
      $("lines").querySelector(".offer")?.click();
      return;
    }
    if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      this.suggest();
      return;
    }
    if (!this.options.length) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.mark(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Tab" || (event.key === "Enter" && this.at >= 0 && !event.ctrlKey && !event.metaKey)) {
      event.preventDefault();
      event.stopPropagation();
      this.take(Math.max(this.at, 0));
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      this.close();
    }
  }
}
