# What the coordinator offers to clients, and to nodes that announce themselves.

include "types.thrift"
include "compute_node.thrift"

namespace * roundtable.coordinator

/** What to train. Absent fields take the default that the coordinator states in `docs/protocol.md`. */
struct Plan {
  /** A model by its spec, for example `mlp:64-32-10`. */
  1: optional string model
  2: optional types.DataRef data
  3: optional i32 rounds
  4: optional compute_node.Training training
  /** How updates become a step, for example `fedavg` or `fedavg:mean=uniform`. */
  5: optional string strategy
  6: optional i64 seed
  /** Shards sampled for a round; all when absent. */
  7: optional i32 cohort
  /** Share of the cohort a round needs to count, 0 to 1. */
  8: optional double quorum
  /** First parameters and layout, for a model that neither coordinator nor nodes can initialise. */
  9: optional list<types.Tensor> layout
  10: optional types.Payload parameters
  /** How updates travel, for example `int8`; `raw` when absent. */
  11: optional string codec
  /** How the learning rate goes from round to round, for example `cosine` or `step:every=10,factor=0.5`; `constant`
   * when absent. */
  12: optional string schedule
  /** A rule that takes the place of the mean, for example `median` or `multi-krum:f=2`. */
  13: optional string aggregator
  /** For studies of such rules: how some shards attack, for example `sign-flip`, and the share of them, 0 to 1. */
  14: optional string attack
  15: optional double attackers
  /** For studies: share of a round's shards that do only some of the epochs, 0 to 1, and whether they are left out. */
  16: optional double stragglers
  17: optional bool drop_stragglers
}

struct HelloRequest {
  1: required types.Hello hello
}

struct HelloReply {
  1: required types.Hello hello
  2: optional string policy
  /** What its clock says, in milliseconds since 1970. */
  3: optional i64 wall_ms
  /** Whether runs outlive the coordinator; then where they are kept, and how many bytes are free there. */
  4: optional bool keeps_runs
  5: optional string state_folder
  6: optional i64 free_bytes
}

struct TrainRequest {
  1: required Plan plan
}

struct SubmitRequest {
  /** Chosen by the client; the same key is the same run, so a submit can be repeated safely. */
  1: required string key
  2: required Plan plan
}

struct SubmitReply {
  /** Id of the run. */
  1: required string run
  /** False when the key was known already. */
  2: optional bool created
}

/** A shard that did not count in a round. */
struct Omission {
  1: required string shard
  2: required string reason
}

/** What a node did for a round, also in vain: its shards may be more than those that counted. */
struct Contribution {
  /** Its address. */
  1: required string node
  /** Shards it trained, and their rows. */
  2: optional i32 shards
  3: optional i64 rows
  /** Time it had its attempts in hand, of several at once the sum. */
  4: optional double seconds
  /** Attempts that failed, and that it declined. */
  5: optional i32 failures
  6: optional i32 refusals
}

/** One finished round. */
struct RoundReport {
  /** From 1. */
  1: required i32 round
  /** Held-out metrics after the round. */
  2: optional types.Metrics metrics
  /** Mean training loss per row, as the nodes report it. */
  3: optional double training_loss
  /** Shards asked and shards whose update counted. */
  4: optional i32 asked
  5: optional i32 counted
  6: optional list<Omission> omitted
  7: optional i64 rows
  8: optional double seconds
  /** Attempts beyond the first of each shard. */
  9: optional i32 retries
  10: optional i32 refusals
  /** SHA-256 of the parameters after the round. */
  11: optional binary digest
  /** Shards that counted after two nodes had brought the same bits; absent for none. */
  12: optional i32 audited
  /** Shards whose updates a robust rule left out, or found far from the others. */
  13: optional list<string> suspects
  /** What each node did; of more than 64 nodes those that trained most rows. */
  14: optional list<Contribution> nodes
}

/** What a run ended with. */
struct Report {
  1: required string run
  /** Accuracy on held-out rows after the last round, 0 to 1. */
  2: optional double accuracy
  3: optional types.Metrics metrics
  4: optional i32 rounds
  5: optional double seconds
  /** SHA-256 of the final parameters. */
  6: optional binary digest
}

enum RunState {
  UNKNOWN = 0
  RUNNING = 1
  SUCCEEDED = 2
  FAILED = 3
  CANCELLED = 4
  /** Ended before its last round because no node was left; `resume` goes on from the last finished round. */
  STOPPED = 5
}

struct RunStatus {
  1: required string run
  2: required RunState state
  3: optional Plan plan
  /** Rounds finished, and rounds asked. */
  4: optional i32 round
  5: optional i32 rounds
  /** What the run is doing, or what it waits for and why. */
  6: optional string activity
  /** Newest finished round. */
  7: optional RoundReport last
  8: optional Report report
  /** Why it failed or stopped. */
  9: optional string error
  10: optional string hint
}

enum EventKind {
  UNKNOWN = 0
  /** The run was accepted. */
  STARTED = 1
  /** `round` holds a finished round. */
  ROUND = 2
  /** `message` says what the run waits for or survived. */
  NOTICE = 3
  /** `status` holds how it ended; the last event of a run that is not resumed. */
  ENDED = 4
}

struct Event {
  /** From 1, without gaps. */
  1: required i64 sequence
  2: required EventKind kind
  3: optional RoundReport round
  4: optional string message
  5: optional RunStatus status
}

struct WatchRequest {
  1: required string run
  /** Events after this one; 0 for all. */
  2: optional i64 after
  /** How long to wait when there is none yet; at most 30,000. */
  3: optional i32 max_wait_ms
}

struct WatchReply {
  1: required list<Event> events
  2: required RunStatus status
  /** Nodes up and known, for a progress line. */
  3: optional i32 nodes_up
  4: optional i32 nodes_known
}

struct StatusRequest {
  1: required string run
}

struct CancelRequest {
  1: required string run
}

struct ResumeRequest {
  1: required string run
}

struct RunsRequest {
  /** Newest first; 100 when absent. */
  1: optional i32 limit
}

struct RunsReply {
  1: required list<RunStatus> runs
}

enum NodeState {
  UNKNOWN = 0
  /** Not asked yet. */
  NEW = 1
  UP = 2
  DOWN = 3
  /** Finishing its tasks; gets no new ones. */
  LEAVING = 4
  /** Its work was found wrong in an audit; gets none until it is restarted. `failure` says what was found. */
  BARRED = 5
}

struct NodeStatus {
  1: required string address
  2: required NodeState state
  3: optional i32 slots
  /** Attempts it has in hand for this coordinator. */
  4: optional i32 busy
  5: optional double load
  6: optional double rows_per_second
  7: optional i64 completed
  8: optional i64 failed
  9: optional i64 refused
  /** Last failure, and how many milliseconds ago. */
  10: optional string failure
  11: optional i64 failure_age_ms
  12: optional list<compute_node.HostedShard> hosted
  /** What it said when it was last greeted: program and version, abilities. */
  13: optional string software
  14: optional set<string> abilities
  /** How many milliseconds its clock was ahead of the coordinator's then, and how far that may be wrong either way. */
  15: optional i64 clock_ahead_ms
  16: optional i64 clock_error_ms
  /** Of a node that was up and no longer is: how many milliseconds ago it was last known to be. */
  17: optional i64 last_up_ms
  /** What the columns of its private rows are called. */
  18: optional compute_node.Columns columns
}

struct NodesRequest {
}

struct NodesReply {
  1: required list<NodeStatus> nodes
}

struct ModelRequest {
  1: required string run
  /** The parameters after this round; the newest when absent. Which rounds are kept is the coordinator's choice. */
  2: optional i32 round
  /** Those of the most accurate round that is kept. */
  3: optional bool best
}

/** Parameters after the newest finished round, as the bytes of a safetensors file. */
struct ModelReply {
  1: required string run
  2: required i32 round
  3: required string model
  /** Codec `safetensors`. */
  4: required types.Payload file
}

struct JoinRequest {
  /** Where the node listens, `host:port`; an unspecified host means the address it calls from. */
  1: required string address
}

struct JoinReply {
  /** The address as the coordinator will dial it. */
  1: required string address
}

struct LeaveRequest {
  1: required string address
}

struct LeaveReply {
}

/** What the features of some data are like, over all rows that would train. */
struct DescribeRequest {
  1: required types.DataRef data
  /** Seed of the run, on which it depends which rows are held out; 1 when absent. */
  2: optional i64 seed
}

/** One feature. */
struct ColumnSummary {
  1: required double mean
  /** Root of the mean squared distance from the mean. */
  2: required double deviation
  3: required double least
  4: required double largest
}

struct DescribeReply {
  1: required i64 rows
  2: required i32 shards
  /** In the order of the features. */
  3: required list<ColumnSummary> columns
}

service Coordinator {
  HelloReply hello(1: HelloRequest request) throws (1: types.Fault fault)

  /** The classic call: request in, report with accuracy out. Blocks for the whole run. */
  Report train(1: TrainRequest request) throws (1: types.Fault fault)

  /** Answers at once; follow the run with `watch`. */
  SubmitReply submit(1: SubmitRequest request) throws (1: types.Fault fault)
  RunStatus status(1: StatusRequest request) throws (1: types.Fault fault)
  /** Long poll: waits until there is an event after `after`, or `max_wait_ms` have passed. */
  WatchReply watch(1: WatchRequest request) throws (1: types.Fault fault)
  RunStatus cancel(1: CancelRequest request) throws (1: types.Fault fault)
  /** Goes on with a stopped run from its last finished round. */
  RunStatus resume(1: ResumeRequest request) throws (1: types.Fault fault)
  RunsReply runs(1: RunsRequest request) throws (1: types.Fault fault)
  NodesReply nodes(1: NodesRequest request) throws (1: types.Fault fault)

  /** Means and deviations by exact sums; of `private:` data nodes tell their sums alone. May take a minute. */
  DescribeReply describe(1: DescribeRequest request) throws (1: types.Fault fault)

  ModelReply model(1: ModelRequest request) throws (1: types.Fault fault)
  types.Chunk get_chunk(1: types.ChunkRequest request) throws (1: types.Fault fault)

  /** A node announces itself and is used from then on. */
  JoinReply join(1: JoinRequest request) throws (1: types.Fault fault)
  /** A node takes itself off the roster; what it has in hand is given to others. */
  LeaveReply leave(1: LeaveRequest request) throws (1: types.Fault fault)
}
