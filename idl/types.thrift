# Types shared by both services of Roundtable.
#
# Rules of these files, for whoever adds to them:
#  - a field id is never used again and never changes its type; a removed field leaves a comment
#    with its id;
#  - fields are `optional` unless the message means nothing without them, because a `required`
#    field can never be taken away; a reader skips fields it does not know;
#  - the first value of every enum is UNKNOWN = 0, and readers keep values they do not know;
#  - a method takes one request struct and returns one reply struct, so that both can grow;
#  - every method may throw `Fault`, and only `Fault`: new failures are new codes, not new types;
#  - no message is larger than 16,000,000 bytes, because Thrift libraries refuse strings and frames
#    above 16,384,000 bytes unless told otherwise; larger payloads travel as blobs in chunks.
#
# The wire: strict binary protocol over buffered (unframed) TCP. Servers also accept framed clients.

namespace * roundtable.types

/** Peers with different majors cannot talk to each other. */
const i32 PROTOCOL_MAJOR = 1
/** Raised with every addition to these files. */
const i32 PROTOCOL_MINOR = 5
/** Payloads up to this many bytes travel inside the message; longer ones as blobs. */
const i32 INLINE_LIMIT = 8388608
/** Largest `data` of one chunk that a server accepts; 524,288 is the size measured fastest. */
const i32 CHUNK_LIMIT = 8388608

/** Element type of a tensor. Values are little-endian and lie in row-major order. */
enum DType {
  UNKNOWN = 0
  F32 = 1
  F64 = 2
}

/** Name, element type and shape of one tensor. Its values lie in a `Payload`. */
struct Tensor {
  /** Unique in its layout, for example `layers.0.weight`. */
  1: required string name
  2: required DType dtype
  /** Sizes, outermost first. Weights of a dense layer are `[inputs, outputs]`, so that rows times
   * weights is the next layer; PyTorch keeps the transpose. Those of a convolution are `[height, width, channels,
   * filters]`. */
  3: required list<i64> shape
}

/**
 * The values of all tensors of a layout, one after the other without gaps, in the layout's order.
 * Exactly one of `inline_data` and `digest` says where the bytes are.
 */
struct Payload {
  /** How values became bytes. `raw`: little-endian values as they are. `f16`, `bf16`: half as long. `int8`: for each
   * 256 values one f32, the scale, and then a signed byte each; a value is its byte times the scale. */
  1: required string codec
  /** Number of bytes. */
  2: required i64 length
  /** The bytes, when they are no more than INLINE_LIMIT. */
  3: optional binary inline_data
  /** Name of a blob, which is fetched or sent in chunks: 32 bytes. Of what is sent to a node, the SHA-256 of its
   * bytes; of what a node offers, whatever it chooses, as long as no two blobs of it have the same name. */
  4: optional binary digest
  /** CRC-32 of `inline_data` (that of zlib, gzip and PNG); what does not match it is CORRUPT. */
  5: optional i64 crc32
}

/** Part of a blob. */
struct Chunk {
  /** Name of the blob. */
  1: required binary digest
  /** Length of the whole blob. */
  2: required i64 length
  /** Where `data` starts. The chunks of a blob are sent in order. */
  3: required i64 offset
  4: required binary data
  /** CRC-32 of `data`; what does not match it is CORRUPT. Where chunks have none, the receiver of a blob named by
   * its SHA-256 compares that. */
  5: optional i64 crc32
}

/** Asks for part of a blob. */
struct ChunkRequest {
  1: required binary digest
  2: required i64 offset
  /** At most CHUNK_LIMIT; the last chunk may be shorter. */
  3: required i32 size
}

/** Answer to a chunk that was stored. */
struct ChunkReply {
  /** Every byte before this offset is here. Sending goes on from it. */
  1: required i64 have
}

/** Which of these blobs does the peer lack? */
struct MissingRequest {
  1: required list<binary> digests
}

struct MissingReply {
  1: required list<binary> missing
}

/** How far participants differ: accuracies, of which each counts the same, however many rows it has. */
struct Spread {
  /** Participants with rows to evaluate on. */
  1: required i32 participants
  2: required double mean
  /** Standard deviation, the mean square being taken over all of them. */
  3: required double deviation
  /** Mean over the worst tenth of the participants, rounded up. */
  4: required double worst_tenth
}

/** How far real values are from what a model says of them. Those over two sets of rows follow from these and the numbers
 * of their rows. */
struct Regression {
  /** Mean squared error. */
  1: required double mse
  /** Mean absolute error. */
  2: required double mae
  /** Of the values themselves: mean, and mean of the squares of their distances from it. */
  3: required double mean
  4: required double variance
  /** 1 - mse / variance; absent where all values are the same. A node need not say it. */
  5: optional double r2
}

/** How well parameters do on a set of rows. */
struct Metrics {
  1: required i64 rows
  /** Mean loss per row. */
  2: required double loss
  /** Share of rows classified correctly; absent where rows have real values. */
  3: optional double accuracy
  /** Rows classified correctly; exact where the share is rounded. */
  4: optional i64 correct
  /** Which classes are taken for which: classes x classes counts, row by row, where the right class is the row and the
   * class that was said the column. Their sum is `rows`, that of the diagonal `correct`. After every round with up to
   * 16 classes, after the last one with up to 512. */
  5: optional list<i64> confusion
  /** Of two classes, after the last round: the area under the ROC curve, class 1 being the positive one. */
  6: optional double auc
  /** The true area is no farther from `auc` than this; absent where it is exact. */
  7: optional double auc_error
  /** From nodes, of two classes: rows of class 0, then of class 1, each in 4,096 cells by the score of class 1 less that
   * of class 0, d: cell floor(128 * d) + 2048, the outermost ones taking all beyond. */
  8: optional list<i64> score_grid
  /** How far participants differ, where each evaluates on rows of its own. */
  9: optional Spread spread
  /** Where rows have real values. `loss` is then half the mean squared error. */
  10: optional Regression regression
}

/** Why a call failed, for programs. */
enum FaultCode {
  UNKNOWN = 0
  /** The request can never succeed as it is; `problems` says what is wrong. */
  INVALID = 1
  NOT_FOUND = 2
  /** The same key or name exists with other content. */
  CONFLICT = 3
  /** A limit is reached; try again after `retry_after_ms`. */
  BUSY = 4
  /** The protocol versions of the peers do not fit. */
  VERSION = 5
  /** The peer may not do this. */
  DENIED = 6
  CANCELLED = 7
  /** The time allowed ran out. */
  DEADLINE = 8
  /** Bytes did not match their digest, length or layout. */
  CORRUPT = 9
  /** The peer does not have this ability. */
  UNSUPPORTED = 10
  INTERNAL = 11
  /** A node declines a task because of its load; another node may take it. */
  REFUSED = 12
  /** The run failed; the message says why. */
  FAILED = 13
}

/** One thing wrong with a request. */
struct Problem {
  /** Path of the field, for example `plan.rounds`. */
  1: required string field
  2: required string message
}

/** The one exception of all methods. */
exception Fault {
  1: required FaultCode code
  /** What went wrong, with the value, for people. */
  2: required string message
  /** What to do about it, for people. */
  3: optional string hint
  /** Whether the same call may succeed later or elsewhere. */
  4: optional bool retryable
  5: optional i32 retry_after_ms
  6: optional list<Problem> problems
}

/** The first thing peers tell each other. */
struct Hello {
  1: required i32 protocol_major
  2: required i32 protocol_minor
  /** Program and version, for example `roundtable/0.1.0`. */
  3: optional string software
  /** Optional abilities by name, for example `evaluate`, `cancel`, `blobs`. */
  4: optional set<string> abilities
}

/** Where the rows of a run come from, and how they are cut into shards. */
struct DataRef {
  /** `builtin:digits`, `synthetic:...`, `path:...`, `ship:...` or `private:...`. */
  1: required string spec
  /** How rows become shards, for example `iid`. Directories and private data bring their own. */
  2: optional string partition
  /** Number of shards of the whole run. */
  3: optional i32 shards
  /** Seed of the partition and of synthetic rows. */
  4: optional i64 seed
  /** Share of the rows held out for evaluation, 0 to 1, where the source has no rows of its own for it. */
  5: optional double held_out
  /** Features are made comparable: mean 0 and deviation 1 over all rows that train. In a plan: the coordinator finds means
   * and deviations. Ability `describe`. */
  6: optional bool standardise
  /** Mean and deviation of each feature, pairs of doubles, little-endian: of a value its mean is taken off, then it is divided by
   * the deviation, both in double precision; where that is 0, it becomes 0. Filled in by the coordinator. */
  7: optional binary standard
}

/** One shard of a run. */
struct ShardRef {
  /** Position in the run's list of shards, from 0. Random streams depend on it. */
  1: required i32 index
  /** Name, for example `train_letters3.txt` or `site-b/patients`. */
  2: required string name
  /** For `ship:` data, the blob that holds the rows. */
  3: optional binary digest
  4: optional i64 length
}
