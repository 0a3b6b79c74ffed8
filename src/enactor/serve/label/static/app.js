// The page: which trace is open, what is being said of it, and what happens on a key or a click.

import { api } from "./api.js";
import { ask, login } from "./ask.js";
import { $, el, fill, said } from "./dom.js";
import { Editor } from "./editor.js";
import { KEYS, listen, setSingle, single } from "./keys.js";
import { onLogin } from "./server.js";
import { badge, drawLabel, drawTrace } from "./trace.js";

const PAGE = 50;
const WHO = "enactor-label-annotator";
const VIEWS = ["todo", "disputed", "done", "all"];

const now = { annotator: "", view: "todo", entries: [], total: 0, open: null, trace: null, drafts: new Map() };
const editor = new Editor(judged);

// -- the label that is being made -----------------------------------------------------

const radio = (name) => document.querySelector(`input[name=${name}]:checked`)?.value ?? null;

function choose(name, value) {
  for (const input of document.querySelectorAll(`input[name=${name}]`)) input.checked = input.value === value;
}

function toggle(name, value) {
  choose(name, radio(name) === value ? null : value);
  keep();
}

const tags = () => [...new Set($("tags").value.split(",").map((tag) => tag.trim().toLowerCase()).filter(Boolean))];

/** What stands in the form. The calls count as corrected when they, or the reply to no call, were touched. */
function draft() {
  const corrected = editor.text !== now.trace.calls || (editor.text === "" && $("reply").value.trim() !== "");
  const fulfilled = radio("fulfilled");
  return {
    rating: radio("rating") === null ? null : Number(radio("rating")),
    fulfilled: fulfilled === null ? null : fulfilled === "yes",
    calls: corrected ? editor.text : null,
    reply: editor.text === "" ? $("reply").value.trim() : "",
    tags: tags(),
    note: $("note").value.trim(),
  };
}

function keep() {
  if (now.trace) now.drafts.set(now.trace.id, draft());
  drawTags();
}

function load(label) {
  choose("rating", label?.rating ? String(label.rating) : null);
  choose("fulfilled", label?.fulfilled === true ? "yes" : label?.fulfilled === false ? "no" : null);
  $("reply").value = label?.reply ?? "";
  $("tags").value = (label?.tags ?? []).join(", ");
  $("note").value = label?.note ?? "";
  $("problem").textContent = "";
  drawTags();
  return editor.open(now.trace.id, label?.calls ?? now.trace.calls);
}

function drawTags() {
  const used = tags();
  const flip = (tag) => {
    $("tags").value = (used.includes(tag) ? used.filter((other) => other !== tag) : [...used, tag]).join(", ");
    keep();
    [...$("known-tags").children].find((chip) => chip.textContent === tag)?.focus();
  };
  const known = (now.trace?.known_tags ?? []).slice(0, 10);
  fill($("known-tags"), known.map((tag) => el("button.chip", { type: "button", "aria-pressed": String(used.includes(tag)), onclick: () => flip(tag) }, said(tag))));
}

function judged({ row }) {
  const { calls } = draft();
  if (calls !== null) keep(); // a completion that was taken is no input event
  $("reply-field").hidden = editor.text !== "";
  const told = calls === null ? "" : row.ok ? `Becomes a row: ${row.kind}, ${row.family}.` : `No row yet: ${row.reason}.`;
  $("row").textContent = told;
}

// -- the queue and the trace ----------------------------------------------------------

async function show(view = now.view, select = true) {
  const found = await api.queue(now.annotator, view, PAGE);
  now.view = view;
  take(found);
  if (select) await open(now.entries[0]?.id ?? null);
}

function take(found) {
  now.entries = found.entries;
  now.total = found.total;
  $("undo").disabled = !found.undo;
  drawProgress(found.progress);
  drawQueue();
}

function drawQueue() {
  for (const tab of document.querySelectorAll("[data-view]")) tab.setAttribute("aria-pressed", String(tab.dataset.view === now.view));
  const item = (entry) =>
    el(
      "li",
      {},
      el(
        "button.entry",
        { type: "button", "aria-current": entry.id === now.open ? "true" : false, onclick: () => leave(() => open(entry.id)) },
        said(entry.message || "(empty)"),
        el(
          "span.marks",
          {},
          entry.labelled ? badge(entry.rating ? `✓ ${entry.rating}` : "✓", "mine") : null,
          badge(entry.outcome),
          entry.signs.filter((sign) => sign.name !== entry.outcome).slice(0, 2).map((sign) => badge(sign.name, "sign")),
        ),
      ),
    );
  const none = { todo: "Nothing is recorded yet.", disputed: "Nobody differs.", done: "You have labelled nothing yet.", all: "Nothing is recorded yet." };
  fill($("entries"), now.entries.length ? now.entries.map(item) : el("li.hint", {}, none[now.view]));
  $("more").hidden = now.entries.length >= now.total;
}

async function open(id) {
  now.open = id;
  document.body.classList.remove("queue-open");
  $("form").hidden = id === null;
  if (id === null) {
    now.trace = null;
    fill($("trace"), el("p.hint", {}, now.view === "todo" ? "Nothing to label. Play some with `enactor chat`." : "Nothing in this view."));
    return;
  }
  now.trace = null; // until it is here, no key can be meant for it
  now.trace = await api.trace(id, now.annotator);
  fill($("trace"), drawTrace(now.trace));
  drawOthers(now.trace.others);
  $("trace").scrollTop = 0;
  window.scrollTo(0, 0);
  drawQueue();
  document.querySelector(".entry[aria-current]")?.scrollIntoView({ block: "nearest" });
  if (document.activeElement === document.body) $("trace").focus({ preventScroll: true });
  await load(now.drafts.get(id) ?? now.trace.mine);
}

function drawOthers(others) {
  $("others").hidden = !others.length;
  fill($("others"), el("h2", {}, "Others said"), others.map(drawLabel));
}

function move(step) {
  const at = now.entries.findIndex((entry) => entry.id === now.open);
  const next = now.entries[at + step];
  return leave(async () => {
    if (next) return open(next.id);
    if (step > 0 && (await more())) return move(step);
    return toast(step > 0 ? "That was the last one." : "That is the first one.");
  });
}

/** A longer list, asked for anew: each label changes the order. Whether it grew. */
async function more() {
  const had = now.entries.length;
  if (had < now.total) take(await api.queue(now.annotator, now.view, had + PAGE));
  return now.entries.length > had;
}

// -- what can be done -----------------------------------------------------------------

/** Leave fields, then do it; an error is told and nothing is lost. */
async function leave(action) {
  document.activeElement?.blur();
  try {
    await action();
  } catch (error) {
    $("problem").textContent = error.message;
    toast(error.message);
  }
}

let busy = false;

async function save() {
  if (!now.trace || busy) return;
  busy = true;
  $("problem").textContent = "";
  try {
    const id = now.trace.id;
    const done = await api.save({ trace: id, annotator: now.annotator, ...draft() });
    now.drafts.delete(id);
    const at = now.entries.findIndex((entry) => entry.id === id);
    const entry = now.entries[at];
    if (entry) Object.assign(entry, { labelled: true, rating: done.saved.rating, fulfilled: done.saved.fulfilled });
    $("undo").disabled = false;
    drawProgress(done.progress);
    const differs = done.others.length ? ` ${done.others.map((label) => label.annotator).join(", ")} has labelled it too.` : "";
    toast(`Saved.${differs} u takes it back.`);
    await leave(() => advance(at));
  } catch (error) {
    $("problem").textContent = error.message;
  } finally {
    busy = false;
  }
}

/** The next one of the queue that is not labelled yet; in other views just the next. */
async function advance(at) {
  const fresh = (entry) => now.view !== "todo" || !entry.labelled;
  let next = now.entries.slice(at + 1).find(fresh) ?? (now.view === "todo" ? now.entries.find(fresh) : null);
  if (!next && now.view === "todo") {
    await show("todo", false);
    next = now.entries.find(fresh);
  }
  if (next) return open(next.id);
  drawQueue();
  toast("All labelled. v shows other views.");
}

async function undo() {
  const { trace, progress } = await api.undo(now.annotator);
  if (trace === null) return toast("Nothing to undo.");
  now.drafts.delete(trace);
  drawProgress(progress);
  await show(now.view, false);
  await open(trace);
  toast("Taken back.");
}

let fading;

function toast(text) {
  $("toast").textContent = text;
  $("toast").classList.add("on");
  clearTimeout(fading);
  fading = setTimeout(() => $("toast").classList.remove("on"), 4000);
}

function drawProgress(progress) {
  $("meter").max = Math.max(progress.traces, 1);
  $("meter").value = progress.mine;
  $("count").textContent = `${progress.mine} of ${progress.traces}`;
  now.progress = progress;
}

const KAPPA = "Cohen's kappa: 1 is full agreement, 0 what chance alone would give. For the rating a disagreement weighs the square of its distance.";

async function agreement() {
  drawProgress(await api.progress(now.annotator));
  const { traces, labelled, corrected, annotators, agreement: pairs } = now.progress;
  const row = (pair) =>
    el("tr", {}, el("td", {}, said(`${pair.first}, ${pair.second}`)), el("td", {}, pair.question), el("td", {}, pair.kappa === null ? "undefined" : pair.kappa.toFixed(2)), el("td", {}, `${pair.same} of ${pair.n}`));
  fill(
    $("figures"),
    el("p", {}, `Of ${traces} traces ${labelled} have a label and ${corrected} a correction.`),
    el("ul", {}, Object.entries(annotators).map(([name, n]) => el("li", {}, said(name), `: ${n}`))),
    pairs.length
      ? el("table", {}, el("thead", {}, el("tr", {}, ["Annotators", "Question", "Kappa", "Same"].map((head) => el("th", { scope: "col" }, head)))), el("tbody", {}, pairs.map(row)))
      : el("p.hint", {}, "Agreement appears when two annotators have labelled the same trace."),
    el("p.hint", {}, KAPPA),
  );
  $("progress").showModal();
}

// -- names, keys, start ---------------------------------------------------------------

async function name() {
  do {
    const given = await ask("Your name", "It stands in your labels, and agreement is counted by it.", "text", now.annotator);
    now.annotator = given.slice(0, 40) || now.annotator;
  } while (!now.annotator);
  localStorage.setItem(WHO, now.annotator);
  $("who").textContent = now.annotator;
}

const focus = (id) => () => {
  if ($(id).closest("[hidden]")) return toast("The reply counts where no call is due: empty the calls first.");
  $(id).focus();
};

const help = () => $("help").showModal();

const nextView = () => leave(() => show(VIEWS[(VIEWS.indexOf(now.view) + 1) % VIEWS.length]));

const actions = {
  j: () => move(1),
  k: () => move(-1),
  y: () => toggle("fulfilled", "yes"),
  n: () => toggle("fulfilled", "no"),
  e: focus("calls"),
  r: focus("reply"),
  t: focus("tags"),
  m: focus("note"),
  u: () => leave(undo),
  v: nextView,
  g: () => leave(agreement),
  "?": help,
};
for (const rating of "12345") actions[rating] = () => toggle("rating", rating);

function wire() {
  fill($("ratings"), [..."12345"].map((n) => el("label", {}, el("input", { type: "radio", name: "rating", value: n }), el("span", {}, n))));
  fill($("keys"), KEYS.flatMap(([keys, what]) => [el("dt", {}, keys), el("dd", {}, what)]));
  $("single").checked = single();
  $("single").addEventListener("change", () => setSingle($("single").checked));
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
  $("form").addEventListener("input", keep);
  $("form").addEventListener("change", keep);
  $("undo").addEventListener("click", () => leave(undo));
  $("pass").addEventListener("click", () => move(1));
  $("more").addEventListener("click", () => leave(more));
  $("open-help").addEventListener("click", help);
  $("open-progress").addEventListener("click", () => leave(agreement));
  $("open-queue").addEventListener("click", () => document.body.classList.toggle("queue-open"));
  $("who").addEventListener("click", () => leave(() => name().then(() => show())));
  for (const tab of document.querySelectorAll("[data-view]")) tab.addEventListener("click", () => leave(() => show(tab.dataset.view)));
  listen(actions, save);
}

async function start() {
  wire();
  onLogin(login);
  const session = await api.session();
  now.annotator = session.annotator || localStorage.getItem(WHO) || "";
  if (now.annotator) $("who").textContent = now.annotator;
  else await name();
  await show();
  document.body.classList.add("ready");
}

start().catch((error) => toast(error.message));
