//! Li et al., "Federated learning on non-IID data silos: an experimental study" (NIID-Bench), ICDE 2022, as Flower
//! reproduced it: Fashion-MNIST, 10 participants, all of them every round, 50 rounds of 10 local epochs.
//!
//! All of it takes hours; `--rounds N` ends every run earlier.

use roundtable::wire::stubs::compute_node::Training;
use roundtable::wire::stubs::coordinator::Plan;

use crate::lab::{Setting, data, head, row, run};

const STRATEGIES: [&str; 4] = ["fedavg", "scaffold", "fedprox:mu=0.01", "fednova"];
/// A partition, and Flower's best accuracy of each strategy after 50 rounds, in per cent.
const PARTITIONS: [(&str, [&str; 4]); 2] = [
    (
        "class-shares:alpha=0.5",
        ["88.09", "88.44", "88.15", "88.22"],
    ),
    ("label-shards:k=2", ["78.10", "33.80", "78.05", "71.67"]),
];

/// The best accuracy of all rounds.
pub fn table(setting: &Setting) {
    head(&[
        "partition",
        "strategy",
        "rounds",
        "best accuracy, %",
        "s a round",
        "published, 50 rounds",
    ]);
    let cluster = setting.cluster();
    for (partition, published) in PARTITIONS {
        for (strategy, published) in STRATEGIES.into_iter().zip(published) {
            if !setting.wants(&format!("{partition} {strategy}")) {
                continue;
            }
            let plan = Plan {
                model: Some("cnn:28x28-10,filters=6-16,padding=valid,hidden=120-84".to_owned()),
                data: data("path:fashion-mnist", partition, 10),
                rounds: Some(setting.rounds(50)),
                training: Some(Training {
                    epochs: Some(10),
                    batch: Some(64),
                    learning_rate: 0.01,
                    momentum: Some(0.9),
                    weight_decay: Some(1e-5),
                    ..Training::default()
                }),
                strategy: Some(strategy.to_owned()),
                ..Plan::default()
            };
            let course = run(&cluster.address(), plan);
            let rounds = course.accuracy.len();
            row(&[
                partition.to_owned(),
                strategy.to_owned(),
                rounds.to_string(),
                format!("{:.2}", course.best() * 100.0),
                format!("{:.1}", course.seconds / rounds as f64),
                published.to_owned(),
            ]);
        }
    }
}
