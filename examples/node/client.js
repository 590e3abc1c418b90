// A client in JavaScript by the IDL alone: asks a coordinator for a run, follows it, and prints the accuracy.
//
//     npm install && npm run generate        needs Apache's compiler: apt-get install thrift-compiler
//     node client.js HOST PORT [DATA] [MODEL] [ROUNDS]
//
// Progress goes to stderr; the last line of stdout is the accuracy alone. Exit codes: 0 done, 1 failed, 2 wrong usage.
'use strict';

const { randomBytes } = require('crypto');
const path = require('path');
const thrift = require('thrift');

// `npm run generate` writes the stubs to gen/; ROUNDTABLE_STUBS names another folder.
const stubs = process.env.ROUNDTABLE_STUBS || path.join(__dirname, 'gen');
const load = (name) => require(path.join(path.resolve(stubs), name));

// 64-bit numbers arrive as objects, because JavaScript's own have 53 bits; sequences and rows fit.
const number = (value) => (value === null || value === undefined ? value : Number(value));

function connect(Coordinator, host, port) {
  const connection = thrift.createConnection(host, port, {
    transport: thrift.TBufferedTransport,
    protocol: thrift.TBinaryProtocol,
    connect_timeout: 10_000,
  });
  const broken = new Promise((_, reject) => {
    connection.on('error', reject);
    connection.on('close', () => reject(new Error('the coordinator closed the connection')));
    connection.on('timeout', () => reject(new Error(`${host}:${port} does not answer`)));
  });
  const client = thrift.createClient(Coordinator, connection);
  // A call is answered, or the connection breaks, or it takes longer than any call should.
  const call = (method, request) => {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer to ${method} after 40 s`)), 40_000);
    });
    return Promise.race([client[method](request), broken, late]).finally(() => clearTimeout(timer));
  };
  broken.catch(() => {}); // told by the call under way, if there is one
  return { call, end: () => connection.end() };
}

async function train(host, port, [data, model, rounds]) {
  const types = load('types_types');
  const messages = load('coordinator_types');
  const { call, end } = connect(load('Coordinator'), host, port);
  try {
    const plan = new messages.Plan({ model, rounds: rounds && Number(rounds) });
    if (data) plan.data = new types.DataRef({ spec: data });
    const key = randomBytes(16).toString('hex'); // the same key would be the same run
    const { run } = await call('submit', new messages.SubmitRequest({ key, plan }));
    for (let after = 0; ; ) {
      const { events } = await call('watch', new messages.WatchRequest({ run, after, max_wait_ms: 30_000 }));
      for (const { sequence, kind, round, message, status } of events) {
        after = number(sequence);
        if (kind === messages.EventKind.ROUND) {
          console.error(`round ${round.round}  accuracy ${round.metrics.accuracy.toFixed(4)}`);
        } else if (kind === messages.EventKind.NOTICE) {
          console.error(`note: ${message}`);
        } else if (kind === messages.EventKind.ENDED) {
          if (status.state !== messages.RunState.SUCCEEDED) throw new Error(status.error || 'the run was called off');
          return status.report.accuracy;
        }
      }
    }
  } finally {
    end();
  }
}

const [host, port, ...plan] = process.argv.slice(2);
if (!host || !(port > 0)) {
  console.error('usage: node client.js HOST PORT [DATA] [MODEL] [ROUNDS]');
  process.exit(2);
}
train(host, Number(port), plan).then(
  (accuracy) => console.log(accuracy.toFixed(4)),
  (error) => {
    // A Fault names every wrong field in `problems`.
    const problems = (error.problems || []).map(({ field, message }) => `${field}: ${message}`);
    console.error(`error: ${problems.join('; ') || error.message}`);
    process.exitCode = 1;
  },
);
