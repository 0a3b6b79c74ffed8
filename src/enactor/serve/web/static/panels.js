// What is known of the player, as elements: vitals, inventory, skills, equipment, the client's log.

import { $, el, fill, said } from "./dom.js";
import { badge } from "./turns.js";

const count = new Intl.NumberFormat("en").format;

export function drawVitals(scene) {
  if (scene.problem) return fill($("vitals"), said(scene.problem, "p.problem"));
  if (!scene.running) return fill($("vitals"), badge("client off", "failed"), el("span", {}, "The game client is not running."));
  const [now, max] = scene.health ?? [null, null];
  return fill(
    $("vitals"),
    now === null ? null : el("span", {}, el("b", {}, "Health "), `${now} of ${max} `, el("meter", { min: 0, max, low: max * 0.35, high: max * 0.6, optimum: max, value: now, "aria-label": "Health" })),
    scene.level ? el("span", {}, el("b", {}, "Level "), String(scene.level)) : null,
    scene.tile ? el("span", {}, el("b", {}, "At "), scene.tile.join(", ")) : null,
    scene.doing ? el("span", {}, el("b", {}, "Doing "), said(scene.doing, "code")) : null,
    scene.fighting ? el("span", {}, el("b", {}, "Fights "), said(scene.fighting)) : null,
    scene.dialogue ? said(scene.dialogue, "p") : null,
  );
}

const inventory = ({ inventory: slots }) =>
  slots === null
    ? el("p.hint", {}, "Not known.")
    : el("ul.slots", { "aria-label": `Inventory, ${slots.filter(Boolean).length} of ${slots.length} slots` }, slots.map((slot) => (slot ? el("li", {}, said(slot[0]), slot[1] > 1 ? el("b", {}, count(slot[1])) : null) : el("li.none", { "aria-hidden": "true" }))));

const rows = (pairs, none) => (pairs.length ? el("ul.rows", {}, pairs.map(([name, value]) => el("li", {}, said(name), said(value)))) : el("p.hint", {}, none));

const skills = (scene) => rows(scene.skills.map(([name, level, xp]) => [name, xp === null ? String(level) : `${level} · ${count(xp)} xp`]), "Not known.");

const equipment = (scene) => [rows(scene.equipment, "Nothing is worn."), scene.style ? el("p.hint", {}, "Combat style: ", said(scene.style)) : null];

const log = (_, lines) => (lines.length ? el("ol.log", {}, lines.map((line) => said(line, `li.${line.split(" ")[1] === "ERROR" ? "ERROR" : "line"}`))) : el("p.hint", {}, "No lines in the last ten minutes of game time."));

export const PANELS = { inventory, skills, equipment, log };

export function drawPanel(name, scene, lines) {
  const panel = $("panel");
  const [place, foot] = [panel.scrollTop, panel.scrollHeight - panel.scrollTop - panel.clientHeight < 30];
  fill(panel, PANELS[name](scene, lines));
  panel.setAttribute("aria-label", document.querySelector(`[data-panel=${name}]`).firstChild.data.trim());
  panel.scrollTop = name === "log" && foot ? panel.scrollHeight : place;
  for (const tab of document.querySelectorAll("[data-panel]")) tab.setAttribute("aria-pressed", String(tab.dataset.panel === name));
}

/** What is near, in words: for those who do not see the map. */
export function drawNear(scene) {
  const names = new Map();
  for (const { name } of [...scene.npcs, ...scene.objects]) names.set(name, (names.get(name) ?? 0) + 1);
  const told = [...names].slice(0, 14).map(([name, n]) => (n > 1 ? `${n} ${name}` : name));
  $("near").textContent = told.length ? `Near: ${told.join(", ")}` : "";
}
