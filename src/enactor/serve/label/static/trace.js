// One trace as elements: the request, why it is in the queue, the state, the calls with their results, the ledger.

import { el, said } from "./dom.js";

export const badge = (text, kind = text) => el("span.badge", { "data-kind": kind.replaceAll(" ", "-") }, text);

export function drawTrace(trace) {
  return [
    el("div.about", {}, badge(trace.outcome), said(trace.timestamp), trace.source ? said(`from ${trace.source}`) : null),
    el("section.request", {}, el("h1", {}, "Request"), said(trace.message || "(empty)", "blockquote")),
    trace.signs.length ? el("ul.signs", { "aria-label": "Why this one" }, trace.signs.map(sign)) : null,
    trace.history.length ? history(trace.history) : null,
    section("State", trace.state.length ? state(trace.state) : el("p.hint", {}, "Not recorded.")),
    section("Calls and results", trace.steps.length ? el("ol.steps", {}, trace.steps.map(step)) : el("p.hint", {}, "No call was made.")),
    section("Reply", said(trace.reply || "(none)", "p")),
    section("Ledger", ledger(trace)),
    trace.outputs.length ? details("What the model wrote", trace.outputs.map((text) => said(text, "pre"))) : null,
  ];
}

const section = (title, ...children) => el("section", {}, el("h2", {}, title), ...children);

const details = (title, ...children) => el("details", {}, el("summary", {}, title), ...children);

const sign = ({ name, text }) => el("li", {}, badge(name, "sign"), ` ${text}`);

const state = (rows) => el("dl.state", {}, rows.map(({ name, text, short }) => el("div", {}, el("dt", {}, name), el("dd", {}, short ? details(short, said(text)) : said(text)))));

const history = (turns) =>
  details(
    `${turns.filter((turn) => turn.role === "user").length} earlier requests`,
    el("ol.history", {}, turns.map((turn) => el("li", {}, el("b", {}, turn.role), said(turn.text, "p"), turn.calls.map((line) => said(line, "code"))))),
  );

function step({ written, lowered, origin, status, error, parse_error, result }) {
  return el(
    "li",
    {},
    el("div.call", {}, said(written, "code"), badge(origin), badge(status)),
    lowered && lowered !== written ? el("div.lowered", {}, "→ ", said(lowered, "code")) : null,
    parse_error ? el("p.problem", {}, said(parse_error)) : null,
    error ? el("p.problem", {}, said(error)) : null,
    details("Result", said(result, "pre")),
  );
}

function ledger({ outcome, model_outcome, evidence }) {
  return [
    el("p", {}, "Outcome ", badge(outcome), model_outcome === outcome ? null : [" after repair; the model alone ", badge(model_outcome)]),
    el("ul.evidence", {}, evidence.map((line) => el("li", {}, said(line, "code")))),
  ];
}

export function drawLabel(label) {
  const given = [
    label.rating === null ? null : `rating ${label.rating}`,
    label.fulfilled === null ? null : label.fulfilled ? "fulfilled" : "not fulfilled",
    ...label.tags,
  ].filter(Boolean);
  return el(
    "div.other",
    {},
    el("b", {}, said(label.annotator)),
    said(given.length ? ` ${given.join(" · ")}` : ""),
    label.calls === null ? null : said(label.calls || "no call", "pre"),
    label.reply ? said(label.reply, "p") : null,
    label.note ? said(label.note, "p") : null,
  );
}
