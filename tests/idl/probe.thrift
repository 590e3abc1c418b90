# One of every construct the stub generator knows, for tests alone.

include "shared.thrift"

namespace * roundtable.probe

/** A number. */
const i64 LARGEST = 2147483648
const i8 SMALLEST = -128
const string GREETING = 'say "hello"'

typedef i64 Stamp
typedef list<shared.Point> Path

enum Colour {
  UNKNOWN = 0
  RED = 1
  /** Far off, and [odd] <names>. */
  DEEP_BLUE = 1000
}

struct Nothing {
}

/** A field of every type, all required. */
struct Every {
  1: required bool flag
  2: required i8 tiny
  3: required i16 small
  4: required i32 medium
  5: required i64 large
  6: required double real
  7: required string text
  8: required binary data
  9: required Colour colour
  10: required shared.Point point
  11: required list<i32> numbers
  12: required set<string> words
  13: required map<string, i64> counts
  14: required list<list<double>> rows
  15: required map<Colour, list<shared.Point>> paths
  16: required Stamp stamp
  17: required Path path
}

/** The same, all optional, under ids with holes and names that are Rust keywords. */
struct Maybe {
  1: optional bool flag
  3: optional i8 type
  5: optional i16 match
  300: optional i32 medium
  7: optional i64 large
  8: optional double real
  9: optional string text
  10: optional binary data
  11: optional Colour colour
  12: optional shared.Point point
  13: optional list<binary> blobs
  14: optional set<i64> words
  15: optional map<i32, string> counts
  32767: optional Every every
}

exception Trouble {
  1: required Colour code
  2: optional string message
}

service Probe {
  Maybe turn(1: Every every) throws (1: Trouble trouble)
  /** Nobody hears of it. */
  oneway void tell(4: Maybe maybe)
  Nothing loop(1: Nothing nothing) throws (2: Trouble trouble);
}
