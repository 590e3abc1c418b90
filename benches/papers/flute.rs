//! The benchmark of Microsoft's FLUTE (Dimitriadis et al., 2022; its repository), LR_MNIST: softmax regression, 1,000
//! participants of two digits each, 10 a round, 100 rounds. All three programs as processes.

use roundtable::clock;
use roundtable::wire::stubs::compute_node::Training;
use roundtable::wire::stubs::coordinator::Plan;

use crate::lab::{Setting, data, head, row, run, spread};
use crate::trio::Process;

/// The accuracy is the mean of the last five rounds, as single ones swing by ten points.
pub fn table(setting: &Setting) {
    let root = setting.data.to_str().expect("a name");
    let (mut accuracy, mut seconds) = (Vec::new(), Vec::new());
    for seed in setting.seeds(5) {
        let start = clock::now();
        let options = ["--data-root", root, "--slots", "1"];
        let nodes = [Process::node(&options), Process::node(&options)];
        let addresses = nodes.each_ref().map(|node| node.address);
        let coordinator = Process::coordinator(&addresses, &["--data-root", root]);
        let plan = Plan {
            model: Some("softmax:784-10".to_owned()),
            data: data("path:mnist,standardise=yes", "power-law", 1_000),
            cohort: Some(10),
            rounds: Some(100),
            training: Some(Training {
                epochs: Some(1),
                batch: Some(10),
                learning_rate: 0.03,
                weight_decay: Some(0.001),
                ..Training::default()
            }),
            seed: Some(seed as i64),
            ..Plan::default()
        };
        accuracy.push(run(&coordinator.address.into(), plan).last(5));
        seconds.push(start.elapsed().as_secs_f64());
    }
    head(&[
        "",
        "Roundtable",
        "FLUTE, CPU",
        "FedML 0.7, MPI",
        "Flower 1.0, CPU",
    ]);
    row(&[
        "accuracy, rounds 96 to 100",
        &spread(&accuracy, 3),
        "about 0.81",
        "about 0.81",
        "about 0.81",
    ]);
    row(&[
        "the whole job, s",
        &spread(&seconds, 2),
        "200",
        "189",
        "1814",
    ]);
}
