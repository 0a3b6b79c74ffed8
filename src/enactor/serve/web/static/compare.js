// What two models would do with one request now, and the vote on which did better.

import { api } from "./api.js";
import { $, el, fill, said } from "./dom.js";
import { badge, detail, step } from "./turns.js";

export class Compare {
  constructor(toast) {
    this.toast = toast;
    this.id = null;
    $("compare-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.run();
    });
    for (const button of document.querySelectorAll("[data-vote]")) button.addEventListener("click", () => this.vote(button.dataset.vote));
    $("compare").addEventListener("keydown", (event) => this.key(event));
  }

  open(session, request) {
    for (const [id, chosen] of [["compare-a", session.models[0]], ["compare-b", session.models[1] ?? session.models[0]]]) {
      const kept = $(id).value || chosen;
      fill($(id), session.models.map((name) => el("option", { value: name, selected: name === kept }, name)));
    }
    if (request) $("compare-text").value = request;
    if (!$("compare").open) $("compare").showModal();
    $("compare-text").focus();
  }

  async run() {
    const form = $("compare-form");
    const button = form.querySelector("button");
    button.disabled = true;
    button.textContent = "Running …";
    $("compare-problem").textContent = "";
    $("votes").hidden = true;
    fill($("sides"));
    this.id = null;
    try {
      const done = await api.compare($("compare-text").value, $("compare-a").value, $("compare-b").value, $("blind").checked);
      this.id = done.comparison;
      this.sides = done.sides;
      this.draw(null);
      $("votes").hidden = false;
      $("votes").firstElementChild.focus();
    } catch (error) {
      $("compare-problem").textContent = error.message;
    } finally {
      button.disabled = false;
      button.textContent = "Run both";
    }
  }

  draw(winner) {
    fill($("sides"), ["first", "second"].map((name) => side(name, this.sides[name], winner)));
  }

  async vote(winner) {
    if (!this.id) return;
    const id = this.id;
    this.id = null; // one vote for a comparison
    try {
      const { models } = await api.vote(id, winner);
      for (const name of ["first", "second"]) this.sides[name].model = models[name];
      $("votes").hidden = true;
      this.draw(winner);
      this.toast("Your vote is kept.");
    } catch (error) {
      this.id = id;
      $("compare-problem").textContent = error.message;
    }
  }

  key(event) {
    if (!this.id || event.target.closest("input[type=text], select") || event.ctrlKey || event.metaKey || event.altKey) return;
    const winner = { ArrowLeft: "first", "=": "tie", ArrowRight: "second" }[event.key];
    if (!winner) return;
    event.preventDefault();
    event.stopPropagation();
    this.vote(winner);
  }
}

function side(name, { model, record, detail: found, error }, winner) {
  const title = `${name === "first" ? "Left" : "Right"}${model ? `: ${model}` : ""}`;
  const won = winner === name;
  if (error) return el("div.side", {}, el("h3", {}, said(title)), said(error, "p.problem"));
  return el(
    "div.side",
    { "data-side": name, "data-won": won },
    el("h3", {}, said(title), won ? [" ", badge("better", "ok")] : null),
    record.calls.length ? el("ul.steps", {}, record.calls.map((call, i) => step({ ...call, error: found?.steps[i]?.error }))) : el("p.hint", {}, "No call."),
    said(record.reply, "p.reply"),
    found ? el("div.foot", {}, badge(record.outcome), `${(record.latency_ms / 1000).toFixed(2)} s`) : null,
    found ? detail(found) : null,
  );
}
