//! Model files in the safetensors format: what is read, written and read again is the same; the size of the
//! model that is named takes no memory.

use roundtable::app::client::model_file;
use roundtable::ml::layout::DType;
use roundtable::ml::model::{MODELS, Model};
use roundtable::ml::parameters::Parameters;
use roundtable::seed::Seed;
use safetensors::tensor::{Dtype, TensorView, serialize};

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

const MODELS_ASKED: [&str; 4] = [
    "softmax:3-2",
    "mlp:3-2-2,dtype=f64",
    "mlp:40000-40000-10",
    "softmax:1-1",
];

/// The first byte says which model; the rest is the file.
fn run(bytes: &[u8]) -> bool {
    let Some((&which, file)) = bytes.split_first() else {
        return false;
    };
    let spec = MODELS_ASKED[usize::from(which) % MODELS_ASKED.len()];
    let model = MODELS.build(spec).unwrap();
    match model_file::read(&*model, file) {
        Ok(parameters) => {
            parameters.check_finite().expect("what is read is finite");
            let again = model_file::read(&*model, &written(&*model, &parameters));
            assert_eq!(again, Ok(parameters));
            true
        }
        Err(error) => {
            assert!(!error.is_empty());
            false
        }
    }
}

fn written(model: &dyn Model, parameters: &Parameters) -> Vec<u8> {
    let (layout, bytes) = (model.layout(), parameters.to_bytes());
    let size = layout.dtype().size();
    let dtype = match layout.dtype() {
        DType::F32 => Dtype::F32,
        DType::F64 => Dtype::F64,
    };
    let views = layout.tensors().iter().enumerate().map(|(number, tensor)| {
        let range = layout.range(number);
        let bytes = &bytes[range.start * size..range.end * size];
        let view = TensorView::new(dtype, tensor.shape.clone(), bytes).unwrap();
        (tensor.name.clone(), view)
    });
    serialize(views, None).unwrap()
}

fn seeds() -> Vec<Vec<u8>> {
    let file = |(number, spec): (u8, &str)| {
        let model = MODELS.build(spec).unwrap();
        let parameters = model.initial(Seed(1));
        [&[number][..], &written(&*model, &parameters)].concat()
    };
    let mut seeds: Vec<Vec<u8>> = [0, 1, 3]
        .map(|number| file((number, MODELS_ASKED[usize::from(number)])))
        .into();
    let mut other = seeds[0].clone();
    other[0] = 2;
    seeds.push(other);
    seeds
}
