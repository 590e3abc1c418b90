# What a compute node offers to a coordinator. A node in any language implements this service:
# `hello`, `heartbeat` and `train` are enough; the other methods are abilities named in its hello.
# docs/nodes-in-any-language.md goes through them one by one.

include "types.thrift"

namespace * roundtable.node

/** Rows that a node was started with and that never leave it. */
struct HostedShard {
  1: required string name
  2: required i64 rows
  3: optional i32 features
  /** 0 where rows have real values. */
  4: optional i32 classes
}

/** What the columns of a node's private rows are called, where its files say so. Nodes that say so must agree to train one
 * model: values are put together by their places alone. More than 1024 names, or 32 KiB of them, are not taken into
 * account. */
struct Columns {
  /** The features, in their order. */
  1: optional list<string> features
  /** The classes, in theirs: class 0 is the first. */
  2: optional list<string> classes
}

struct HelloRequest {
  1: required types.Hello hello
}

struct HelloReply {
  1: required types.Hello hello
  /** Drawn anew whenever the node starts; another value means that caches and tasks are gone. */
  2: required i64 incarnation
  /** How many `train` and `evaluate` calls may be under way at once; 1 when absent. */
  3: optional i32 slots
  /** Private shards this node hosts. */
  4: optional list<HostedShard> hosted
  /** Training speed by a short benchmark, in rows per second of a small network. */
  5: optional double rows_per_second
  /** What its clock says, in milliseconds since 1970. */
  6: optional i64 wall_ms
  /** Of all its private shards. */
  7: optional Columns columns
}

struct HeartbeatRequest {
}

/** Cheap, on a connection of its own, and answered while tasks run. */
struct HeartbeatReply {
  1: required i64 incarnation
  /** 0 idle to 1 fully busy. */
  2: optional double load
  /** Tasks in hand. */
  3: optional i32 running
  /** The node finishes what it has and wants nothing new. */
  4: optional bool leaving
}

/** How a node trains. Absent fields take the value given here. */
struct Training {
  /** Passes over the shard; 1. */
  1: optional i32 epochs
  /** Rows of a step; 0 is all rows; 0. */
  2: optional i32 batch
  /** Of this round: the coordinator follows the plan's schedule. */
  3: required double learning_rate
  /** `cross-entropy`, or `cross-entropy:sum` for the sum over the rows of a step in place of their mean. */
  4: optional string objective
  /** Stop when the summed loss of the shard changes by no more than this from one epoch to the next. */
  5: optional double plateau
  /**
   * The fields below change a step. With g the gradient of the objective over the rows of the step, w the parameters, w_0
   * those that training began with, and v the velocity, which is 0 where training on a shard begins, a step is
   *
   *     g <- g + weight_decay * w + proximal * (w - w_0);  v <- momentum * v + g;  w <- w - learning_rate * v
   *
   * A node names those it knows among the abilities of its hello, and is not sent the others: a field that a node
   * does not know it would leave out without a word. Ability `momentum`: 0 to below 1; 0 when absent.
   */
  6: optional double momentum
  /** Ability `weight-decay`: the l2 penalty weight_decay / 2 * |w|^2, of biases too; 0 when absent. */
  7: optional double weight_decay
  /** Ability `proximal`: the penalty proximal / 2 * |w - w_0|^2 of FedProx; 0 when absent. */
  8: optional double proximal
}

/**
 * How a node adds the updates of several shards into one sum, exactly, so that the coordinator gets the same
 * bits as from one update at a time.
 *
 * A shard weighs w: as many as its rows, or 1. In single precision each value v of its update becomes the integer
 * nearest to v * (w * 2^bits), ties to even, worked out in double precision; the sums are 64-bit integers. In double
 * precision it becomes w times the integer nearest to v * 2^bits; the sums are 128-bit integers. The reply's
 * update has the codec `exact` and holds one such integer a value, little-endian, in the order of the layout.
 */
struct Fold {
  1: required i32 bits
  /** A shard weighs as many as its rows; if not, 1. */
  2: required bool by_rows
}

/** How one shard of several was trained. */
struct ShardResult {
  /** Rows of the shard, not counting repeats by epochs. */
  1: required i64 rows
  /** Mean loss per row over the last epoch. */
  2: required double loss
}

/** Train one model on some shards. */
struct TrainRequest {
  /** Run, round and attempt; an attempt's id is never used again. */
  1: required string run
  2: required i32 round
  3: required i64 attempt
  /** A model by its spec, for example `mlp:784-128-10`. */
  4: required string model
  /** What `parameters` and the update hold. */
  5: required list<types.Tensor> layout
  6: required types.Payload parameters
  7: required types.DataRef data
  /** One, or, where the node has the ability `fold`, several: each is trained from the same parameters. */
  8: required list<types.ShardRef> shards
  9: required Training training
  /** The run's seed; every random choice comes from (seed, purpose, round, shard). */
  10: required i64 seed
  /** Milliseconds from receipt after which nobody waits for the answer. */
  11: optional i64 budget_ms
  /** The node may answer `Fault` REFUSED because of its load. */
  12: optional bool may_refuse
  /** Updates with a value beyond this, either way, are not accepted. */
  13: optional double largest_update
  /** Given when there are several shards. */
  14: optional Fold fold
  /**
   * How the update should be encoded; `raw` when absent. A node may always answer `raw`: the coordinator then encodes
   * and decodes the update itself, so that the result does not depend on which node it was. A node that folds
   * encodes and decodes each update before it is added; the sum has the codec `exact`.
   */
  15: optional string codec
  /** Added to the gradient of every step; `raw`, in the request's layout. Only with one shard, and only to nodes with the
   * ability `correction`. */
  16: optional types.Payload correction
  /** For studies: class c of n is taken for class n - 1 - c. Only with one shard, and only to nodes with the ability
   * `flip-labels`. */
  17: optional bool flip_labels
}

struct TrainReply {
  /** New minus old parameters, in the request's layout and codec, or `raw`; of several shards, their sum as `Fold` says. */
  1: required types.Payload update
  /** Rows of the shards, not counting repeats by epochs. */
  2: required i64 rows
  /** Mean loss per row over the last epoch. */
  3: required double loss
  /** Epochs done: fewer than asked after a plateau. */
  4: optional i32 epochs
  /** Seconds spent training. */
  5: optional double seconds
  /** Of several shards, how each was trained, in the request's order. */
  6: optional list<ShardResult> shards
}

/** Evaluate parameters on the held-out rows of some shards (`private:` data). */
struct EvaluateRequest {
  1: required string run
  2: required i32 round
  3: required i64 attempt
  4: required string model
  5: required list<types.Tensor> layout
  6: required types.Payload parameters
  7: required types.DataRef data
  8: required list<types.ShardRef> shards
  9: required i64 seed
  10: optional i64 budget_ms
  /** After the last round: the metrics should be as full as the node can make them. */
  11: optional bool full
}

struct EvaluateReply {
  1: required types.Metrics metrics
}

/** Ask for the first parameters of a model the coordinator does not know. */
struct InitialiseRequest {
  1: required string model
  2: required i64 seed
}

struct InitialiseReply {
  1: required list<types.Tensor> layout
  2: required types.Payload parameters
}

/** Add up features of rows that train, for means and deviations over all nodes. */
struct DescribeRequest {
  1: required types.DataRef data
  2: required list<types.ShardRef> shards
  3: required i64 seed
}

/** Exact sums over a column, as whole numbers in two's complement, little-endian. */
struct ColumnSums {
  /** Of the values, in units of 2^-149, of which every float is a whole multiple. */
  1: required binary sum
  /** Of their squares, in units of 2^-298. */
  2: required binary squares
  3: required double least
  4: required double largest
}

struct DescribeReply {
  1: required i64 rows
  2: required list<ColumnSums> columns
}

struct CancelRequest {
  1: required i64 attempt
  2: optional string reason
}

struct CancelReply {
  /** Whether the attempt was under way here. */
  1: required bool found
}

service ComputeNode {
  HelloReply hello(1: HelloRequest request) throws (1: types.Fault fault)
  HeartbeatReply heartbeat(1: HeartbeatRequest request) throws (1: types.Fault fault)

  /**
   * Blocks until trained. Idempotent: asked again for the same run, round, shards and parameters, a
   * node that still has the answer gives it at once. Faults: REFUSED (busy, ask another node),
   * NOT_FOUND (a blob is missing: put it and ask again; or no such data here), INVALID, CANCELLED.
   * Ability `fold`: several shards in one request. A node without it is asked for one at a time.
   */
  TrainReply train(1: TrainRequest request) throws (1: types.Fault fault)

  /** Ability `evaluate`. */
  EvaluateReply evaluate(1: EvaluateRequest request) throws (1: types.Fault fault)
  /** Ability `initialise`. */
  InitialiseReply initialise(1: InitialiseRequest request) throws (1: types.Fault fault)
  /** Ability `describe`. Faults: DENIED where rows are so few that sums would tell of single ones. */
  DescribeReply describe(1: DescribeRequest request) throws (1: types.Fault fault)
  /** Ability `cancel`. An attempt that is not here is no fault. */
  CancelReply cancel(1: CancelRequest request) throws (1: types.Fault fault)

  /** Ability `blobs`: shards that are shipped and payloads above INLINE_LIMIT. */
  types.MissingReply missing(1: types.MissingRequest request) throws (1: types.Fault fault)
  types.ChunkReply put_chunk(1: types.Chunk chunk) throws (1: types.Fault fault)
  types.Chunk get_chunk(1: types.ChunkRequest request) throws (1: types.Fault fault)
}
