//! Plans of clients: every problem is named, and a good plan, written and read again, is the same.

use roundtable::wire::convert::plan;
use roundtable::wire::protocol::{BinaryInput, Limits};
use roundtable::wire::stubs::coordinator::Plan;
use roundtable::wire::value::Value;

use super::Target;
use crate::{round_trip, samples};

pub const TARGET: Target = Target {
    name: "plan",
    run,
    longest: 2048,
    // A step of a text that was announced.
    memory: |length| (1 << 20) + (64 << 10) + 128 * length,
    seeds,
    words: super::specs::TARGET.words,
};

fn run(bytes: &[u8]) -> bool {
    let mut input = BinaryInput::new(bytes, Limits::default());
    let Ok(wire) = Plan::read(&mut input) else {
        return false;
    };
    round_trip::check(&wire);
    accepts(&wire)
}

/// Whether a plan is good; checks what is promised of it.
pub fn accepts(wire: &Plan) -> bool {
    match plan::read(wire) {
        Ok((read, initial)) => {
            let (again, none) = plan::read(&plan::write(&read)).expect("a good plan stays good");
            assert_eq!(again, read);
            assert_eq!(none, None);
            if let Some(initial) = initial {
                let sent = wire
                    .parameters
                    .as_ref()
                    .and_then(|sent| sent.inline_data.clone());
                assert_eq!(Some(initial.parameters.to_bytes()), sent);
            }
            true
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            assert!(
                problems
                    .iter()
                    .all(|problem| problem.field.starts_with("plan."))
            );
            false
        }
    }
}

/// Plans with every field, good and bad.
pub fn plans() -> Vec<Plan> {
    use roundtable::ml::model::MODELS;
    use roundtable::seed::Seed;
    use roundtable::wire::convert::{inline, tensors};
    let good = Plan {
        strategy: Some("fedavg:mean=uniform,rate=0.5".to_owned()),
        // Another one than that of its data would be refused.
        seed: samples::data().seed,
        cohort: Some(3),
        codec: Some("int8".to_owned()),
        layout: None,
        parameters: None,
        training: None,
        ..samples::plan()
    };
    let model = MODELS.build("softmax:3-2").unwrap();
    let bytes = model.initial(Seed(3)).to_bytes();
    let brought = Plan {
        model: Some("forest:trees=3".to_owned()),
        layout: Some(tensors(model.layout())),
        parameters: Some(inline("raw", &bytes)),
        ..good.clone()
    };
    let mut private = good.clone();
    private.codec = Some("top-k:share=0.1".to_owned());
    if let Some(data) = &mut private.data {
        data.spec = "private:".to_owned();
    }
    vec![Plan::default(), samples::plan(), good, brought, private]
}

fn seeds() -> Vec<Vec<u8>> {
    plans().iter().map(round_trip::written).collect()
}
