//! Model files in the safetensors format: what is read, written and read again is the same; a length that is only
//! named takes no memory.

use roundtable::ml::model::MODELS;
use roundtable::seed::Seed;
use roundtable::store::safetensors::{About, Header, header};

use super::Target;

pub const TARGET: Target = Target {
    name: "safetensors",
    run,
    longest: 4096,
    // The header is JSON, whose tensors and metadata are kept twice, by name and in order.
    memory: |length| (64 << 10) + 64 * length,
    seeds,
    words: &[
        b"layers.0.weight",
        b"layers.0.bias",
        b"\"dtype\":\"F32\"",
        b"\"F64\"",
        b"\"shape\":[",
        b"\"data_offsets\":[",
        b"__metadata__",
        b"[0,24]",
        b"[3,2]",
        b"{}",
        b"[]",
        b"\\u0000",
        b"18446744073709551615",
    ],
};

fn run(bytes: &[u8]) -> bool {
    match Header::read(&mut &bytes[..], bytes.len() as u64) {
        Ok(read) => {
            let values = read.layout.byte_length() as u64;
            assert_eq!(read.start + values, bytes.len() as u64);
            let mut again = header(&read.layout, &read.about);
            let length = again.len() as u64 + values;
            let found = Header::read(&mut &again[..], length).expect("what is written is read");
            assert_eq!((&found.layout, &found.about), (&read.layout, &read.about));
            again.push(0);
            assert!(
                Header::read(&mut &again[..], length + 1).is_err(),
                "one byte too many"
            );
            true
        }
        Err(error) => {
            assert!(!error.is_empty());
            false
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let file = |spec: &str| {
        let model = MODELS.build(spec).unwrap();
        let about = About::from([("model".to_owned(), spec.to_owned())]);
        let mut file = header(model.layout(), &about);
        file.extend(&model.initial(Seed(1)).to_bytes()[..]);
        file
    };
    ["softmax:3-2", "mlp:3-2-2,dtype=f64", "softmax:1-1"]
        .map(file)
        .into()
}
