// Tables and lists of rows that have names: a row is made once, changed in place, and moved only when the order changes.

import { count, element, mark, measure, say, span, work } from "./text.js";

/** Keeps the children of `body` in step with rows by name. */
export class Rows {
  constructor(body, make, update) {
    Object.assign(this, { body, make, update, made: new Map() });
  }

  show(names, row) {
    const gone = new Set(this.made.keys());
    let next = this.body.firstElementChild;
    for (const name of names) {
      gone.delete(name);
      let known = this.made.get(name);
      if (!known) {
        known = this.make(name);
        this.made.set(name, known);
      }
      this.update(known, row(name), name);
      if (known.root === next) next = next.nextElementSibling;
      else this.body.insertBefore(known.root, next);
    }
    for (const name of gone) {
      this.made.get(name).root.remove();
      this.made.delete(name);
    }
  }
}

const cell = (classes) => element("td", { class: classes });

function meter() {
  const fill = element("i");
  const text = element("span");
  return { fill, text, whole: [element("span", { class: "meter", "aria-hidden": "true" }, fill), text] };
}

function fill(made, share, text) {
  const width = `scaleX(${Math.max(0, Math.min(1, share || 0)).toFixed(3)})`;
  if (made.fill.style.transform !== width) made.fill.style.transform = width;
  say(made.text, text);
}

/** The table of runs: choosing one, and comparing several. */
export function runTable(body, choose, compare) {
  const make = (run) => {
    const tick = element("input", { type: "checkbox", "aria-label": `Compare run ${run} in the charts` });
    const name = element("button", { type: "button" });
    const rounds = meter();
    const cells = {
      tick: cell("tick"), name: cell("name"), state: cell("state"), progress: cell("progress"),
      accuracy: cell("number"), loss: cell("number"), model: cell("wide"), strategy: cell("wide"),
    };
    cells.tick.append(tick);
    cells.name.append(name);
    cells.progress.append(...rounds.whole);
    const root = element("tr", {}, ...Object.values(cells));
    tick.addEventListener("change", () => compare(run, tick.checked));
    root.addEventListener("click", (event) => { if (event.target !== tick) choose(run); });
    return { root, tick, name, rounds, cells };
  };
  const update = ({ root, tick, name, rounds, cells }, { row, chosen, compared, full }) => {
    mark(root, "aria-current", chosen ? "true" : null);
    tick.checked = chosen || compared;
    tick.disabled = chosen || (full && !compared);
    say(name, row.run);
    say(cells.state, row.state);
    mark(cells.state, "data-state", row.state);
    fill(rounds, row.round / row.rounds, `${count(row.round)} / ${count(row.rounds)}`);
    say(cells.accuracy, measure(row.accuracy));
    say(cells.loss, measure(row.loss));
    for (const key of ["model", "strategy"]) {
      say(cells[key], row[key]);
      mark(cells[key], "title", row[key]);
    }
  };
  return new Rows(body, make, update);
}

/** An age in milliseconds, for people: to the second. */
function since(age) {
  const seconds = Math.max(0, Math.floor(age / 1e3));
  return seconds < 100 ? `${seconds} s` : span(seconds);
}

/** The table of nodes. */
export function nodeTable(body) {
  const make = () => {
    const load = meter();
    const cells = {
      node: cell("name"), state: cell("state"), load: cell("load"), busy: cell("number"), hosted: cell("number wide"), speed: cell("number wide"),
      completed: cell("number"), failed: cell("number failures"), refused: cell("number wide"), failure: cell("reason"),
    };
    cells.load.append(...load.whole);
    return { root: element("tr", {}, ...Object.values(cells)), load, cells };
  };
  const update = ({ load, cells }, { row, now }) => {
    say(cells.node, row.node);
    say(cells.state, row.state);
    mark(cells.state, "data-state", row.state);
    const there = row.state !== "down" && row.state !== "new";
    fill(load, there ? row.load : 0, there ? `${Math.round(row.load * 100)} %` : "–");
    say(cells.busy, `${row.busy} / ${row.slots}`);
    for (const key of ["hosted", "speed", "completed", "failed", "refused"]) say(cells[key], count(row[key]));
    mark(cells.failed, "data-zero", row.failed === 0 ? "" : null);
    const age = row.failed_at === null ? "" : ` (${since(now - row.failed_at)} ago)`;
    say(cells.failure, row.failure === null ? "" : `${row.failure}${age}`);
  };
  return new Rows(body, make, update);
}

/** The table of attempts that did not count. */
export function attemptTable(body) {
  const make = () => {
    const cells = {
      round: cell("number"), node: cell("name"), work: cell(""), after: cell("number"), outcome: cell("state"), reason: cell("reason"),
    };
    return { root: element("tr", {}, ...Object.values(cells)), cells };
  };
  const update = ({ cells }, attempt) => {
    say(cells.round, attempt.round === 0 ? "–" : count(attempt.round));
    say(cells.node, attempt.node);
    say(cells.work, work(attempt));
    say(cells.after, span((attempt.ended - attempt.started) / 1e3));
    say(cells.outcome, attempt.outcome);
    mark(cells.outcome, "data-state", attempt.outcome);
    say(cells.reason, attempt.reason ?? "");
  };
  return new Rows(body, make, update);
}

// Numbers in names count as numbers: node 9 comes before node 10.
const text = new Intl.Collator("en", { numeric: true });

/** Names in the order of a column; equal ones as they came. */
export function sorted(rows, column, descending) {
  const order = (a, b) => (typeof a === "string" ? text.compare(a, b) : (a ?? -1) - (b ?? -1));
  const values = [...rows.values()].sort((a, b) => order(a[column], b[column]) * (descending ? -1 : 1));
  return values.map((row) => row.node);
}
