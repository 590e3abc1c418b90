// Numbers and elements: everything foreign becomes text, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; strings become text. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same for drawings. */
export function drawing(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Sets a text if it is another one: what stays the same costs no layout. */
export function say(where, text) {
  if (where.textContent !== text) where.textContent = text;
}

/** Sets an attribute if it is another one, and takes it away for null. */
export function mark(where, name, value) {
  if (value === null) where.removeAttribute(name);
  else if (where.getAttribute(name) !== value) where.setAttribute(name, value);
}

export const by = (id) => document.getElementById(id);

const counts = new Intl.NumberFormat("en");
export const count = (value) => (value === null || value === undefined ? "–" : counts.format(value));

/** Accuracies and losses: four decimals, as the client prints them; large ones shorter. */
export function measure(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return Math.abs(value) >= 1000 ? value.toExponential(2) : value.toFixed(4);
}

/** A span of time. */
export function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 0.01) return `${(seconds * 1e3).toFixed(1)} ms`;
  if (seconds < 1) return `${(seconds * 1e3).toFixed(0)} ms`;
  if (seconds < 100) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Shards and kind of an attempt, for people. */
export function work(attempt) {
  if (attempt.kind === "initialise") return "first parameters";
  const shards = attempt.shards === 1 ? `shard ${attempt.first}` : `${attempt.shards} shards`;
  return attempt.kind === "evaluate" ? `evaluation of ${shards}` : shards;
}
