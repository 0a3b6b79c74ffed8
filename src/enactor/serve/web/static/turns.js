// The conversation: what the server tells of each request, kept, and drawn as elements.

import { el, fill, said } from "./dom.js";

const KEPT = 200;

export const badge = (text, kind = text) => el("span.badge", { "data-kind": kind }, text.replaceAll("_", " "));

export class Turns {
  /** `actions`: answer(request, yes), cancel(request), rate(turn, rating), fix(turn). */
  constructor(list, actions) {
    this.list = list;
    this.actions = actions;
    this.turns = new Map();
  }

  clear() {
    this.turns.clear();
    fill(this.list);
  }

  get last() {
    return [...this.turns.values()].at(-1);
  }

  /** The one whose question is open. */
  get asking() {
    return [...this.turns.values()].find((turn) => turn.question);
  }

  /** Those that have not ended. */
  get open() {
    return [...this.turns.values()].filter((turn) => !turn.end);
  }

  /** Take one event; the turn that it is about. */
  take(event) {
    let turn = this.turns.get(event.request);
    if (!turn) {
      turn = { request: event.request, message: "", steps: [], element: el("li.turn") };
      this.turns.set(event.request, turn);
      this.list.append(turn.element);
      while (this.turns.size > KEPT) this.drop();
    }
    (TAKE[event.event] ?? (() => {}))(turn, event);
    this.draw(turn);
    return turn;
  }

  drop() {
    const [request, turn] = this.turns.entries().next().value;
    turn.element.remove();
    this.turns.delete(request);
  }

  draw(turn) {
    const near = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 80;
    const open = turn.element.querySelector("details")?.open ?? false;
    const focus = turn.element.contains(document.activeElement) ? document.activeElement.dataset.do : null;
    fill(turn.element, this.parts(turn));
    const details = turn.element.querySelector("details");
    if (details) details.open = open;
    if (focus) turn.element.querySelector(`[data-do="${focus}"]`)?.focus({ preventScroll: true });
    if (near) this.list.scrollTop = this.list.scrollHeight;
  }

  parts(turn) {
    const waits = turn.state === "queued" ? badge(turn.position ? `${turn.position} before it` : "waits", "sign") : null;
    return [
      el("div.said", {}, said(turn.message || "(empty)"), waits, turn.state === "running" ? badge("at it", "mine") : null, turn.origin ? badge(turn.origin, "mine") : null),
      turn.steps.length ? el("ul.steps", { "aria-label": "Calls" }, turn.steps.map((one) => step(one.error && turn.reply?.includes(one.error) ? { ...one, error: null } : one))) : null,
      turn.question ? this.question(turn) : null,
      turn.reply && !turn.question ? said(turn.reply, "p.reply") : null,
      turn.problem ? said(turn.problem, "p.problem") : null,
      turn.changes?.length ? said(turn.changes.join(" · "), "p.changes") : null,
      turn.progress ? progress(turn.progress) : null,
      turn.over ? said(turn.over, "p.changes") : null,
      turn.detail ? detail(turn.detail) : null,
      this.foot(turn),
    ];
  }

  question(turn) {
    const reply = (yes) => () => this.actions.answer(turn.request, yes);
    return el(
      "div.question",
      { role: "group", "aria-label": "Question" },
      said(turn.question, "p"),
      el("button.main", { type: "button", "data-do": "yes", onclick: reply(true) }, "Yes, do it"),
      el("button", { type: "button", "data-do": "no", onclick: reply(false) }, "No"),
    );
  }

  foot(turn) {
    if (!turn.end) {
      const end = () => this.actions.cancel(turn.request);
      return el("div.foot", {}, el("button", { type: "button", "data-do": "cancel", onclick: end }, "Cancel"));
    }
    const rate = (rating, name) =>
      el("button", { type: "button", "data-do": name, "aria-pressed": String(turn.rating === rating), onclick: () => this.actions.rate(turn, rating) }, name);
    return el(
      "div.foot",
      {},
      turn.outcome ? badge(turn.outcome) : badge(turn.end, "sign"),
      turn.latency === undefined ? null : `${(turn.latency / 1000).toFixed(2)} s`,
      turn.trace ? [rate(5, "Good"), rate(1, "Bad"), el("button", { type: "button", "data-do": "fix", onclick: () => this.actions.fix(turn) }, turn.fixed ? "Fixed" : "Fix")] : null,
    );
  }
}

/** How an event changes its turn. */
const TAKE = {
  accepted: (turn, { message, position, again }) => Object.assign(turn, { message, position, state: "queued", origin: again ? "taken up again" : "" }),
  queued: (turn, { position }) => Object.assign(turn, { position }),
  started: (turn, { message }) => Object.assign(turn, { state: "running", message: turn.message || message }),
  stepped: (turn, event) => turn.steps.push(event.step),
  progress: (turn, event) => (turn.progress = event),
  asks: (turn, { question }) => (turn.question = question),
  withdrawn: (turn, { why }) => Object.assign(turn, { question: "", over: why === "answered" ? "Answered." : `Left undone: ${why}.` }),
  finished: (turn, { played, trace_id, runs_on, detail: found }) => {
    ended(turn, "done");
    const { message, reply, outcome, latency_ms, changes, later } = played;
    Object.assign(turn, { message: turn.message || message, reply, outcome, latency: latency_ms, changes: [...changes, ...later], trace: trace_id, detail: found });
    turn.steps = played.calls.map((call, i) => ({ ...call, error: found?.steps[i]?.error }));
    if (runs_on) turn.progress = { doing: turn.steps.at(-1)?.args.command ?? "", gained: [], done: null, total: null };
  },
  over: (turn, { doing, gained }) => Object.assign(turn, { progress: null, over: [`${doing} has ended`, ...gained].join(" · ") }),
  cancelled: (turn, { why }) => ended(turn, "cancelled", why),
  failed: (turn, { message }) => ended(turn, "failed", message),
  interrupted: (turn, { message }) => ended(turn, "interrupted", message),
  refused: (turn, { message }) => ended(turn, "refused", message),
  shed: (turn, { message }) => ended(turn, "turned away", message),
  rated: (turn, { rating, fixed }) => Object.assign(turn, rating === null ? {} : { rating }, fixed ? { fixed } : {}),
};

function ended(turn, end, problem = "") {
  Object.assign(turn, { end, problem, state: "", question: "", progress: null });
}

export function step({ tool, args, status, origin, error }) {
  const shown = tool === "send_command" ? String(args.command ?? "") : `${tool}(${Object.entries(args).map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(", ")})`;
  return el("li", {}, said(shown || tool, "code"), status === "ok" ? null : badge(status), origin === "raw" ? null : badge(origin), error ? said(String(error), "span.problem") : null);
}

function progress({ doing, done, total, gained }) {
  const share = total ? el("progress", { max: total, value: done ?? 0, "aria-label": "Progress" }) : null;
  const count = total ? `${done ?? 0} of ${total}` : "";
  return el("div.progress", {}, said(doing, "code"), share, said([count, ...gained].filter(Boolean).join(" · ")));
}

/** All that was recorded of a request, behind a click. */
export function detail(found) {
  const call = ({ written, lowered, origin, status, error, parse_error, result }) =>
    el(
      "div",
      {},
      el("div.call", {}, said(written, "code"), badge(origin), badge(status)),
      lowered && lowered !== written ? el("div", {}, "sent as ", said(lowered, "code")) : null,
      parse_error ? said(parse_error, "p.problem") : null,
      error ? said(error, "p.problem") : null,
      said(result, "pre"),
    );
  return el(
    "details.more",
    {},
    el("summary", {}, found.steps.length ? "Calls, results, outcome" : "What was recorded"),
    el(
      "div",
      {},
      found.steps.map(call),
      found.outputs.length ? [el("h3", {}, "What the model wrote"), found.outputs.map((text) => said(text, "pre"))] : null,
      el("h3", {}, "Ledger"),
      el("p", {}, badge(found.outcome), found.model_outcome === found.outcome ? null : [" after repair; the model alone ", badge(found.model_outcome)]),
      found.evidence.map((line) => said(line, "code")),
    ),
  );
}
