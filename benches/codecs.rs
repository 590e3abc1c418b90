//! How fast one thread encodes and decodes 32-bit values, in gigabytes of such values a second.
//!
//! `cargo bench --bench codecs -- [VALUES]`; a million values unless said otherwise, which fit into a
//! last-level cache. Medians of 21 repetitions, which take turns.

use roundtable::clock;
use roundtable::wire::codec::CODECS;

const REPEAT: usize = 21;

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let count: usize = numbers.next_back().unwrap_or(1_000_000);
    let mut state = 1u32;
    let values: Vec<f32> = (0..count)
        .map(|_| {
            state = state.wrapping_mul(0x915f_77f5);
            state as i32 as f32 * 1e-11
        })
        .collect();
    let codecs: Vec<_> = CODECS.names().into_iter().collect();
    let mut times = vec![(Vec::new(), Vec::new()); codecs.len()];
    let mut back = vec![0.0; count];
    for _ in 0..REPEAT {
        for (name, (encode, decode)) in codecs.iter().zip(&mut times) {
            let codec = CODECS.build(name).expect("a codec of the table");
            let mut bytes = vec![1; codec.encoded_len(count)];
            bytes.clear();
            let start = clock::now();
            codec.encode(&values, &mut bytes).expect("good values");
            encode.push(start.elapsed().as_secs_f64());
            let start = clock::now();
            codec.decode(&bytes, &mut back).expect("good bytes");
            decode.push(start.elapsed().as_secs_f64());
        }
    }
    let rate = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        count as f64 * 4.0 / times[times.len() / 2] / 1e9
    };
    for (name, (mut encode, mut decode)) in codecs.iter().zip(times) {
        let (encode, decode) = (rate(&mut encode), rate(&mut decode));
        println!("{name:6} encode {encode:6.2} GB/s  decode {decode:6.2} GB/s");
    }
}
