//! Li et al., "Federated optimization in heterogeneous networks" (FedProx), MLSys 2020, figure 1: synthetic(1,1), 30 devices,
//! 10 a round, 200 rounds of 20 epochs, without and with the proximal term.
//!
//! The paper prints curves and draws its data anew in every run; so what is tested is the order. Stragglers, which do
//! only some of their epochs, are not among what a plan can say; this is the paper's column of 0 %.

use roundtable::wire::stubs::coordinator::Plan;
use roundtable::wire::stubs::types::DataRef;

use crate::lab::{Setting, head, row, run, spread, training};

/// Accuracy and loss of both, on the same draws.
pub fn table(setting: &Setting) {
    let rounds = setting.rounds(200);
    println!("Mean of rounds {} to {rounds}.\n", rounds - 4);
    head(&[
        "strategy",
        "accuracy by seed",
        "mean",
        "training loss by seed",
    ]);
    let cluster = setting.cluster();
    for strategy in ["fedavg", "fedprox:mu=1"] {
        let courses = setting.seeds(3).map(|seed| {
            let plan = Plan {
                model: Some("softmax:60-10".to_owned()),
                data: Some(DataRef {
                    spec: "devices:alpha=1,beta=1".to_owned(),
                    ..DataRef::default()
                }),
                cohort: Some(10),
                rounds: Some(rounds),
                training: training(20, 10, 0.01),
                strategy: Some(strategy.to_owned()),
                seed: Some(seed as i64),
                ..Plan::default()
            };
            run(&cluster.address(), plan)
        });
        let courses: Vec<_> = courses.collect();
        let accuracy: Vec<f64> = courses.iter().map(|course| course.last(5)).collect();
        let each = accuracy.iter().map(|accuracy| format!("{accuracy:.3}"));
        let losses = courses.iter().map(|course| {
            let last = course.loss.len().saturating_sub(5);
            format!("{:.2}", crate::lab::mean(&course.loss[last..]))
        });
        row(&[
            strategy.to_owned(),
            each.collect::<Vec<_>>().join(", "),
            spread(&accuracy, 3),
            losses.collect::<Vec<_>>().join(", "),
        ]);
    }
}
