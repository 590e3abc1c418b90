// The page: takes in events, remembers a bounded amount, and shows what changed once a frame.

import { Chart } from "./chart.js";
import { attemptTable, nodeTable, runTable, Rows, sorted } from "./tables.js";
import { by, count, element, mark, measure, say, span } from "./text.js";
import { Timeline } from "./timeline.js";

const MOST_POINTS = 2000; // of a run; older ones are thinned
const MOST_ATTEMPTS = 2000; // of a run, as many as the coordinator keeps
const MOST_NOTICES = 200;
const MOST_FOLLOWED = 6; // runs in one chart
const MOST_LISTED = 100; // attempts that did not count
const AGEING = 1000; // milliseconds between looks at ages when nothing is told
const PATIENCE = 2000; // milliseconds until a lost stream is asked for again

const token = takeToken();
const state = {
  hello: null, fresh: new Set(), now: 0, heard: 0, known: 0, up: 0,
  nodes: new Map(), runs: new Map(), order: [],
  followed: new Map(), // run -> what is known of it beyond its row
  chosen: null, pinned: false, compared: [],
  sort: { column: "node", descending: false },
};
const dirty = new Set();
let stream = null;
let cursor = "";
let retry = 0;

/** The token goes from the address into this tab, so that it is neither bookmarked nor seen over a shoulder. */
function takeToken() {
  const asked = new URLSearchParams(location.search).get("token");
  try {
    if (asked) {
      sessionStorage.setItem("token", asked);
      history.replaceState(null, "", location.pathname + location.hash);
    }
    return asked ?? sessionStorage.getItem("token");
  } catch {
    return asked;
  }
}

// The stream.

function connect() {
  clearTimeout(retry);
  stream?.close();
  const asked = new URLSearchParams({ runs: following().join(","), after: cursor });
  if (token) asked.set("token", token);
  stream = new EventSource(`events?${asked}`);
  const own = stream;
  for (const [name, take] of Object.entries(takers)) {
    stream.addEventListener(name, (event) => {
      if (own !== stream) return;
      if (event.lastEventId) cursor = event.lastEventId;
      take(JSON.parse(event.data));
      redraw(name);
    });
  }
  stream.addEventListener("open", () => { if (own === stream) link("live", "live"); });
  stream.addEventListener("error", () => { if (own === stream) lost(); });
}

/** A stream that broke is asked for again; one that is refused says why. */
function lost() {
  link("lost", "coordinator out of reach; trying again");
  if (stream.readyState !== EventSource.CLOSED) return;
  retry = setTimeout(connect, PATIENCE);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  fetch("metrics", { headers }).then((answer) => {
    if (answer.status === 401) link("lost", "the token is missing or wrong: open the address printed at start");
  }, () => {});
}

function link(how, text) {
  mark(by("link"), "data-link", how);
  say(by("link"), text);
}

const takers = {
  hello(hello) {
    if (state.hello && state.hello.began !== hello.began) {
      // Another life of the coordinator: runs that it kept go on, attempts are numbered anew.
      for (const known of state.followed.values()) known.attempts.clear();
      cursor = cursor.split(",").filter(Boolean).map((one) => one.replace(/:\d+$/, ":0")).join(",");
      state.hello = hello;
      return connect();
    }
    state.hello = hello;
    // A stream that begins tells all nodes and runs; until then those that were known are shown.
    state.fresh = new Set(["nodes", "runs"]);
  },
  nodes({ now, known, up, rows, gone }) {
    Object.assign(state, { now, heard: performance.now(), known, up });
    if (state.fresh.delete("nodes")) state.nodes.clear();
    for (const row of rows) state.nodes.set(row.node, row);
    for (const node of gone) state.nodes.delete(node);
  },
  runs({ order, rows, gone }) {
    if (state.fresh.delete("runs")) state.runs.clear();
    for (const row of rows) state.runs.set(row.run, row);
    for (const run of gone) state.runs.delete(run);
    state.order = order;
    follow();
  },
  // A run that is no longer followed may still be told for a moment; what is kept of it would have gaps.
  plan({ run, plan }) {
    const known = state.followed.get(run);
    if (known) known.plan = plan;
  },
  series({ run, rounds, notices }) {
    const known = state.followed.get(run);
    if (!known) return;
    const last = known.rounds.at(-1)?.[0] ?? 0;
    for (const round of rounds) if (round[0] > last) known.rounds.push(round);
    known.rounds = thinned(known.rounds);
    const newest = known.notices.at(-1)?.[0] ?? 0;
    known.notices.push(...notices.filter(([number]) => number > newest));
    known.notices.splice(0, known.notices.length - MOST_NOTICES);
  },
  attempts({ run, now, rows }) {
    if (now > state.now) Object.assign(state, { now, heard: performance.now() });
    const attempts = state.followed.get(run)?.attempts;
    if (!attempts) return;
    for (const [number, node, kind, round, first, shards, started, ended, outcome, reason] of rows) {
      attempts.set(number, { number, node, kind, round, first, shards, started, ended, outcome, reason });
    }
    for (const number of attempts.keys()) {
      if (attempts.size <= MOST_ATTEMPTS) break;
      attempts.delete(number);
    }
  },
};

/** From now on what is told of a run is kept. */
function begin(run) {
  if (!state.followed.has(run)) state.followed.set(run, { plan: null, rounds: [], notices: [], attempts: new Map() });
}

/** The coordinator's clock: it goes on where nothing is told. */
const present = () => state.now + (performance.now() - state.heard);

/** Of too many points every other one of the older half goes. */
function thinned(points) {
  while (points.length > MOST_POINTS) {
    const half = points.length >> 1;
    points = points.filter((_, place) => place >= half || place % 2 === 0);
  }
  return points;
}

// Which runs are shown.

function following() {
  return [state.chosen, ...state.compared].filter(Boolean).slice(0, MOST_FOLLOWED);
}

/** Shows the newest run unless one was chosen, and asks for what is needed for it. */
function follow() {
  if (state.pinned && !state.runs.has(state.chosen)) state.pinned = false;
  const running = state.order.find((run) => state.runs.get(run)?.state === "running");
  const current = state.runs.get(state.chosen);
  if (!state.pinned && (!current || (current.state !== "running" && running))) state.chosen = running ?? state.order[0] ?? null;
  state.compared = state.compared.filter((run) => run !== state.chosen && state.runs.has(run));
  const wanted = following();
  const known = [...state.followed.keys()];
  const missing = wanted.some((run) => !state.followed.has(run));
  for (const run of known) if (!wanted.includes(run)) state.followed.delete(run);
  for (const run of wanted) begin(run);
  if (missing) {
    cursor = cursor.split(",").filter((one) => known.includes(one.split(":")[0]) && wanted.includes(one.split(":")[0])).join(",");
    connect();
  }
  remember();
}

function choose(run) {
  Object.assign(state, { chosen: run, pinned: true });
  say(by("trouble"), "");
  by("trouble").hidden = true;
  follow();
  redraw("runs", "series", "attempts", "plan");
}

function compare(run, wanted) {
  state.compared = state.compared.filter((other) => other !== run);
  if (wanted) state.compared.push(run);
  follow();
  redraw("runs", "series");
}

/** What is shown is in the address, so that a reload shows it again. */
function remember() {
  const shown = new URLSearchParams();
  if (state.pinned) shown.set("run", state.chosen);
  if (state.compared.length) shown.set("with", state.compared.join(","));
  const hash = shown.size ? `#${shown}` : "";
  if (location.hash !== hash) history.replaceState(null, "", location.pathname + hash);
}

function recall() {
  const shown = new URLSearchParams(location.hash.slice(1));
  if (shown.get("run")) Object.assign(state, { chosen: shown.get("run"), pinned: true });
  state.compared = (shown.get("with") ?? "").split(",").filter(Boolean).slice(0, MOST_FOLLOWED - 1);
  for (const run of following()) begin(run);
}

// What is shown.

const runs = runTable(document.querySelector("#runs tbody"), choose, compare);
const nodes = nodeTable(document.querySelector("#nodes tbody"));
const uncounted = attemptTable(document.querySelector("#uncounted tbody"));
const accuracy = new Chart(by("accuracy-chart"), "Accuracy");
const loss = new Chart(by("loss-chart"), "Loss");
const timeline = new Timeline(by("timeline"), by("outcomes"), by("tip"));
const notices = new Rows(by("notices"), () => ({ root: element("li") }), ({ root }, text) => say(root, text));

function redraw(...names) {
  if (dirty.size === 0) requestAnimationFrame(draw);
  for (const name of names) dirty.add(name);
}

function draw() {
  const changed = new Set(dirty);
  dirty.clear();
  const any = (...names) => names.some((name) => changed.has(name));
  if (any("hello", "nodes")) drawNodes();
  if (any("runs", "hello")) drawRuns();
  if (any("runs", "series")) drawRun();
  if (any("runs", "attempts")) drawAttempts();
  if (any("runs", "series", "plan")) drawDetails();
}

function drawNodes() {
  const there = state.nodes.size;
  say(by("summary"), state.hello ? `${count(state.up)} of ${count(state.known)} nodes up · ${state.hello.policy}` : "");
  say(by("nodes-count"), there < state.known ? `${count(there)} of ${count(state.known)} shown, those that are not up first` : count(there));
  by("no-nodes").hidden = there > 0;
  document.querySelector("#nodes .scroll").hidden = there === 0;
  if (state.hello) say(by("join-command"), `compute_node 0 0 --join ${state.hello.address}`);
  const { column, descending } = state.sort;
  nodes.show(sorted(state.nodes, column, descending), (node) => ({ row: state.nodes.get(node), now: present() }));
}

function drawRuns() {
  by("no-runs").hidden = state.order.length > 0;
  document.querySelector("#runs .scroll").hidden = state.order.length === 0;
  if (state.hello) say(by("start-command"), `client ${state.hello.address.replace(/:(\d+)$/, " $1").replace(/[[\]]/g, "")}`);
  const full = following().length >= MOST_FOLLOWED;
  const there = state.order.filter((run) => state.runs.has(run));
  runs.show(there, (run) => ({ row: state.runs.get(run), chosen: run === state.chosen, compared: state.compared.includes(run), full }));
}

function drawRun() {
  const row = state.runs.get(state.chosen);
  for (const part of ["run", "attempts", "notices-part", "plan-part"]) by(part).hidden = !row;
  document.title = row ? `${row.run} ${row.state} ${row.round}/${row.rounds} · Roundtable` : "Roundtable";
  if (!row) return;
  const known = state.followed.get(row.run);
  const last = known.rounds.at(-1);
  say(by("run-name"), row.run);
  say(by("run-state"), row.state);
  for (const part of ["run-state", "activity"]) mark(by(part), "data-state", row.state);
  say(by("activity"), row.state === "succeeded" ? `finished in ${span(row.seconds)}` : row.activity);
  by("cancel").hidden = row.state !== "running";
  by("resume").hidden = row.state !== "stopped";
  by("cancel").disabled = by("resume").disabled = !token;
  by("why-not").hidden = Boolean(token) || (by("cancel").hidden && by("resume").hidden);
  say(by("figure-round"), `${count(row.round)} / ${count(row.rounds)}`);
  say(by("figure-accuracy"), measure(row.accuracy));
  say(by("figure-loss"), measure(row.loss));
  say(by("figure-training"), measure(row.training_loss));
  say(by("figure-seconds"), span(last?.[4]));
  say(by("figure-counted"), last ? `${count(last[6])} / ${count(last[5])}` : "–");
  const curves = (column, training) => following().flatMap((run, place) => {
    const points = (at) => state.followed.get(run).rounds.filter((round) => round[at] !== null).map((round) => [round[0], round[at]]);
    const held = { name: place === 0 && training && !state.compared.length ? "held out" : run, points: points(column), place };
    if (place > 0 || !training || state.compared.length) return [held];
    return [held, { name: "training", points: points(3), place, faint: true }];
  });
  const rounds = Math.max(...following().map((run) => state.runs.get(run)?.round ?? 0));
  accuracy.show(curves(1, false), rounds);
  loss.show(curves(2, true), rounds);
}

function drawAttempts() {
  if (!state.runs.has(state.chosen)) return;
  const attempts = [...state.followed.get(state.chosen).attempts.values()];
  timeline.show(attempts, state.now);
  const others = attempts.filter(({ outcome }) => !["counted", "running", "compared"].includes(outcome)).reverse();
  const listed = new Map(others.slice(0, MOST_LISTED).map((attempt) => [attempt.number, attempt]));
  uncounted.show(listed.keys(), (number) => listed.get(number));
  say(by("uncounted-count"), others.length > MOST_LISTED ? `(newest ${MOST_LISTED} of ${count(others.length)})` : `(${others.length})`);
}

function drawDetails() {
  if (!state.runs.has(state.chosen)) return;
  const known = state.followed.get(state.chosen);
  const told = new Map([...known.notices].reverse());
  notices.show(told.keys(), (number) => told.get(number));
  by("told").hidden = told.size === 0;
  by("no-notices").hidden = told.size > 0;
  const { digest } = state.runs.get(state.chosen);
  by("digest").hidden = !digest;
  say(by("digest").querySelector("code"), digest ?? "");
  if (by("plan").shown === known.plan) return;
  by("plan").shown = known.plan;
  const line = ([name, value]) => element("div", {}, element("dt", {}, name.replaceAll("_", " ")), element("dd", {}, String(value)));
  by("plan").replaceChildren(...Object.entries(known.plan ?? {}).map(line));
}

// What can be done.

async function act(what, run) {
  const buttons = [by("cancel"), by("resume")];
  for (const button of buttons) button.disabled = true;
  let trouble = "";
  try {
    const answer = await fetch(`runs/${encodeURIComponent(run)}/${what}`, { method: "POST", headers: { Authorization: `Bearer ${token}` } });
    if (!answer.ok) trouble = `Could not ${what} run ${run}: ${(await answer.text()).trim()}`;
  } catch {
    trouble = `Could not ${what} run ${run}: the coordinator is out of reach.`;
  }
  for (const button of buttons) button.disabled = !token;
  say(by("trouble"), trouble);
  by("trouble").hidden = trouble === "";
}

let doomed = null; // the run that the dialog is about; another may be shown by the time it is answered

by("resume").addEventListener("click", () => act("resume", state.chosen));
by("cancel").addEventListener("click", () => {
  doomed = state.chosen;
  say(by("confirm-run"), doomed);
  by("confirm").returnValue = "no";
  by("confirm").showModal();
});
by("confirm").addEventListener("close", () => { if (by("confirm").returnValue === "yes") act("cancel", doomed); });
by("window").addEventListener("change", () => {
  timeline.rounds = Number(by("window").value);
  redraw("attempts");
});
for (const button of document.querySelectorAll("#nodes th button")) {
  button.addEventListener("click", () => {
    const column = button.dataset.by;
    const again = state.sort.column === column;
    const numeric = !["node", "state"].includes(column);
    state.sort = { column, descending: again ? !state.sort.descending : numeric };
    for (const other of document.querySelectorAll("#nodes th[aria-sort]")) mark(other, "aria-sort", "none");
    mark(button.parentElement, "aria-sort", state.sort.descending ? "descending" : "ascending");
    redraw("nodes");
  });
}
setInterval(() => redraw("nodes"), AGEING);
recall();
connect();
