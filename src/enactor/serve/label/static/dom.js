// Elements are made here and nowhere else, and text is only ever set as text: what a player, a model or the game
// wrote cannot become markup. The policy of the page (trusted types) forbids the other way.

export const $ = (id) => document.getElementById(id);

/** `el("p.hint", {title: "…"}, "text", child)`: an element with classes, properties and children. */
export function el(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** Text from elsewhere: isolated, so that its reading direction stays its own. */
export const said = (text, name = "span") => el(name, { dir: "auto" }, text);

export const fill = (parent, ...children) => parent.replaceChildren(...children.flat(Infinity).filter(Boolean));
