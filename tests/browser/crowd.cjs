// A stream of events as a coordinator with 200 nodes tells it after 1,000 rounds of a run that then stopped.

const NODES = 200;
const ROUNDS = 1000;
const KEPT = 2000;
const MARKUP = "<img src=x onerror=alert(1)>";

const event = (name, data) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
const address = (node) => `10.0.${node >> 5}.${node & 31}:5106`;

function node(number) {
  const down = number % 40 === 7;
  return {
    node: address(number), state: down ? "down" : "up", load: (number * 37 % 100) / 100, busy: down ? 0 : number % 3, slots: 2, hosted: number % 5,
    speed: 150000 + 997 * number, completed: 5000 + number, failed: down ? 12 : 0, refused: number % 11,
    failure: down ? `connecting to ${address(number)} was refused ${MARKUP}` : null, failed_at: down ? 880000 : null,
  };
}

function row(run, state, round, accuracy) {
  return {
    run, state, round, rounds: ROUNDS, accuracy, loss: 1 - accuracy, training_loss: 0.99 - accuracy, model: "mlp:784-128-10",
    strategy: "fedavg:mean=weighted,rate=1", activity: `no compute node could be reached; ${MARKUP}`, seconds: state === "succeeded" ? 912.4 : null, digest: "ab".repeat(32),
  };
}

function round(number) {
  const accuracy = 0.97 - 0.8 * Math.exp(-number / 90) + 0.01 * Math.sin(number / 3);
  return [number, accuracy, 1.05 - accuracy, 1 - accuracy, 0.85 + (number % 7) / 50, NODES, NODES - (number % 9 ? 0 : 1), number % 9 ? 0 : 1, number % 4];
}

/** Ten tasks of each round in the newest rounds, with failures and stragglers. */
function attempt(number) {
  const at = number + (ROUNDS - KEPT / NODES) * NODES;
  const [of, place] = [Math.floor(at / NODES) + 1, at % NODES];
  const started = of * 900 + (place % 3) * 4;
  const outcome = place % 61 === 5 ? "failed" : place % 47 === 3 ? "refused" : place % 83 === 9 ? "cancelled" : "counted";
  const took = outcome === "refused" ? 8 : outcome === "cancelled" ? 860 : 250 + (place * 7919 + of * 131) % 420;
  return [at + 1, address((place * 13) % NODES), "train", of, place * 5, 5, started, started + took, outcome, outcome === "failed" ? `lost in mid-task ${MARKUP}` : null];
}

const range = (count, made) => Array.from({ length: count }, (_, place) => made(place));

exports.crowd = () => [
  event("hello", { version: "0.1.0", policy: "load-balancing", began: 1, address: "10.0.0.1:5105" }),
  event("nodes", { now: 905000, known: NODES, up: NODES - 5, rows: range(NODES, node), gone: [] }),
  event("runs", {
    order: ["stopped", "before"],
    rows: [row("stopped", "stopped", ROUNDS, 0.9712), row("before", "succeeded", ROUNDS, 0.9523)],
    gone: [],
  }),
  event("plan", { run: "stopped", plan: { model: "mlp:784-128-10", data: "path:mnist/", rounds: ROUNDS, epochs: 5, batch: 10, learning_rate: 0.1, seed: 1, strategy: "fedavg", codec: "raw" } }),
  event("series", { run: "stopped", rounds: range(ROUNDS, (place) => round(place + 1)), notices: range(60, (place) => [place + 1, `round ${place * 17 + 1}: shard \`shard-${place}\` failed at ${address(place)}: ${MARKUP}`]) }),
  ...range(4, (part) => event("attempts", { run: "stopped", now: 905000, rows: range(KEPT / 4, (place) => attempt(part * (KEPT / 4) + place)) })),
  "id: stopped:1060:4000\nevent: runs\ndata: {\"order\":[\"stopped\",\"before\"],\"rows\":[],\"gone\":[]}\n\n",
].join("");

/** Two runs of a small coordinator, the first in this state; asked again soon. */
exports.two = (first) => [
  "retry: 200\n\n",
  event("hello", { version: "0.1.0", policy: "random", began: 1, address: "10.0.0.1:5105" }),
  event("nodes", { now: 905000, known: 1, up: 1, rows: [node(1)], gone: [] }),
  event("runs", { order: ["second", "first"], rows: [row("second", first === "running" ? "succeeded" : "running", 3, 0.5), row("first", first, 3, 0.5)], gone: [] }),
  event("series", { run: "first", rounds: [round(2), round(3)], notices: [] }),
].join("");
