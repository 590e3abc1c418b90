//! McMahan et al., "Communication-efficient learning of deep networks from decentralized data", AISTATS 2017, tables 1
//! and 2: rounds to an accuracy on MNIST, 100 participants, a tenth of them a round.

use roundtable::wire::stubs::coordinator::Plan;

use crate::lab::{Setting, data, head, row, run_until, spread, training};

/// A cell of a table: how rows are cut, batch (0: all rows), epochs, the learning rates that are tried, what was
/// published, and what FedLab came to in its own reproduction.
struct Cell {
    partition: &'static str,
    batch: i32,
    epochs: i32,
    rates: &'static [f64],
    published: i32,
    again: &'static str,
    most: i32,
}

const DENSE: [Cell; 3] = [
    Cell {
        partition: "iid",
        batch: 10,
        epochs: 1,
        rates: &[0.05, 0.1, 0.2],
        published: 87,
        again: "43",
        most: 150,
    },
    Cell {
        partition: "label-shards:k=2",
        batch: 10,
        epochs: 1,
        rates: &[0.1, 0.2],
        published: 664,
        again: "439",
        most: 700,
    },
    Cell {
        partition: "iid",
        batch: 0,
        epochs: 1,
        rates: &[0.5],
        published: 1_474,
        again: "1230",
        most: 1_500,
    },
];

const CONVOLUTIONAL: [Cell; 4] = [
    Cell {
        partition: "iid",
        batch: 10,
        epochs: 1,
        rates: &[0.1, 0.15, 0.2],
        published: 34,
        again: "-",
        most: 50,
    },
    Cell {
        partition: "iid",
        batch: 10,
        epochs: 5,
        rates: &[0.1, 0.15],
        published: 20,
        again: "-",
        most: 40,
    },
    Cell {
        partition: "label-shards:k=2",
        batch: 10,
        epochs: 1,
        rates: &[0.1],
        published: 350,
        again: "-",
        most: 500,
    },
    Cell {
        partition: "label-shards:k=2",
        batch: 10,
        epochs: 5,
        rates: &[0.1],
        published: 229,
        again: "-",
        most: 350,
    },
];

/// The network of two hidden layers, to 97 %.
pub fn dense(setting: &Setting) {
    table(setting, "mlp:784-200-200-10", 0.97, &DENSE);
}

/// The convolutional network, to 99 %.
pub fn convolutional(setting: &Setting) {
    table(setting, "cnn:28x28-10", 0.99, &CONVOLUTIONAL);
}

fn table(setting: &Setting, model: &str, target: f64, cells: &[Cell]) {
    println!(
        "`{model}`: rounds to {} %, 10 of 100 participants a round.\n",
        target * 100.0
    );
    head(&[
        "rows",
        "batch",
        "epochs",
        "learning rate",
        "rounds",
        "s a round",
        "published",
        "FedLab",
    ]);
    let cluster = setting.cluster();
    for cell in cells {
        let name = format!(
            "{} batch={} epochs={}",
            cell.partition, cell.batch, cell.epochs
        );
        if !setting.wants(&name) {
            continue;
        }
        for &rate in cell.rates {
            let courses: Vec<_> = setting
                .seeds(1)
                .map(|seed| {
                    let plan = Plan {
                        model: Some(model.to_owned()),
                        data: data("path:mnist", cell.partition, 100),
                        cohort: Some(10),
                        rounds: Some(setting.rounds(cell.most)),
                        training: training(cell.epochs, cell.batch, rate),
                        seed: Some(seed as i64),
                        ..Plan::default()
                    };
                    run_until(&cluster.address(), plan, |course| course.best() >= target)
                })
                .collect();
            let reached: Option<Vec<f64>> = courses
                .iter()
                .map(|course| course.rounds_to(target))
                .collect();
            let first = &courses[0];
            let rounds = reached.map_or_else(
                || format!("not in {}: best {:.4}", first.accuracy.len(), first.best()),
                |rounds| spread(&rounds, 1),
            );
            row(&[
                cell.partition.to_owned(),
                if cell.batch == 0 {
                    "all".to_owned()
                } else {
                    cell.batch.to_string()
                },
                cell.epochs.to_string(),
                rate.to_string(),
                rounds,
                format!("{:.2}", first.seconds / first.accuracy.len() as f64),
                cell.published.to_string(),
                cell.again.to_owned(),
            ]);
        }
    }
}
