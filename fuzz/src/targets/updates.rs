//! Updates and partial sums by every codec, within the bounds of a round: what is accepted is finite, can be
//! summed, and encodes to what it was.

use std::sync::Arc;

use bytes::Bytes;
use roundtable::fed::aggregate::{Addend, Scale};
use roundtable::fed::strategy::STRATEGIES;
use roundtable::ml::layout::{DType, Layout, Tensor};
use roundtable::ml::parameters::{Parameters, Values};
use roundtable::wire::codec::{CODECS, Codec};
use roundtable::wire::convert::{EXACT, RAW, UpdateBounds, inline};

use super::Target;

pub const TARGET: Target = Target {
    name: "updates",
    run,
    longest: 4096,
    // At most 1,024 values: their bytes, the sum's 16 bytes a value, and copies of both. What is sent of a
    // sparse update is found with the counts of 2^16 keys.
    memory: |length| (768 << 10) + 16 * length,
    seeds,
    words: &[
        b"\0\0\x80\x3f",
        b"\0\0\x80\x7f",
        b"\0\0\xc0\x7f",
        b"\0\x7c",
        b"\x80\x7f",
        b"\0\0\0\0",
        b"\x01\0\0\0",
        b"\0\0\x80\x44",
        b"\0\0\0\0\0\0\xf0\x7f",
    ],
};

const SPECS: [&str; 7] = [
    "raw",
    "f16",
    "bf16",
    "int8",
    "top-k:share=0.1",
    "top-k:share=1",
    "top-k:share=0",
];
const LARGEST: f64 = 1024.0;
const HEADER: usize = 8;

/// What an input announces.
struct Header {
    codec: Arc<dyn Codec>,
    dtype: DType,
    values: usize,
    /// Whether the bytes are repeated, or cut, to the length they should have.
    fitted: bool,
    partial: bool,
    weight: u64,
    weight_limit: u64,
}

impl Header {
    fn read(bytes: &[u8; HEADER]) -> Header {
        let [
            codec,
            flags,
            low,
            high,
            weight,
            exponent,
            limit,
            limit_exponent,
        ] = *bytes;
        let codec = CODECS
            .build(SPECS[usize::from(codec) % SPECS.len()])
            .unwrap();
        let is_raw = codec.name() == RAW;
        let number = |digit: u8, exponent: u8| u64::from(digit) << (exponent % 40);
        Header {
            dtype: if flags & 1 != 0 && is_raw {
                DType::F64
            } else {
                DType::F32
            },
            codec,
            values: 1 + usize::from(u16::from_le_bytes([low, high])) % 1024,
            fitted: flags & 2 == 0,
            partial: flags & 4 != 0,
            weight: number(weight, exponent),
            weight_limit: number(limit, limit_exponent).max(1),
        }
    }
}

fn run(bytes: &[u8]) -> bool {
    let Some((header, bytes)) = bytes.split_first_chunk() else {
        return false;
    };
    let header = Header::read(header);
    let tensor = Tensor::new("values", [header.values]);
    let layout = Arc::new(Layout::new(header.dtype, vec![tensor]).unwrap());
    let scale = Scale::new(header.dtype, LARGEST, header.weight_limit);
    let strategy = STRATEGIES.build("fedavg").unwrap();
    let bounds = UpdateBounds::new(scale, &layout, strategy, Arc::clone(&header.codec));
    if header.partial {
        let sent = fitted(bytes, 2 * layout.byte_length(), header.fitted);
        return partial(&header, &bounds, &sent);
    }
    let length = match header.dtype {
        DType::F32 => header.codec.encoded_len(header.values),
        DType::F64 => layout.byte_length(),
    };
    let sent = fitted(bytes, length, header.fitted);
    update(&header, &bounds, &sent)
}

fn fitted(bytes: &[u8], length: usize, fits: bool) -> Bytes {
    if !fits || bytes.is_empty() {
        return Bytes::copy_from_slice(bytes);
    }
    bytes.iter().copied().cycle().take(length).collect()
}

fn update(header: &Header, bounds: &UpdateBounds, sent: &Bytes) -> bool {
    let name = header.codec.name();
    if bounds.accept(&inline(name, sent)).is_err() {
        return false;
    }
    let Ok(update) = bounds.decode(name, sent) else {
        return false;
    };
    update.check_finite().expect("what decodes is finite");
    check_codec(&*header.codec, &update, sent);
    let bytes = update.to_bytes();
    if bounds.check(0, &bytes).is_err() {
        return false;
    }
    let mut sum = bounds.empty_sum();
    let folded = sum.fold_all(&[Addend::update(&bytes, header.weight)], 1);
    assert_eq!(folded.is_ok(), header.weight <= header.weight_limit);
    assert!(sum.mean().all(|value| value.abs() <= LARGEST));
    // The sum of one update is a partial sum that the coordinator takes from a node.
    if folded.is_ok() {
        let mut bytes = Vec::new();
        sum.to_bytes(&mut bytes);
        bounds
            .check_sum(&bytes, header.weight)
            .expect("a sum of accepted updates");
    }
    true
}

/// Encoded again, values are the same; with a scale for many of them, within half its step.
fn check_codec(codec: &dyn Codec, update: &Parameters, sent: &[u8]) {
    let Values::F32(values) = update.values() else {
        assert_eq!(update.to_bytes(), sent);
        return;
    };
    let mut bytes = Vec::new();
    codec
        .encode(values, &mut bytes)
        .expect("what decodes encodes");
    assert_eq!(bytes.len(), codec.encoded_len(values.len()));
    let mut again = vec![0.0; values.len()];
    codec
        .decode(&bytes, &mut again)
        .expect("what was encoded decodes");
    match codec.name() {
        "int8" => {
            for (values, again) in values.chunks(256).zip(again.chunks(256)) {
                let largest = values
                    .iter()
                    .fold(0f32, |most, value| most.max(value.abs()));
                let half = largest / 127.0 * 0.5001 + f32::from_bits(64);
                assert!(values.iter().zip(again).all(|(a, b)| (a - b).abs() <= half));
            }
        }
        "top-k" => assert_eq!(again, *values),
        _ => assert_eq!(bytes, sent),
    }
}

fn partial(header: &Header, bounds: &UpdateBounds, sent: &Bytes) -> bool {
    if bounds.accept_sum(&inline(EXACT, sent)).is_err() {
        return false;
    }
    let good = bounds.check_sum(sent, header.weight).is_ok();
    let mut sum = bounds.empty_sum();
    let folded = sum.fold_all(&[Addend::partial(sent, header.weight)], 1);
    assert_eq!(folded.is_ok(), good && header.weight <= header.weight_limit);
    let mut bytes = Vec::new();
    sum.to_bytes(&mut bytes);
    if folded.is_ok() {
        assert_eq!(bytes, sent[..]);
        let slack = 1.0 + 1e-9;
        assert!(sum.mean().all(|value| value.abs() <= LARGEST * slack));
    } else {
        assert!(
            bytes.iter().all(|byte| *byte == 0),
            "a refused sum leaves nothing"
        );
        assert_eq!(sum.weight(), 0);
    }
    folded.is_ok()
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (number, spec) in (0..).zip(SPECS) {
        let codec = CODECS.build(spec).unwrap();
        for count in [1usize, 300] {
            let values: Vec<f32> = (0..count).map(|i| (i as f32 * 0.7).sin() * 3.0).collect();
            let [low, high, ..] = (count - 1).to_le_bytes();
            let mut seed = vec![number, 0, low, high, 3, 4, 200, 10];
            codec.encode(&values, &mut seed).unwrap();
            seeds.push(seed);
        }
    }
    let wide = [2.5f64, -1e-300, 1024.0].map(f64::to_le_bytes).concat();
    seeds.push([&[0, 1, 2, 0, 1, 0, 1, 0][..], &wide].concat());
    let sums = [1i64 << 20, -5, 0].map(i64::to_le_bytes).concat();
    seeds.push([&[0, 4, 2, 0, 9, 0, 200, 10][..], &sums].concat());
    let wide_sums = [1i128 << 40, -5].map(i128::to_le_bytes).concat();
    seeds.push([&[0, 5, 1, 0, 9, 0, 200, 10][..], &wide_sums].concat());
    seeds
}
