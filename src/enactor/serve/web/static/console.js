// The page: the stream of events, what they change, and what happens on a key or a click.

import { api } from "./api.js";
import { login } from "./ask.js";
import { Compare } from "./compare.js";
import { $, el, fill, said } from "./dom.js";
import { Editor } from "./editor.js";
import { KEYS, listen, setSingle, single } from "./keys.js";
import { TileMap } from "./map.js";
import { PANELS, drawNear, drawPanel, drawVitals } from "./panels.js";
import { onLogin } from "./server.js";
import { Turns, badge } from "./turns.js";

const LOG_MS = 2000;
const NO_SCENE = { running: true, tile: null, npcs: [], objects: [], inventory: null, skills: [], equipment: [] };

const now = { session: null, scene: NO_SCENE, panel: "inventory", log: [], sent: [], at: -1, fixing: null, scenarios: null };
const map = new TileMap($("tiles"), (text) => ($("spot").textContent = text));
const turns = new Turns($("turns"), { answer, cancel: (request) => attempt(() => api.cancel(request)), rate, fix });
const compare = new Compare(toast);
const editor = new Editor(() => ($("reply-field").hidden = editor.text !== ""));

let fading;

function toast(text) {
  $("toast").textContent = text;
  $("toast").classList.add("on");
  clearTimeout(fading);
  fading = setTimeout(() => $("toast").classList.remove("on"), 4000);
}

/** Do it; an error is told and nothing is lost. Whether it went well. */
async function attempt(action) {
  $("problem").textContent = "";
  try {
    await action();
    return true;
  } catch (error) {
    $("problem").textContent = error.message;
    if (document.querySelector("dialog[open]") || getComputedStyle($("talk")).display === "none") toast(error.message);
    return false;
  }
}

// -- the stream -------------------------------------------------------------------------

function connect() {
  const stream = new EventSource("api/events");
  let run = null;
  stream.addEventListener("open", () => link("live"));
  stream.addEventListener("error", () => link("no link", "down"));
  stream.addEventListener("message", (message) => {
    const event = JSON.parse(message.data);
    if (event.event === "hello") {
      if (run !== event.run || !event.resumed) turns.clear(); // all that is known follows
      run = event.run;
      return;
    }
    (GENERAL[event.event] ?? tell)(event);
  });
}

function link(text, kind = text) {
  $("link").textContent = text;
  $("link").dataset.kind = kind;
}

const GENERAL = {
  scene: ({ scene }) => look(scene),
  session: ({ session }) => drawSession(session),
  task: ({ task }) => drawTask(task),
  reset: () => {
    map.trail = [];
    map.shown = null;
  },
};

function tell(event) {
  const turn = turns.take(event);
  if (event.event === "accepted" && !now.sent.includes(event.message)) now.sent.push(event.message);
  if (event.event === "asks" && getComputedStyle($("talk")).display === "none") toast("A question waits for your yes or no.");
  const open = turns.open.length;
  $("queue").hidden = open < 2;
  $("queue").textContent = `${open} requests are open.`;
  document.title = turn.question ? "? Enactor" : "Enactor";
}

function drawTask(task) {
  $("task").hidden = !task;
  if (!task) return;
  const stands = task.lacking.length ? el("span", {}, "to come: ", said(task.lacking.join(", "), "code")) : badge("done", "ok");
  fill($("task"), "Task: ", said(task.say), " · ", stands);
}

function look(scene) {
  now.scene = scene;
  map.update(scene);
  drawVitals(scene);
  drawNear(scene);
  if (now.panel !== "log") drawPanel(now.panel, scene, now.log);
}

async function readLog() {
  if (now.panel !== "log" || document.hidden) return;
  try {
    now.log = (await api.log()).lines;
    drawPanel("log", now.scene, now.log);
  } catch {
    // the next look may do better; the badge in the header tells of a lost link
  }
}

function drawSession(session) {
  now.session = session;
  fill($("model"), session.models.map((name) => el("option", { value: name, selected: name === session.model }, name)));
  fill($("speed"), session.speeds.map(([value, name]) => el("option", { value: String(value), selected: value === session.speed }, name)));
  $("clock").hidden = !session.speeds.length;
  $("open-scenarios").hidden = !session.scenarios;
  $("to-label").hidden = !session.label;
  $("open-compare").hidden = session.models.length < 1;
  $("welcome").lastElementChild.hidden = session.read_only;
  $("message").placeholder = session.read_only ? "This session only reads: ask something" : "kill 20 chickens";
}

// -- talk ---------------------------------------------------------------------------------

async function say(event) {
  event.preventDefault();
  const message = $("message").value;
  if (!message.trim()) return;
  $("message").value = "";
  now.at = -1;
  if (await attempt(() => api.say(message))) {
    now.sent = [...now.sent.filter((sent) => sent !== message), message];
    $("turns").scrollTop = $("turns").scrollHeight;
  } else if (!$("message").value) {
    $("message").value = message;
  }
}

function earlier(event) {
  if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
  const next = now.at + (event.key === "ArrowUp" ? 1 : -1);
  if (next >= now.sent.length || next < -1) return;
  event.preventDefault();
  now.at = next;
  $("message").value = next < 0 ? "" : now.sent.at(-1 - next);
}

function answer(request, yes) {
  return attempt(() => api.answer(request, yes));
}

const stop = () =>
  attempt(async () => {
    await api.stop();
    toast("Stopped.");
  });

function rate(turn, rating) {
  return attempt(() => api.rate(turn.trace, rating));
}

function fix(turn) {
  now.fixing = turn;
  $("fix-request").textContent = turn.message;
  $("fix-problem").textContent = "";
  $("reply").value = "";
  $("fix").showModal();
  return editor.open(turn.trace, turn.detail?.calls ?? "").then(() => $("calls").focus());
}

async function saveFix() {
  try {
    await api.correct(now.fixing.trace, editor.text, editor.text ? "" : $("reply").value.trim());
    $("fix").close();
    toast("Kept as a correction.");
  } catch (error) {
    $("fix-problem").textContent = error.message;
  }
}

const onQuestion = (yes) => () => {
  const turn = turns.asking;
  if (turn) answer(turn.request, yes);
};

const onLast = (action) => () => {
  const turn = [...turns.turns.values()].reverse().find((one) => one.trace);
  if (turn) action(turn);
};

// -- scenarios, reports -------------------------------------------------------------------

async function openScenarios() {
  await attempt(async () => {
    now.scenarios ??= (await api.scenarios()).scenarios;
    drawScenarios();
    $("scenarios").showModal();
    $("scenario-filter").focus();
  });
}

function drawScenarios() {
  const words = $("scenario-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = now.scenarios.filter((one) => words.every((word) => `${one.id} ${one.family} ${one.level} ${one.say}`.toLowerCase().includes(word)));
  const item = (one) => el("li", {}, el("button", { type: "button", onclick: () => begin(one) }, said(one.say), el("span.hint", {}, `${one.family} · ${one.level} · ${one.id}`)));
  fill($("scenario-list"), found.length ? found.slice(0, 60).map(item) : el("li.hint", {}, "None has these words."));
}

async function begin(scenario) {
  try {
    await api.start(scenario?.id ?? "");
  } catch (error) {
    return toast(error.message);
  }
  $("scenarios").close();
  if (scenario) $("message").value = scenario.say;
  $("message").focus();
  return toast(scenario ? "The world is ready. Say it as it stands, or in your own words." : "A fresh world.");
}

async function openReports() {
  await attempt(async () => {
    const { reports } = await api.reports();
    const item = ({ path, bytes, changed }) => el("li", {}, el("a", { href: `reports/${path.split("/").map(encodeURIComponent).join("/")}`, target: "_blank", rel: "noopener" }, said(path)), " ", el("span", {}, `${Math.ceil(bytes / 1024)} KB, ${changed}`));
    fill($("report-list"), reports.length ? reports.map(item) : el("li.hint", {}, "No reports yet: `enactor eval` and `enactor demo` write some."));
    $("reports").showModal();
  });
}

// -- keys, start --------------------------------------------------------------------------

const show = (view) => {
  document.body.dataset.view = view;
  for (const tab of document.querySelectorAll("[data-show]")) tab.setAttribute("aria-pressed", String(tab.dataset.show === view));
  map.draw();
};

const panel = (name) => {
  now.panel = name;
  drawPanel(name, now.scene, now.log);
  readLog();
};

const openCompare = () => now.session && compare.open(now.session, turns.last?.message);

const actions = {
  "/": () => $("message").focus(),
  y: onQuestion(true),
  n: onQuestion(false),
  g: onLast((turn) => rate(turn, 5)),
  b: onLast((turn) => rate(turn, 1)),
  x: onLast(fix),
  f: () => map.setFollow(!map.follow),
  "+": () => map.zoomBy(1),
  "=": () => map.zoomBy(1),
  "-": () => map.zoomBy(-1),
  s: () => !$("open-scenarios").hidden && openScenarios(),
  c: openCompare,
  "?": () => $("help").showModal(),
};
Object.keys(PANELS).forEach((name, i) => (actions[i + 1] = () => panel(name)));

function wire() {
  $("say").addEventListener("submit", say);
  $("examples").addEventListener("click", ({ target }) => {
    if (target.tagName !== "BUTTON") return;
    $("message").value = target.textContent;
    $("say").requestSubmit();
    $("message").focus();
  });
  $("message").addEventListener("keydown", earlier);
  $("stop").addEventListener("click", stop);
  $("model").addEventListener("change", async () => {
    $("model").disabled = true; // opening one takes a while
    await attempt(() => api.model($("model").value));
    $("model").disabled = false;
    drawSession(await api.session());
  });
  $("speed").addEventListener("change", () => attempt(() => api.speed(Number($("speed").value))));
  $("zoom-in").addEventListener("click", () => map.zoomBy(1));
  $("zoom-out").addEventListener("click", () => map.zoomBy(-1));
  $("follow").addEventListener("click", () => map.setFollow(!map.follow));
  $("tiles").addEventListener("follow", (event) => $("follow").setAttribute("aria-pressed", String(event.detail)));
  $("open-scenarios").addEventListener("click", openScenarios);
  $("scenario-filter").addEventListener("input", drawScenarios);
  $("fresh").addEventListener("click", () => begin(null));
  $("open-compare").addEventListener("click", openCompare);
  $("open-reports").addEventListener("click", openReports);
  $("open-help").addEventListener("click", () => $("help").showModal());
  $("fix-save").addEventListener("click", saveFix);
  $("fix-close").addEventListener("click", () => $("fix").close());
  fill($("keys"), KEYS.flatMap(([keys, what]) => [el("dt", {}, keys), el("dd", {}, what)]));
  $("single").checked = single();
  $("single").addEventListener("change", () => setSingle($("single").checked));
  for (const tab of document.querySelectorAll("[data-show]")) tab.addEventListener("click", () => show(tab.dataset.show));
  for (const tab of document.querySelectorAll("[data-panel]")) tab.addEventListener("click", () => panel(tab.dataset.panel));
  listen(actions, stop);
  setInterval(readLog, LOG_MS);
}

async function start() {
  wire();
  onLogin(login);
  drawSession(await api.session());
  connect();
  document.body.classList.add("ready");
  if (matchMedia("(pointer: fine)").matches) $("message").focus();
}

start().catch((error) => {
  link("no link", "down");
  toast(error.message);
});
