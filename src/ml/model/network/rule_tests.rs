//! Momentum, weight decay, the proximal term and corrections, against formulas worked out apart.

use super::tests::{data, gradient, how, stream, values};
use super::*;
use crate::ml::model::MODELS;
use crate::ml::step_rule::StepRule;

const MODEL: &str = "mlp:3-5-4,dtype=f64,activation=tanh,init=uniform,scale=0.7";

fn trained(start: Start<'_>, how: &Training) -> Trained {
    let model = MODELS.build(MODEL).unwrap();
    model
        .train(start, &data(), how, stream(), &|| false)
        .unwrap()
}

fn full_steps(steps: u32, rate: f64, rule: StepRule) -> Training {
    let how = how(steps, 0, rate, "cross-entropy", None);
    how.with_rule(rule).unwrap()
}

/// Parameters after steps by the formula, in plain loops over gradients that training itself is asked for.
fn by_hand(start: &Parameters, steps: u32, rate: f64, rule: StepRule, extra: &[f64]) -> Vec<f64> {
    let model = MODELS.build(MODEL).unwrap();
    let begin = values(start);
    let (mut w, mut v) = (begin.clone(), vec![0.0; begin.len()]);
    for _ in 0..steps {
        let mut at = start.clone();
        at.set(&w);
        let gradient = gradient(&*model, &at, "cross-entropy");
        for place in 0..w.len() {
            let pulls = rule.weight_decay * w[place] + rule.proximal * (w[place] - begin[place]);
            let slope = gradient[place] + pulls + extra[place];
            v[place] = rule.momentum * v[place] + slope;
            w[place] -= rate * v[place];
        }
    }
    w.iter().zip(&begin).map(|(w, begin)| w - begin).collect()
}

#[test]
fn steps_follow_the_formula() {
    let model = MODELS.build(MODEL).unwrap();
    let start = model.initial(Seed(5));
    let count = start.layout().elements();
    let mut correction = start.clone();
    let extra: Vec<f64> = (0..count).map(|place| (place as f64 * 0.7).sin()).collect();
    correction.set(&extra);
    let rule = |momentum, weight_decay, proximal| StepRule {
        momentum,
        weight_decay,
        proximal,
    };
    let rules = [
        rule(0.9, 0.0, 0.0),
        rule(0.0, 0.3, 0.0),
        rule(0.0, 0.0, 0.4),
        rule(0.5, 0.1, 0.2),
        rule(0.0, 0.0, 0.0),
    ];
    for rule in rules {
        for (correction, extra) in [(None, vec![0.0; count]), (Some(&correction), extra.clone())] {
            let start = Start {
                parameters: &start,
                correction,
            };
            let found = trained(start, &full_steps(6, 0.2, rule));
            assert_eq!(found.steps, 6);
            let expected = by_hand(start.parameters, 6, 0.2, rule, &extra);
            for (found, expected) in values(&found.update).iter().zip(&expected) {
                assert!(
                    (found - expected).abs() < 1e-9,
                    "{rule:?} {found} {expected}"
                );
            }
        }
    }
}

#[test]
fn a_rule_of_zeros_changes_no_bit_and_no_loss() {
    let start = MODELS.build(MODEL).unwrap().initial(Seed(5));
    let plain = how(3, 2, 0.1, "cross-entropy", None);
    let zeros = plain.clone().with_rule(StepRule::default()).unwrap();
    let plain = trained(Start::at(&start), &plain);
    assert_eq!(plain, trained(Start::at(&start), &zeros));
    // 7 rows in batches of 2.
    assert_eq!(plain.steps, 12);
}

#[test]
fn a_correction_of_zeros_moves_nothing_but_roundings() {
    let start = MODELS.build(MODEL).unwrap().initial(Seed(5));
    let how = how(3, 2, 0.1, "cross-entropy", None);
    let mut zeros = start.clone();
    zeros.set(&vec![0.0; start.layout().elements()]);
    let corrected = Start {
        parameters: &start,
        correction: Some(&zeros),
    };
    let (plain, corrected) = (trained(Start::at(&start), &how), trained(corrected, &how));
    for (plain, corrected) in values(&plain.update).iter().zip(values(&corrected.update)) {
        assert!((plain - corrected).abs() < 1e-14);
    }
}

#[test]
fn a_correction_against_the_gradient_takes_no_step() {
    let model = MODELS.build("softmax:3-4,dtype=f64").unwrap();
    let start = model.initial(Seed(1));
    // From zeros, and with a length that is a power of 2, the update is the gradient to the bit.
    let how = full_steps(1, 0.125, StepRule::default());
    let train = |start| model.train(start, &data(), &how, stream(), &|| false);
    let plain = train(Start::at(&start)).unwrap();
    let mut against = start.clone();
    let slopes: Vec<f64> = values(&plain.update)
        .iter()
        .map(|step| step / 0.125)
        .collect();
    assert!(slopes.iter().any(|slope| *slope != 0.0));
    against.set(&slopes);
    let still = Start {
        parameters: &start,
        correction: Some(&against),
    };
    let still = train(still).unwrap();
    assert!(values(&still.update).iter().all(|step| *step == 0.0));
    assert_eq!(still.loss, plain.loss);
}

#[test]
fn the_stronger_the_proximal_term_the_nearer_the_start() {
    let start = MODELS.build(MODEL).unwrap().initial(Seed(5));
    // A longer step would overshoot the start.
    let moved = |proximal: f64| {
        let rule = StepRule {
            proximal,
            ..StepRule::default()
        };
        let how = how(10, 2, 1.0 / proximal.max(10.0), "cross-entropy", None);
        let trained = trained(Start::at(&start), &how.with_rule(rule).unwrap());
        let update = values(&trained.update);
        update.iter().map(|step| step * step).sum::<f64>().sqrt()
    };
    assert!(moved(0.0) > 10.0 * moved(100.0));
    assert!(moved(1e4) < 1e-3);
    assert!(moved(1e6) < 1e-5);
}

#[test]
fn decay_alone_shrinks_and_momentum_reaches_further() {
    let start = MODELS.build(MODEL).unwrap().initial(Seed(5));
    let length = |rule| {
        let mut end = start.clone();
        let trained = trained(Start::at(&start), &full_steps(200, 0.1, rule));
        end.add(&trained.update).unwrap();
        let squares = values(&end).iter().map(|w| w * w).sum::<f64>();
        (squares.sqrt(), trained.loss)
    };
    let (plain, loss) = length(StepRule::default());
    let decayed = length(StepRule {
        weight_decay: 0.1,
        ..StepRule::default()
    });
    let heavy = length(StepRule {
        momentum: 0.9,
        ..StepRule::default()
    });
    assert!(
        decayed.0 < plain / 2.0 && decayed.1 > loss,
        "{decayed:?} {plain}"
    );
    assert!(heavy.1 < loss / 2.0, "{heavy:?} {loss}");
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    let rule = StepRule {
        momentum: 0.9,
        weight_decay: 0.01,
        proximal: 0.1,
    };
    for spec in [
        "mlp:3-19-4,activation=tanh",
        "mlp:3-5-4,dtype=f64",
        "softmax:3-4",
    ] {
        let model = MODELS.build(spec).unwrap();
        let (start, correction) = (model.initial(Seed(1)), model.initial(Seed(2)));
        let how = how(3, 2, 0.1, "cross-entropy", None)
            .with_rule(rule)
            .unwrap();
        let from = Start {
            parameters: &start,
            correction: Some(&correction),
        };
        let trained = Isa::all().into_iter().map(|isa| {
            let model = model.with_isa(isa);
            model
                .train(from, &data(), &how, stream(), &|| false)
                .unwrap()
        });
        let trained: Vec<Trained> = trained.collect();
        assert!(trained.iter().all(|one| *one == trained[0]), "{spec}");
    }
}

#[test]
fn a_correction_of_another_layout_is_refused() {
    let model = MODELS.build("softmax:3-4").unwrap();
    let start = model.initial(Seed(1));
    let other = MODELS.build("softmax:3-5").unwrap().initial(Seed(1));
    let from = Start {
        parameters: &start,
        correction: Some(&other),
    };
    let how = how(1, 0, 0.1, "cross-entropy", None);
    let error = model.train(from, &data(), &how, stream(), &|| false);
    assert_eq!(error, Err(ModelError::Layout));
}
