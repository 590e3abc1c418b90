//! Partitions, as plans and requests name them, over a few rows: every row is in one shard, no shard is empty,
//! the same seed cuts the same, and what cannot be cut is refused.

use roundtable::ml::partition::PARTITIONS;
use roundtable::seed::Seed;

use super::Target;

pub const TARGET: Target = Target {
    name: "partitions",
    run,
    longest: 256,
    // At most 512 rows and as many shards, each with a mixture of at most 64 classes.
    memory: |length| (256 << 10) + 64 * length,
    seeds,
    words: &[
        b"iid",
        b"quantity:",
        b"class-shares:",
        b"dirichlet:",
        b"label-shards:",
        b"power-law:",
        b"alpha=",
        b"k=",
        b"0.3",
        b"1e-9",
        b"1e9",
        b"65536",
    ],
};

/// Rows, classes, shards and seed, and then the spec.
fn run(bytes: &[u8]) -> bool {
    let Some((&[rows, more_rows, classes, skew, shards, huge, seed], spec)) =
        bytes.split_first_chunk()
    else {
        return false;
    };
    let Ok(partition) = PARTITIONS.build(&String::from_utf8_lossy(spec)) else {
        return false;
    };
    let count = usize::from(u16::from_le_bytes([rows, more_rows % 2]));
    let rows: Vec<u32> = (0..count as u32).map(|row| row * 3).collect();
    let classes = 1 + u32::from(classes) % 64;
    // Some classes more frequent than others, or all the same.
    let label = |row: u32| (row / (1 + u32::from(skew) / 8)) % classes;
    let shards = usize::from(shards)
        << (if huge == 0xff {
            56
        } else {
            u32::from(huge) % 2
        });
    let seed = Seed(u64::from(seed));
    match partition.cut(rows.clone(), &label, shards, seed) {
        Ok(cut) => {
            assert_eq!(cut.len(), shards);
            assert!(cut.iter().all(|shard| !shard.is_empty()));
            let mut all: Vec<u32> = cut.iter().flatten().copied().collect();
            all.sort_unstable();
            assert_eq!(all, rows);
            assert_eq!(partition.cut(rows, &label, shards, seed), Ok(cut));
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let options = |row: &str| match row {
        "class-shares" | "dirichlet" | "quantity" => "alpha=0.3".to_owned(),
        "iid" => String::new(),
        _ => "k=2".to_owned(),
    };
    let seed = |name: &&str| {
        let spec = format!("{name}:{}", options(name));
        [&[100, 1, 9, 0, 20, 0, 1][..], spec.as_bytes()].concat()
    };
    PARTITIONS.names().iter().map(seed).collect()
}
