//! Training takes its memory once: not for an epoch, a step or a row.

use std::hint::black_box;

use ndarray::Array2;
use roundtable::ml::data::Dataset;
use roundtable::ml::kernel::Isa;
use roundtable::ml::model::{MODELS, Start};
use roundtable::ml::step_rule::StepRule;
use roundtable::ml::training::Training;
use roundtable::seed::{Purpose, Seed};

fn data() -> Dataset {
    let mut stream = Seed(1).stream(Purpose::Synthetic, 0, 0);
    let features = Array2::from_shape_fn((300, 12), |_| stream.normal() as f32);
    let labels = (0..300).map(|row| row % 5).collect();
    Dataset::new(features, labels, 5).unwrap()
}

#[test]
fn steps_do_not_allocate() {
    let data = data();
    for isa in Isa::all() {
        for spec in [
            "softmax:12-5",
            "mlp:12-9-7-5,activation=tanh",
            "mlp:12-9-5,dtype=f64",
            "cnn:4x3-5,filters=3,kernel=3,hidden=7",
        ] {
            let model = MODELS.build(spec).unwrap().with_isa(isa);
            let start = model.initial(Seed(1));
            let count = |epochs, batch, rule| {
                let how = Training::new(epochs, batch, 0.01, "cross-entropy", Some(0.0)).unwrap();
                let how = how.with_rule(rule).unwrap();
                let stream = Seed(1).stream(Purpose::Shuffle, 0, 0);
                let taken = allocation_counter::measure(|| {
                    black_box(model.train(Start::at(&start), &data, &how, stream, &|| false))
                        .unwrap();
                });
                taken.count_total
            };
            let all = StepRule {
                momentum: 0.9,
                weight_decay: 0.1,
                proximal: 0.1,
            };
            for rule in [StepRule::default(), all] {
                let once = count(1, 0, rule);
                assert!(once > 0);
                // Full steps of several blocks, whole blocks, and a remainder.
                for batch in [0, 10, 64, 100] {
                    let found = count(7, batch, rule);
                    assert_eq!(found, once, "{spec} batch {batch} {}", isa.name());
                }
            }
        }
    }
}
