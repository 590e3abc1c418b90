//! What holds of every codec.

use super::*;
use crate::seed::{Purpose, Seed};

const NAMES: [&str; 6] = ["raw", "f16", "bf16", "int8", "top-k", "top-k:share=0.5"];

fn values(count: usize) -> Vec<f32> {
    let mut stream = Seed(3).stream(Purpose::Noise, 0, 0);
    (0..count).map(|_| stream.normal() as f32 * 0.01).collect()
}

fn codec(name: &str) -> Arc<dyn Codec> {
    CODECS.build(name).unwrap()
}

#[test]
fn every_row_builds_by_its_name() {
    for name in CODECS.names() {
        assert_eq!(codec(name).name(), name);
    }
    for bad in ["top-k:share=1.5", "top-k:share=NaN", "f16:share=1", "zip"] {
        assert!(CODECS.build(bad).is_err(), "{bad}");
    }
}

#[test]
fn every_length_goes_round_within_the_codecs_error() {
    // The largest relative and absolute error of a value.
    let bounds = [
        ("raw", 0.0, 0.0),
        ("f16", 2f32.powi(-11), 2f32.powi(-25)),
        ("bf16", 2f32.powi(-8), 0.0),
        ("int8", 0.0, 0.06 / 127.0 / 2.0),
        ("top-k:share=1", 0.0, 0.0),
    ];
    for (name, relative, absolute) in bounds {
        let codec = codec(name);
        for count in [0, 1, 2, 255, 256, 257, 1024, 5003] {
            let values = values(count);
            let mut bytes = vec![0xaa];
            codec.encode(&values, &mut bytes).unwrap();
            assert_eq!(bytes.len(), 1 + codec.encoded_len(count), "{name}");
            assert_eq!(bytes[0], 0xaa);
            let mut back = vec![7.0; count];
            codec.decode(&bytes[1..], &mut back).unwrap();
            for (value, back) in values.iter().zip(back) {
                let far = (value - back).abs();
                assert!(
                    far <= value.abs() * relative + absolute,
                    "{name}: {value} {back}"
                );
            }
        }
    }
}

#[test]
fn whole_blocks_are_read_by_themselves() {
    let values = values(5003);
    for codec in NAMES.map(codec) {
        let Some(block) = codec.block() else { continue };
        let mut bytes = Vec::new();
        codec.encode(&values, &mut bytes).unwrap();
        let mut whole = vec![0.0; values.len()];
        codec.decode(&bytes, &mut whole).unwrap();
        let mut pieces = vec![0.0; values.len()];
        let chunk = block.chunk(1000);
        assert!(chunk <= 1000);
        let out = pieces.chunks_mut(chunk / block.bytes * block.values);
        for (bytes, out) in bytes.chunks(chunk).zip(out) {
            codec.decode(bytes, out).unwrap();
        }
        assert_eq!(whole, pieces, "{}", codec.name());
    }
}

#[test]
fn other_lengths_are_refused() {
    for codec in NAMES.map(codec) {
        for count in [0, 1, 300] {
            let length = codec.encoded_len(count);
            for wrong in [
                length + 1,
                length.wrapping_sub(1),
                length + 8,
                2 * length + 4,
            ] {
                if wrong > 10_000 {
                    continue;
                }
                let read = codec.decode(&vec![0; wrong], &mut vec![0.0; count]);
                assert!(matches!(read, Err(CodecError::Length { .. })), "{codec:?}");
            }
        }
    }
}

#[test]
fn what_is_not_finite_is_not_written() {
    for codec in NAMES.map(codec) {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut values = values(3000);
            values[2500] = bad;
            let mut bytes = vec![1, 2];
            let error = codec.encode(&values, &mut bytes).unwrap_err();
            assert!(
                matches!(error, CodecError::Value { position: 2500, .. }),
                "{error}"
            );
            assert_eq!(bytes, [1, 2]);
        }
    }
}

#[test]
fn any_bytes_are_read_or_refused_but_never_give_what_is_not_finite() {
    let mut stream = Seed(6).stream(Purpose::Noise, 0, 0);
    for codec in NAMES.map(codec) {
        for count in [1, 5, 300] {
            for _ in 0..300 {
                let length = codec.encoded_len(count);
                let bytes: Vec<u8> = (0..length).map(|_| stream.below(256) as u8).collect();
                let mut out = vec![0.0; count];
                if codec.decode(&bytes, &mut out).is_ok() {
                    assert!(out.iter().all(|value| value.is_finite()), "{codec:?}");
                }
            }
        }
    }
}

#[test]
fn values_and_residual_are_what_was_sent_and_the_new_residual() {
    for codec in NAMES.map(codec) {
        let values = values(700);
        let mut residual = vec![0.001; 700];
        let mut bytes = Vec::new();
        codec
            .encode_with_residual(&values, &mut residual, &mut bytes)
            .unwrap();
        let mut sent = vec![0.0; 700];
        codec.decode(&bytes, &mut sent).unwrap();
        for ((value, sent), rest) in values.iter().zip(sent).zip(residual) {
            assert!((value + 0.001 - (sent + rest)).abs() <= 1e-8, "{codec:?}");
        }
    }
}

#[test]
fn only_raw_takes_64_bit_values() {
    for codec in NAMES
        .map(codec)
        .iter()
        .filter(|codec| codec.name() != "raw")
    {
        let error = codec.encode_f64(&[1.0], &mut Vec::new()).unwrap_err();
        let expected = format!(
            "codec {} takes 32-bit values only; use raw for 64-bit ones",
            codec.name()
        );
        assert_eq!(error.to_string(), expected);
        assert_eq!(codec.decode_f64(&[], &mut []), Err(error));
    }
}
