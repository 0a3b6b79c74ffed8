// The tile map on a canvas: one square a tile, north up. It follows the player until it is dragged away.

import { api } from "./api.js";

const ZOOMS = [2, 3, 5, 8, 12, 18, 26]; // pixels a tile
const REACH = 160; // tiles around the middle of one request for what stands still
const GLIDE_MS = 220;
const TRAIL = 400;
// Signs that every font has; what has none is a square with its name.
const GLYPHS = { tree: "▲", rock: "●", pick: "*", stairs: "≡", bank: "$", deposit: "$", door: "|", water: "~", altar: "†" };
const COLOURS = { tree: "tree", rock: "rock" };

export class TileMap {
  /** `picked(text)` gets what stands under the pointer. */
  constructor(canvas, picked) {
    this.canvas = canvas;
    this.picked = picked;
    this.zoom = 4;
    this.follow = true;
    this.middle = [3222, 3218];
    this.plane = 0;
    this.scene = null;
    this.shown = null;
    this.trail = [];
    this.atlas = { x: 0, y: 0, plane: -1, radius: 0, things: [], places: [], items: [] };
    this.pointers = new Map();
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) canvas.addEventListener(end, (event) => this.pointers.delete(event.pointerId));
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  get scale() {
    return ZOOMS[this.zoom];
  }

  /** A new look at the world. */
  update(scene) {
    const before = this.scene;
    this.scene = scene;
    if (!scene.tile) return this.draw();
    const [x, y, plane] = scene.tile;
    const jumped = !before?.tile || before.tile[2] !== plane || Math.max(Math.abs(before.tile[0] - x), Math.abs(before.tile[1] - y)) > 64;
    if (jumped) this.trail = [];
    if (!this.trail.length || this.trail.at(-1)[0] !== x || this.trail.at(-1)[1] !== y) this.trail.push([x, y]);
    if (this.trail.length > TRAIL) this.trail.shift();
    this.plane = plane;
    if (this.shown === null || jumped) this.shown = [x, y];
    this.glide();
    this.load();
  }

  /** The marker goes to the new tile in a moment, or at once where motion is unwanted. */
  glide() {
    cancelAnimationFrame(this.frame);
    const [x, y] = this.scene.tile;
    const [fromX, fromY] = this.shown;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches || document.hidden;
    const began = performance.now();
    const next = (now) => {
      const share = still ? 1 : Math.min((now - began) / GLIDE_MS, 1);
      this.shown = [fromX + (x - fromX) * share, fromY + (y - fromY) * share];
      if (this.follow) this.middle = [...this.shown];
      this.draw();
      if (share < 1) this.frame = requestAnimationFrame(next);
    };
    next(began);
  }

  /** What stands still around the middle, asked for when the middle nears the edge of what is known. */
  async load() {
    const [x, y] = this.middle.map(Math.round);
    const { atlas } = this;
    const half = Math.max(this.canvas.clientWidth, this.canvas.clientHeight) / this.scale / 2;
    const far = Math.max(Math.abs(atlas.x - x), Math.abs(atlas.y - y)) + Math.min(half, REACH / 2);
    if (this.loading || (atlas.plane === this.plane && far < atlas.radius)) return;
    this.loading = true;
    try {
      this.atlas = await api.atlas(x, y, this.plane, REACH);
    } catch {
      this.atlas = { ...atlas, x, y, plane: this.plane, radius: REACH };
    } finally {
      this.loading = false;
    }
    this.draw();
  }

  setFollow(on) {
    this.follow = on;
    if (on && this.scene?.tile) {
      this.middle = this.scene.tile.slice(0, 2);
      this.load();
    }
    this.draw();
    this.canvas.dispatchEvent(new CustomEvent("follow", { detail: on }));
  }

  zoomBy(step) {
    this.zoom = Math.min(Math.max(this.zoom + step, 0), ZOOMS.length - 1);
    this.draw();
    this.load();
  }

  // -- what the hand does -------------------------------------------------------------

  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    this.tell(event.offsetX, event.offsetY);
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return this.tell(event.offsetX, event.offsetY);
    const now = [event.offsetX, event.offsetY];
    if (this.pointers.size === 2) {
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
      const span = (at) => Math.hypot(at[0] - other[0], at[1] - other[1]);
      this.pinch = (this.pinch ?? 1) * (span(now) / Math.max(span(before), 1));
      if (this.pinch > 1.35 || this.pinch < 0.75) {
        this.zoomBy(this.pinch > 1 ? 1 : -1);
        this.pinch = 1;
      }
    } else {
      this.pan((before[0] - now[0]) / this.scale, (now[1] - before[1]) / this.scale);
    }
    this.pointers.set(event.pointerId, now);
    return undefined;
  }

  pan(east, north) {
    if (this.follow && Math.hypot(east, north) * this.scale > 1) this.setFollow(false);
    if (this.follow) return;
    this.middle = [this.middle[0] + east, this.middle[1] + north];
    this.draw();
    this.load();
  }

  wheel(event) {
    event.preventDefault();
    this.turned = (this.turned ?? 0) + event.deltaY;
    if (Math.abs(this.turned) < 60) return;
    this.zoomBy(this.turned < 0 ? 1 : -1);
    this.turned = 0;
  }

  key(event) {
    const step = 60 / this.scale;
    const ways = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (ways[event.key]) this.pan(...ways[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoomBy(1);
    else if (event.key === "-") this.zoomBy(-1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  tell(px, py) {
    const x = Math.floor((px - this.canvas.clientWidth / 2) / this.scale + this.middle[0] + 0.5);
    const y = Math.floor((this.canvas.clientHeight / 2 - py) / this.scale + this.middle[1] + 0.5);
    const slack = this.scale < 8 ? 1 : 0;
    const near = (tile) => Math.abs(tile[0] - x) <= slack && Math.abs(tile[1] - y) <= slack;
    const names = [
      ...(this.scene?.npcs ?? []).filter((npc) => near(npc.tile)).map((npc) => (npc.level ? `${npc.name} (level ${npc.level})` : npc.name)),
      ...this.standing().filter((thing) => near(thing.tile)).map((thing) => thing.name),
      ...(this.atlas.plane === this.plane ? this.atlas.items : []).filter((item) => near(item.tile)).map((item) => item.name),
    ];
    this.picked(`${x}, ${y}${names.length ? ` · ${[...new Set(names)].slice(0, 4).join(", ")}` : ""}`);
  }

  /** Scenery: what is in sight as it is now, else as the map has it. */
  standing() {
    const seen = this.scene?.objects ?? [];
    const [px, py] = this.scene?.tile ?? [0, 0];
    const sight = this.scene?.sight ?? 0;
    const known = this.atlas.plane === this.plane ? this.atlas.things : [];
    // A name stands at most eight times among what is seen, so a tree that is missing there may still stand.
    const at = new Set(seen.map((thing) => thing.tile.join()));
    return [...seen, ...known.filter((thing) => !at.has(thing.tile.join()) && (sight === 0 || seen.length === 0 || Math.max(Math.abs(thing.tile[0] - px), Math.abs(thing.tile[1] - py)) > sight || seen.filter((one) => one.name === thing.name).length >= 8))];
  }

  // -- the picture ----------------------------------------------------------------------

  draw() {
    const { canvas, scale } = this;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width || !height) return;
    const ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const style = getComputedStyle(document.documentElement);
    this.colour = (name) => style.getPropertyValue(`--map-${name}`).trim();
    const c = (this.context = canvas.getContext("2d"));
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.at = ([x, y]) => [width / 2 + (x - this.middle[0]) * scale, height / 2 - (y - this.middle[1]) * scale];
    c.fillStyle = this.colour("ground");
    c.fillRect(0, 0, width, height);
    this.sight();
    this.grid(width, height);
    if (this.atlas.plane === this.plane) for (const item of this.atlas.items) this.glyph(item.tile, "◆", "item");
    for (const thing of this.standing()) this.glyph(thing.tile, GLYPHS[thing.kind] ?? "■", COLOURS[thing.kind] ?? "thing");
    this.path();
    for (const npc of this.scene?.npcs ?? []) this.dot(npc.tile, npc.target ? "foe" : "npc", Math.max(scale * 0.38, 2.5), npc.target);
    if (this.scene?.grave) this.glyph(this.scene.grave, "✝", "foe");
    this.player();
    this.names();
    const dead = this.scene && !this.scene.tile;
    canvas.setAttribute("aria-label", dead ? "Map: nothing is seen" : `Map around ${this.middle.map(Math.round).join(", ")}, ${scale} pixels a tile`);
    canvas.dataset.middle = this.middle.map(Math.round).join();
    canvas.dataset.scale = scale;
  }

  sight() {
    if (!this.scene?.tile || !this.scene.sight) return;
    const { sight, tile } = this.scene;
    const [x, y] = this.at([tile[0] - sight - 0.5, tile[1] + sight + 0.5]);
    this.context.fillStyle = this.colour("sight");
    this.context.fillRect(x, y, (2 * sight + 1) * this.scale, (2 * sight + 1) * this.scale);
  }

  grid(width, height) {
    const { context: c, scale } = this;
    const step = scale >= 12 ? 1 : scale >= 5 ? 8 : 64;
    const first = (middle, half) => Math.floor((middle - half) / step) * step;
    c.strokeStyle = this.colour("grid");
    c.lineWidth = 1;
    c.beginPath();
    for (let x = first(this.middle[0], width / scale / 2); x < this.middle[0] + width / scale / 2 + step; x += step) {
      const px = Math.round(this.at([x - 0.5, 0])[0]) + 0.5;
      c.moveTo(px, 0);
      c.lineTo(px, height);
    }
    for (let y = first(this.middle[1], height / scale / 2); y < this.middle[1] + height / scale / 2 + step; y += step) {
      const py = Math.round(this.at([0, y - 0.5])[1]) + 0.5;
      c.moveTo(0, py);
      c.lineTo(width, py);
    }
    c.stroke();
  }

  glyph(tile, sign, colour) {
    const { context: c, scale } = this;
    const [x, y] = this.at(tile);
    if (x < -scale || y < -scale || x > c.canvas.clientWidth + scale || y > c.canvas.clientHeight + scale) return;
    c.fillStyle = this.colour(colour);
    if (scale < 5) {
      c.fillRect(x - 1, y - 1, 2, 2);
      return;
    }
    c.font = `${Math.max(scale * 0.85, 7)}px sans-serif`;
    c.textAlign = "center";
    c.textBaseline = "middle";
    c.fillText(sign, x, y);
  }

  dot(tile, colour, radius, ring = false) {
    const c = this.context;
    const [x, y] = this.at(tile);
    c.fillStyle = this.colour(colour);
    c.beginPath();
    c.arc(x, y, radius, 0, 2 * Math.PI);
    c.fill();
    if (!ring) return;
    c.strokeStyle = this.colour(colour);
    c.lineWidth = 2;
    c.beginPath();
    c.arc(x, y, radius + 3.5, 0, 2 * Math.PI);
    c.stroke();
  }

  /** Where the player went, and the straight way that is still to go. */
  path() {
    const c = this.context;
    c.strokeStyle = this.colour("path");
    c.lineJoin = "round";
    if (this.trail.length > 1) {
      c.globalAlpha = 0.45;
      c.lineWidth = 2.5;
      c.beginPath();
      for (const tile of this.trail) c.lineTo(...this.at(tile));
      c.stroke();
      c.globalAlpha = 1;
    }
    const goal = this.scene?.goal;
    if (!goal || !this.shown || goal[2] !== this.plane) return;
    c.lineWidth = 2;
    c.setLineDash([6, 5]);
    c.beginPath();
    c.moveTo(...this.at(this.shown));
    c.lineTo(...this.at(goal));
    c.stroke();
    c.setLineDash([]);
    const [x, y] = this.at(goal);
    c.strokeRect(x - this.scale / 2 - 1, y - this.scale / 2 - 1, this.scale + 2, this.scale + 2);
  }

  player() {
    if (!this.scene?.tile || !this.shown) return;
    const c = this.context;
    const [x, y] = this.at(this.shown);
    const radius = Math.max(this.scale * 0.48, 5);
    c.fillStyle = this.colour("player");
    c.strokeStyle = this.colour("halo");
    c.lineWidth = 2;
    c.beginPath();
    c.arc(x, y, radius, 0, 2 * Math.PI);
    c.fill();
    c.stroke();
  }

  /** Names of the places, the more the nearer; then of creatures and scenery. None is written over another, or
   * over the player. */
  names() {
    const taken = [];
    if (this.scene?.tile && this.shown) {
      const [x, y] = this.at(this.shown);
      const radius = Math.max(this.scale * 0.48, 5);
      taken.push([x - radius, y - radius, x + radius, y + radius]);
    }
    const places = this.atlas.plane === this.plane ? this.atlas.places : [];
    const towns = this.scale < 5 ? places.filter((place) => place.kind === "town") : places;
    for (const place of [...towns].sort((one, other) => (other.kind === "town") - (one.kind === "town"))) this.name(place.tile, place.name, "place", place.kind === "town" ? 13 : 11, taken, -0.9);
    if (this.scale < 8) return;
    const often = new Map();
    const scarce = (name, most) => often.set(name, (often.get(name) ?? 0) + 1).get(name) <= most;
    for (const npc of this.scene?.npcs ?? []) if (npc.target || scarce(npc.name, 3)) this.name(npc.tile, npc.name, npc.target ? "foe" : "text", 10.5, taken, 1);
    for (const thing of this.standing()) if (thing.kind !== "tree" && thing.kind !== "rock" && scarce(thing.name, 1)) this.name(thing.tile, thing.name, "text", 10, taken, 1);
  }

  name(tile, text, colour, size, taken, side) {
    const c = this.context;
    const [x, middle] = this.at(tile);
    const y = middle + side * (this.scale * 0.5 + size * 0.7);
    if (x < 0 || y < 0 || x > c.canvas.clientWidth || y > c.canvas.clientHeight) return;
    c.font = `${colour === "place" ? "600 " : ""}${size}px system-ui, sans-serif`;
    const half = c.measureText(text).width / 2 + 2;
    const box = [x - half, y - size * 0.6, x + half, y + size * 0.6];
    if (taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3])) return;
    taken.push(box);
    c.textAlign = "center";
    c.textBaseline = "middle";
    c.lineJoin = "round";
    c.lineWidth = 3;
    c.strokeStyle = this.colour("halo");
    c.strokeText(text, x, y);
    c.fillStyle = this.colour(colour);
    c.fillText(text, x, y);
  }
}
