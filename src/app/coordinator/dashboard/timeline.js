// Attempts over time, a row for each node: what ran where, what was tried again, and who held a round up.

import { count, element, say, span, work } from "./text.js";

const OUTCOMES = ["counted", "running", "compared", "refused", "failed", "cancelled", "late"];
const HEAD = 18;
const names = new Intl.Collator("en", { numeric: true });

/** Height of a node's row: with few nodes there is room for their names. */
const rowHeight = (nodes) => (nodes <= 16 ? 20 : nodes <= 32 ? 14 : nodes <= 80 ? 7 : 4);

export class Timeline {
  constructor(frame, legend, tip) {
    Object.assign(this, { frame, tip, canvas: frame.querySelector("canvas"), boxes: [], attempts: [], rounds: 8 });
    this.counts = new Map();
    for (const outcome of OUTCOMES) {
      const text = element("span");
      legend.append(element("li", { "data-outcome": outcome }, element("i"), text));
      this.counts.set(outcome, text);
    }
    this.canvas.addEventListener("pointermove", (event) => this.hover(event));
    this.canvas.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    frame.addEventListener("scroll", () => { this.tip.hidden = true; });
    new ResizeObserver(() => this.draw()).observe(frame);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  show(attempts, now) {
    this.attempts = attempts;
    this.now = now;
    this.draw();
  }

  /** The attempts of the newest rounds. */
  chosen() {
    if (this.rounds === 0) return this.attempts;
    const newest = this.attempts.reduce((most, attempt) => Math.max(most, attempt.round), 0);
    return this.attempts.filter((attempt) => attempt.round > newest - this.rounds);
  }

  draw() {
    const width = this.frame.clientWidth;
    if (width === 0) return;
    const attempts = this.chosen();
    const nodes = [...new Set(attempts.map((attempt) => attempt.node))].sort(names.compare);
    const row = rowHeight(nodes.length);
    const label = row >= 12 ? Math.min(170, width * 0.3) : 0;
    const height = HEAD + Math.max(1, nodes.length) * row + 4;
    const pen = this.prepare(width, height);
    const first = attempts.reduce((least, attempt) => Math.min(least, attempt.started), Infinity);
    const last = attempts.reduce((most, attempt) => Math.max(most, attempt.ended ?? this.now), first + 0.001);
    const x = (time) => label + 4 + ((time - first) / (last - first)) * (width - label - 8);
    const top = new Map(nodes.map((node, place) => [node, HEAD + place * row]));
    const colours = palette();
    const font = getComputedStyle(document.body).fontFamily;
    this.rule(pen, attempts, { x, height, width, colours, font, label });
    if (label > 0) this.names(pen, top, row, label, colours, font);
    const lanes = sideBySide(attempts);
    this.boxes = attempts.map((attempt) => {
      const left = x(attempt.started);
      const { lane, of } = lanes.get(attempt);
      const share = (row - (row > 8 ? 3 : 1)) / of;
      const height = Math.max(1, share - (of > 1 && share > 3 ? 1 : 0));
      const box = { attempt, left, top: top.get(attempt.node) + 1 + lane * share, width: Math.max(2, x(attempt.ended ?? last) - left - 0.5), height };
      paint(pen, box, colours);
      return box;
    });
    this.count(attempts);
    const trouble = attempts.filter((attempt) => attempt.outcome === "failed").length;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", `${attempts.length} attempts on ${nodes.length} nodes, ${trouble} of them failed; the list below has those that did not count.`);
  }

  prepare(width, height) {
    const ratio = devicePixelRatio || 1;
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== across || this.canvas.height !== down) {
      Object.assign(this.canvas, { width: across, height: down });
      this.canvas.style.width = `${width}px`;
      this.canvas.style.height = `${height}px`;
    }
    const pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    return pen;
  }

  /** A hairline where each round begins, with its number where there is room. */
  rule(pen, attempts, { x, height, colours, font }) {
    const begins = new Map();
    for (const { round, kind, started } of attempts) {
      if (kind === "train") begins.set(round, Math.min(begins.get(round) ?? Infinity, started));
    }
    pen.font = `11px ${font}`;
    pen.textBaseline = "middle";
    let free = -Infinity;
    for (const [round, at] of [...begins].sort((a, b) => a[0] - b[0])) {
      const left = Math.round(x(at)) - 0.5;
      pen.fillStyle = colours.line;
      pen.fillRect(left, 0, 1, height);
      if (left < free) continue;
      pen.fillStyle = colours.muted;
      const text = `round ${count(round)}`;
      const room = pen.measureText(text).width;
      if (left + room + 4 <= this.frame.clientWidth) pen.fillText(text, left + 4, HEAD / 2);
      free = left + room + 14;
    }
  }

  names(pen, top, row, label, colours, font) {
    pen.font = `${row > 16 ? 12 : 11}px ${font}`;
    pen.fillStyle = colours.muted;
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, label - 6, this.canvas.height);
    pen.clip();
    for (const [node, at] of top) pen.fillText(node, 0, at + row / 2);
    pen.restore();
  }

  count(attempts) {
    const found = new Map(OUTCOMES.map((outcome) => [outcome, 0]));
    for (const { outcome } of attempts) found.set(outcome, (found.get(outcome) ?? 0) + 1);
    for (const [outcome, text] of this.counts) {
      say(text, `${outcome} ${count(found.get(outcome))}`);
      const always = outcome === "counted" || outcome === "running" || outcome === "failed";
      text.parentElement.hidden = !always && found.get(outcome) === 0;
    }
  }

  hover(event) {
    const frame = this.canvas.getBoundingClientRect();
    const [left, top] = [event.clientX - frame.left, event.clientY - frame.top];
    const hit = ({ left: at, width, top: up, height }) => left >= at - 2 && left <= at + width + 2 && top >= up - 1 && top <= up + height + 1;
    const box = this.boxes.findLast(hit);
    this.tip.hidden = !box;
    if (!box) return;
    const { attempt } = box;
    const took = span(((attempt.ended ?? this.now) - attempt.started) / 1e3);
    const lines = [`${attempt.node}`, `${attempt.round ? `round ${count(attempt.round)}, ` : ""}${work(attempt)}`, `${attempt.outcome} after ${took}`];
    if (attempt.reason) lines.push(attempt.reason);
    say(this.tip, lines.join("\n"));
    const room = this.tip.getBoundingClientRect();
    this.tip.style.left = `${Math.max(4, Math.min(event.clientX + 12, innerWidth - room.width - 8))}px`;
    this.tip.style.top = `${event.clientY + 16 + room.height > innerHeight ? event.clientY - room.height - 8 : event.clientY + 16}px`;
  }
}

/** Attempts that a node has in hand at the same time lie side by side: each gets the first lane that is free. */
function sideBySide(attempts) {
  const nodes = new Map();
  const placed = new Map();
  for (const attempt of [...attempts].sort((a, b) => a.started - b.started)) {
    if (!nodes.has(attempt.node)) nodes.set(attempt.node, []);
    const ends = nodes.get(attempt.node);
    const free = ends.findIndex((end) => end <= attempt.started);
    const lane = free < 0 ? ends.length : free;
    ends[lane] = attempt.ended ?? Infinity;
    placed.set(attempt, { lane, of: ends });
  }
  for (const place of placed.values()) place.of = place.of.length;
  return placed;
}

function palette() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return Object.fromEntries(["accent", "bad", "late", "idle", "muted", "line", "ground"].map((name) => [name, colour(name)]));
}

/** Filled is done, hollow is nothing gained; failures are red and full. */
function paint(pen, { attempt, left, top, width, height }, colours) {
  const fills = { counted: colours.accent, failed: colours.bad, cancelled: colours.idle, late: colours.late };
  const fill = fills[attempt.outcome];
  if (fill) {
    pen.fillStyle = fill;
    pen.fillRect(left, top, width, height);
    return;
  }
  const ink = attempt.outcome === "refused" ? colours.muted : colours.accent;
  if (attempt.outcome === "running") {
    pen.globalAlpha = 0.3;
    pen.fillStyle = ink;
    pen.fillRect(left, top, width, height);
    pen.globalAlpha = 1;
  }
  pen.strokeStyle = ink;
  pen.lineWidth = 1;
  pen.strokeRect(left + 0.5, top + 0.5, Math.max(1, width - 1), Math.max(1, height - 1));
}
