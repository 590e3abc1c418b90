//! Shards that are sent to nodes: what decodes is the very bytes that encode it.

use roundtable::ml::data::{Request, Root, Source, decode, encode};
use roundtable::seed::Seed;

use super::Target;

pub const TARGET: Target = Target {
    name: "blob",
    run,
    longest: 4096,
    // Features, targets, and the bytes once more.
    memory: |length| 4096 + 4 * length,
    seeds,
    words: &[b"RTSHARD\x01", b"RTSHARD\x02"],
};

fn run(bytes: &[u8]) -> bool {
    match decode(bytes) {
        Ok(data) => {
            assert_eq!(encode(&data), bytes);
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let shard = |spec: &str, shards| {
        let request = Request {
            spec: spec.to_owned(),
            partition: None,
            shards: Some(shards),
            seed: Seed(1),
            held_out: 0.0,
        };
        let source = Source::open(&request, &Root::new(".").unwrap()).unwrap();
        encode(&source.shard(0).unwrap()).to_vec()
    };
    vec![
        shard("synthetic:rows=1,features=1,classes=1", 1),
        shard("synthetic:rows=9,features=5,classes=3", 2),
        shard("builtin:digits", 600),
        shard("synthetic-linear:rows=7,features=3", 2),
    ]
}
