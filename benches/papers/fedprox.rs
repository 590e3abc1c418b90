//! Li et al., "Federated optimization in heterogeneous networks" (FedProx), MLSys 2020, figures 1 and 2: synthetic(1,1), 30
//! devices, 10 a round, 200 rounds of 20 epochs; stragglers do fewer epochs, and are left out by FedAvg.
//!
//! The paper prints curves and draws its data anew in every run; so what is tested is the order.

use roundtable::wire::stubs::coordinator::Plan;
use roundtable::wire::stubs::types::DataRef;

use crate::lab::{Setting, head, mean, row, run, training};

/// A name, the strategy, and whether it leaves stragglers out.
const METHODS: [(&str, &str, bool); 3] = [
    ("FedAvg", "fedavg", true),
    ("FedProx, mu 0", "fedprox:mu=0", false),
    ("FedProx, mu 1", "fedprox:mu=1", false),
];

/// Accuracy and loss of each, on the same draws.
pub fn table(setting: &Setting) {
    let rounds = setting.rounds(200);
    println!("Mean of rounds {} to {rounds}.\n", rounds - 4);
    head(&[
        "stragglers",
        "method",
        "accuracy by seed",
        "mean",
        "training loss by seed",
    ]);
    let cluster = setting.cluster();
    for stragglers in [0.0, 0.5, 0.9] {
        for (name, strategy, leaves_out) in METHODS {
            if !setting.wants(&format!("stragglers={stragglers} {name}")) {
                continue;
            }
            let plan = |seed| Plan {
                model: Some("softmax:60-10".to_owned()),
                data: Some(DataRef {
                    spec: "devices:alpha=1,beta=1".to_owned(),
                    ..DataRef::default()
                }),
                cohort: Some(10),
                rounds: Some(rounds),
                training: training(20, 10, 0.01),
                strategy: Some(strategy.to_owned()),
                stragglers: (stragglers > 0.0).then_some(stragglers),
                drop_stragglers: Some(leaves_out),
                seed: Some(seed),
                ..Plan::default()
            };
            let courses: Vec<_> = setting
                .seeds(3)
                .map(|seed| run(&cluster.address(), plan(seed as i64)))
                .collect();
            let accuracy: Vec<f64> = courses.iter().map(|course| course.last(5)).collect();
            let each = accuracy.iter().map(|accuracy| format!("{accuracy:.3}"));
            let losses = courses.iter().map(|course| {
                let last = course.loss.len().saturating_sub(5);
                format!("{:.2}", mean(&course.loss[last..]))
            });
            row(&[
                format!("{} %", stragglers * 100.0),
                name.to_owned(),
                each.collect::<Vec<_>>().join(", "),
                format!("{:.3}", mean(&accuracy)),
                losses.collect::<Vec<_>>().join(", "),
            ]);
        }
    }
}
