// Curves over rounds: a small line chart in SVG, with a cross-hair for pointer and keyboard.

import { count, drawing, element, measure, say } from "./text.js";

const HEIGHT = 210;
const EDGE = { left: 46, right: 10, top: 8, bottom: 24 };
const DASHES = ["", "6 3", "2 3", "8 3 2 3", "1 3", "10 4"];

/** Round numbers from below `low` to above `high`, about `wanted` of them. */
export function ticks(low, high, wanted) {
  if (!(high > low)) high = low + (Math.abs(low) || 1) * 0.1;
  const raw = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= raw * 0.999);
  const first = Math.floor(low / step + 1e-9) * step;
  const found = [];
  for (let at = first; found.length === 0 || found.at(-1) < high - step * 1e-9; at += step) found.push(Number(at.toPrecision(12)));
  return found;
}

/** Of many points so few that no pixel has more than its lowest, highest and last. */
export function visible(points, x, y) {
  if (points.length <= 800) return points.map((point) => [x(point[0]), y(point[1])]);
  const columns = new Map();
  for (const [at, value] of points) {
    const column = Math.round(x(at));
    const known = columns.get(column);
    if (!known) columns.set(column, [value, value, value]);
    else columns.set(column, [Math.min(known[0], value), Math.max(known[1], value), value]);
  }
  return [...columns].flatMap(([column, [low, high, last]]) =>
    low === high ? [[column, y(last)]] : [[column, y(low)], [column, y(high)], [column, y(last)]]);
}

export class Chart {
  constructor(figure, title) {
    Object.assign(this, { figure, title, curves: [], hover: null });
    this.heading = element("b", {}, title);
    this.keys = element("span", { class: "keys" });
    this.at = element("span", { class: "at" });
    this.svg = drawing("svg", { role: "img", tabindex: "0", height: String(HEIGHT) });
    figure.append(element("figcaption", {}, this.heading, this.at, this.keys), this.svg);
    this.svg.addEventListener("pointermove", (event) => this.point(event.clientX - this.svg.getBoundingClientRect().left));
    this.svg.addEventListener("pointerleave", () => this.look(null));
    this.svg.addEventListener("blur", () => this.look(null));
    this.svg.addEventListener("keydown", (event) => this.step(event));
    new ResizeObserver(() => this.draw()).observe(figure);
  }

  /** Curves are `{name, points: [[round, value]], place, faint}`; the first is the run that is shown. */
  show(curves, rounds) {
    this.curves = curves;
    this.rounds = rounds;
    this.draw();
  }

  look(round) {
    if (this.hover === round) return;
    this.hover = round;
    this.draw();
  }

  point(left) {
    if (!this.scale) return;
    const inner = this.width - EDGE.left - EDGE.right;
    const share = (left - EDGE.left) / inner;
    this.look(Math.round(this.scale.first + share * (this.scale.last - this.scale.first)));
  }

  step(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    if (event.key === "Escape") return this.look(null);
    if (!by || !this.scale) return;
    event.preventDefault();
    const from = this.hover ?? (by < 0 ? this.scale.last + 1 : this.scale.first - 1);
    this.look(Math.min(this.scale.last, Math.max(this.scale.first, from + by)));
  }

  draw() {
    this.width = this.figure.clientWidth;
    const points = this.curves.flatMap((curve) => curve.points);
    const parts = [];
    if (this.width === 0) return;
    if (points.length === 0) {
      this.scale = null;
      parts.push(drawing("text", { x: "0", y: "60" }, "Nothing measured yet."));
    } else {
      const { x, y } = this.scales(points, parts);
      for (const curve of [...this.curves].reverse()) parts.push(this.curve(curve, x, y));
      if (this.hover !== null) parts.push(...this.cross(x, y));
    }
    this.svg.replaceChildren(...parts);
    this.svg.setAttribute("aria-label", this.description());
    this.legend();
  }

  scales(points, parts) {
    let [low, high] = [Infinity, -Infinity];
    for (const [, value] of points) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    const heights = ticks(low, high, 4);
    [low, high] = [heights[0], heights.at(-1)];
    const first = 1;
    const last = Math.max(2, this.rounds, points.reduce((most, [round]) => Math.max(most, round), 0));
    this.scale = { first, last };
    const [inner, depth] = [this.width - EDGE.left - EDGE.right, HEIGHT - EDGE.top - EDGE.bottom];
    const x = (round) => EDGE.left + ((round - first) / (last - first)) * inner;
    const y = (value) => EDGE.top + (1 - (value - low) / (high - low)) * depth;
    const decimals = Math.max(0, -Math.floor(Math.log10(heights[1] - heights[0]) + 1e-9));
    for (const value of heights) {
      const at = y(value).toFixed(1);
      parts.push(drawing("line", { class: "grid", x1: EDGE.left, x2: this.width - EDGE.right, y1: at, y2: at }));
      const label = Math.abs(value) >= 1e5 ? value.toExponential(0) : value.toFixed(Math.min(decimals, 6));
      parts.push(drawing("text", { x: EDGE.left - 8, y: Number(at) + 4, "text-anchor": "end" }, label));
    }
    const across = ticks(first, last, Math.max(2, Math.floor(inner / 90))).filter((round) => round > 0 && round <= last && Number.isInteger(round));
    for (const round of new Set([1, ...across])) {
      if (round !== 1 && x(round) - x(1) < 30) continue;
      const anchor = x(round) > this.width - 26 ? "end" : "middle";
      const at = anchor === "end" ? this.width - EDGE.right : x(round);
      parts.push(drawing("text", { x: at.toFixed(1), y: HEIGHT - 6, "text-anchor": anchor }, count(round)));
    }
    return { x, y };
  }

  curve({ points, place, faint }, x, y) {
    const seen = visible(points, x, y).map(([left, top]) => `${left.toFixed(1)} ${top.toFixed(1)}`);
    // A single point is a line of no length, which round ends make a dot.
    const path = `M${seen.join("L")}${seen.length === 1 ? "h0.01" : ""}`;
    const made = drawing("path", { class: faint ? "curve faint" : "curve", d: seen.length ? path : "" });
    made.style.stroke = `var(--line-${place + 1})`;
    if (DASHES[place] || faint) made.style.strokeDasharray = faint ? "2 3" : DASHES[place];
    return made;
  }

  cross(x, y) {
    const at = x(this.hover).toFixed(1);
    const parts = [drawing("line", { class: "cross", x1: at, x2: at, y1: EDGE.top, y2: HEIGHT - EDGE.bottom })];
    for (const curve of this.curves) {
      const found = nearest(curve.points, this.hover);
      if (!found) continue;
      const dot = drawing("circle", { cx: x(found[0]).toFixed(1), cy: y(found[1]).toFixed(1), r: curve.faint ? 2 : 3 });
      dot.style.fill = `var(--line-${curve.place + 1})`;
      parts.push(dot);
    }
    return parts;
  }

  /** What the curves are, and their values where the cross-hair is, or at their ends. */
  legend() {
    const named = this.curves.length > 1;
    const keys = this.curves.map((curve) => {
      const found = this.hover === null ? curve.points.at(-1) : nearest(curve.points, this.hover);
      const sample = drawing("path", { d: "M0 4h20", class: curve.faint ? "curve faint" : "curve" });
      sample.style.stroke = `var(--line-${curve.place + 1})`;
      if (DASHES[curve.place] || curve.faint) sample.style.strokeDasharray = curve.faint ? "2 3" : DASHES[curve.place];
      const name = named ? `${curve.name} ` : "";
      return element("span", { class: "key" }, drawing("svg", { viewBox: "0 0 20 8", "aria-hidden": "true" }, sample), `${name}${measure(found?.[1])}`);
    });
    this.keys.replaceChildren(...keys);
    say(this.at, this.hover === null ? "" : `round ${count(this.hover)}`);
  }

  description() {
    const last = this.curves[0]?.points.at(-1);
    const end = last ? `; ${measure(last[1])} after round ${last[0]}` : "";
    return `${this.title} after each round${end}. Arrow keys move through the rounds.`;
  }
}

/** The point at a round, or the last before it. */
function nearest(points, round) {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] <= round) low = middle + 1;
    else high = middle;
  }
  return points[low - 1];
}
