//! Rows made from the seed for many devices, each of which has a truth of its own: the synthetic data of FedProx.

use std::sync::Arc;

use ndarray::Array2;

use super::{DataError, Dataset, Made, Opened, Origin, Root, TargetKind};
use crate::math::{exp, ln};
use crate::seed::{Purpose, Seed, Stream};
use crate::spec::{Arguments, OptionHelp, Row, SpecError};

pub(super) const ROW: Row<Arc<dyn Origin>> = Row {
    name: "devices",
    aliases: &[],
    value: "",
    help: "rows made from the seed as in FedProx's synthetic(alpha, beta): each device is a shard with a model and a \
           distribution of its own, 60 features, 10 classes; a tenth of its rows evaluates",
    options: &[
        OptionHelp {
            key: "alpha",
            value: "NUMBER",
            help: "how far the devices' models differ; 1",
        },
        OptionHelp {
            key: "beta",
            value: "NUMBER",
            help: "how far the devices' rows differ; 1",
        },
        OptionHelp {
            key: "devices",
            value: "NUMBER",
            help: "how many; 30",
        },
        OptionHelp {
            key: "iid",
            value: "no|yes",
            help: "one model and one distribution for all devices",
        },
    ],
    build: |arguments| Ok(Arc::new(Synthetic::read(arguments)?)),
};

const FEATURES: usize = 60;
const CLASSES: usize = 10;
/// Rows of a device at least.
const LEAST_ROWS: usize = 50;
/// Rows of a device beyond the least at most: one device in ten million would have more.
const MORE_ROWS: f64 = (1 << 20) as f64;
const MOST_DEVICES: usize = 10_000;

/// The generator of Li et al., "Federated Optimization in Heterogeneous Networks" (FedProx), 2020, section 5.1, with the
/// numbers of its program. For device k, u_k ~ N(0, alpha) and B_k ~ N(0, beta); the weights and biases of its
/// model are drawn from N(u_k, 1) and the centre v_k of its rows from N(B_k, 1); a row is x ~ N(v_k, S), where S is
/// diagonal with S_jj = j^-1.2, and its class is the largest of W_k x + b_k. Its rows number 50 and a lognormal
/// number (4, 2) more; nine tenths are trained on. `alpha` and `beta` are standard deviations there.
///
/// Other than there every device draws from a stream of its own, so its rows can be made alone.
#[derive(Clone)]
struct Synthetic {
    alpha: f64,
    beta: f64,
    devices: usize,
    iid: bool,
}

impl Synthetic {
    fn read(arguments: &mut Arguments) -> Result<Synthetic, SpecError> {
        let spread = "a number from 0 to 1000";
        Ok(Synthetic {
            alpha: arguments.number("alpha", 1.0, 0.0..=1e3, spread)?,
            beta: arguments.number("beta", 1.0, 0.0..=1e3, spread)?,
            devices: arguments.number(
                "devices",
                30,
                1..=MOST_DEVICES,
                "a whole number from 1 to 10000",
            )?,
            iid: arguments.choice("iid", &[("no", false), ("yes", true)])?,
        })
    }
}

impl Origin for Synthetic {
    fn kind(&self) -> Option<TargetKind> {
        Some(TargetKind::Class)
    }

    fn open(&self, _: &Root, seed: Seed) -> Result<Opened, DataError> {
        let sizes = |device| size(&mut seed.stream(Purpose::Synthetic, SIZE, device));
        let model = match self.iid {
            true => Some(Model::draw(
                0.0,
                &mut seed.stream(Purpose::Synthetic, TRUTH, 0),
            )),
            false => None,
        };
        Ok(Opened::Made(Box::new(Devices {
            seed,
            sizes: (0..self.devices as u64).map(sizes).collect(),
            deviations: (1..=FEATURES).map(|j| exp(-0.6 * ln(j as f64))).collect(),
            model,
            of: self.clone(),
        })))
    }
}

/// Streams of the seed: what a device is (or all are), how many rows it has, its rows to train on and to evaluate.
const TRUTH: u32 = 0;
const SIZE: u32 = 1;
const TRAINING: u32 = 2;
const EVALUATION: u32 = 3;

/// Rows of a device.
fn size(stream: &mut Stream) -> usize {
    LEAST_ROWS + exp(4.0 + 2.0 * stream.normal()).min(MORE_ROWS) as usize
}

/// Rows of so many that are trained on.
fn training(rows: usize) -> usize {
    rows * 9 / 10
}

/// What gives a row its class.
struct Model {
    /// Features x classes.
    weights: Vec<f64>,
    biases: [f64; CLASSES],
}

impl Model {
    fn draw(mean: f64, stream: &mut Stream) -> Model {
        Model {
            weights: (0..FEATURES * CLASSES)
                .map(|_| mean + stream.normal())
                .collect(),
            biases: std::array::from_fn(|_| mean + stream.normal()),
        }
    }

    fn class(&self, row: &[f64]) -> u32 {
        let mut scores = self.biases;
        for (value, weights) in row.iter().zip(self.weights.chunks_exact(CLASSES)) {
            for (score, weight) in scores.iter_mut().zip(weights) {
                *score += value * weight;
            }
        }
        let better = |best: usize, class| {
            if scores[class] > scores[best] {
                class
            } else {
                best
            }
        };
        (1..CLASSES).fold(0, better) as u32
    }
}

struct Devices {
    of: Synthetic,
    seed: Seed,
    sizes: Vec<usize>,
    /// Standard deviation of each feature around a device's centre.
    deviations: Vec<f64>,
    /// The model of all devices, where they have the same.
    model: Option<Model>,
}

impl Devices {
    /// Adds rows of a device, drawn from its stream for this purpose, to `values` and `labels`.
    fn add_rows(&self, device: usize, purpose: u32, count: usize, rows: &mut Rows) {
        let stream = |purpose| self.seed.stream(Purpose::Synthetic, purpose, device as u64);
        let mut centre = vec![0.0; FEATURES];
        let own;
        let model = match &self.model {
            Some(model) => model,
            None => {
                let mut stream = stream(TRUTH);
                let (u, b) = (
                    self.of.alpha * stream.normal(),
                    self.of.beta * stream.normal(),
                );
                centre.fill_with(|| b + stream.normal());
                own = Model::draw(u, &mut stream);
                &own
            }
        };
        let mut stream = stream(purpose);
        let mut row = vec![0.0; FEATURES];
        for _ in 0..count {
            for ((value, centre), deviation) in row.iter_mut().zip(&centre).zip(&self.deviations) {
                *value = centre + deviation * stream.normal();
            }
            rows.values.extend(row.iter().map(|value| *value as f32));
            rows.labels.push(model.class(&row));
        }
    }
}

/// Rows as they are made.
#[derive(Default)]
struct Rows {
    values: Vec<f32>,
    labels: Vec<u32>,
}

impl Rows {
    fn into_dataset(self) -> Option<Dataset> {
        let shape = (self.labels.len(), FEATURES);
        let features = Array2::from_shape_vec(shape, self.values).ok()?;
        Dataset::new(features, self.labels, CLASSES).ok()
    }
}

impl Made for Devices {
    fn shards(&self) -> usize {
        self.sizes.len()
    }

    fn name(&self, shard: usize) -> String {
        format!("device-{shard}")
    }

    fn features(&self) -> usize {
        FEATURES
    }

    fn classes(&self) -> usize {
        CLASSES
    }

    fn rows(&self, shard: usize) -> usize {
        training(self.sizes[shard])
    }

    fn shard(&self, shard: usize) -> Option<Dataset> {
        let mut rows = Rows::default();
        self.add_rows(shard, TRAINING, self.rows(shard), &mut rows);
        rows.into_dataset()
    }

    fn held_out(&self) -> Option<Dataset> {
        let mut rows = Rows::default();
        for (device, size) in self.sizes.iter().enumerate() {
            self.add_rows(device, EVALUATION, size - training(*size), &mut rows);
        }
        rows.into_dataset()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DATA, Request, Source};
    use super::*;

    fn open(spec: &str, seed: u64) -> Result<Source, String> {
        let request = Request {
            spec: spec.to_owned(),
            partition: None,
            shards: None,
            seed: Seed(seed),
            held_out: 0.2,
        };
        Source::open(&request, &Root::new("/").unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn devices_are_shards_of_their_own() {
        let source = open("devices:alpha=1,beta=1", 1).unwrap();
        assert_eq!(
            (source.shards(), source.features(), source.classes()),
            (30, 60, 10)
        );
        let (mut train, mut all) = (0, 0);
        for shard in 0..30 {
            let data = source.shard(shard).unwrap();
            assert_eq!(Some(data.rows()), source.rows(shard));
            assert!(data.rows() >= 45);
            train += data.rows();
            all += data.rows().div_ceil(9);
        }
        assert_eq!(source.total_rows(), train);
        let held = source.held_out().unwrap().rows();
        assert!(
            all.abs_diff(held) <= 30,
            "a tenth is held out: {held} of {train}"
        );
        // Devices do not depend on how many there are.
        let more = open("devices:devices=40", 1).unwrap();
        assert_eq!(more.shard(7).unwrap(), source.shard(7).unwrap());
        assert_ne!(
            open("devices", 2).unwrap().shard(7).unwrap(),
            source.shard(7).unwrap()
        );
        assert_eq!(source.name(7).as_deref(), Some("device-7"));
        assert!(source.shard(30).is_err() && source.rows(30).is_none());
    }

    #[test]
    fn features_spread_as_published() {
        // Around its centre, feature j has variance j^-1.2; rows of all devices alike have centre 0.
        let source = open("devices:devices=40,iid=yes", 3).unwrap();
        let (mut rows, mut first, mut last) = (0.0, 0.0, 0.0);
        for shard in 0..40 {
            let data = source.shard(shard).unwrap();
            for row in 0..data.rows() {
                let row = data.row(row);
                rows += 1.0;
                first += f64::from(row[0] * row[0]);
                last += f64::from(row[59] * row[59]);
            }
        }
        assert!((first / rows - 1.0).abs() < 0.05, "{}", first / rows);
        let expected = 60f64.powf(-1.2);
        assert!(
            (last / rows / expected - 1.0).abs() < 0.05,
            "{}",
            last / rows
        );
    }

    #[test]
    fn alpha_and_beta_set_devices_apart() {
        let spread = |spec: &str| {
            let source = open(spec, 1).unwrap();
            let mean = |shard| {
                source
                    .shard(shard)
                    .unwrap()
                    .features()
                    .mean()
                    .unwrap()
                    .powi(2)
            };
            (0..30).map(mean).sum::<f32>() / 30.0
        };
        let (near, far) = (spread("devices:beta=0"), spread("devices:beta=3"));
        assert!(near < 0.1 && (4.0..16.0).contains(&far), "{near} {far}");
    }

    #[test]
    fn impossible_numbers_are_refused() {
        for option in [
            "alpha=-1",
            "beta=nan",
            "devices=0",
            "devices=10001",
            "iid=x",
            "rows=1",
        ] {
            assert!(
                DATA.build(&format!("devices:{option}")).is_err(),
                "{option}"
            );
        }
    }
}
