//! The real MNIST and its successor Fashion-MNIST, where they are at hand (`../shared/data` beside
//! the repository); skipped where they are not.

use std::path::Path;

use roundtable::ml::data::{Request, Root, Source};
use roundtable::ml::model::{MODELS, Start};
use roundtable::ml::training::Training;
use roundtable::seed::{Purpose, Seed};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");

fn open(folder: &str, partition: &str, shards: usize) -> Option<Source> {
    if !Path::new(DATA).join(folder).is_dir() {
        println!("skipped: no {folder} data at {DATA}");
        return None;
    }
    let request = Request {
        spec: format!("path:{folder}"),
        partition: Some(partition.to_owned()),
        shards: Some(shards),
        seed: Seed(1),
        held_out: 0.2,
    };
    Some(Source::open(&request, &Root::new(DATA).unwrap()).unwrap())
}

fn counts<'a>(labels: impl IntoIterator<Item = &'a u32>) -> [usize; 10] {
    let mut counts = [0; 10];
    labels
        .into_iter()
        .for_each(|label| counts[*label as usize] += 1);
    counts
}

#[test]
fn mnist_is_complete() {
    let Some(source) = open("mnist", "power-law:k=2", 1_000) else {
        return;
    };
    assert_eq!((source.shards(), source.total_rows()), (1_000, 60_000));
    assert_eq!((source.features(), source.classes()), (784, 10));
    let mut train = [0; 10];
    let mut sum = 0;
    for shard in 0..1_000 {
        let data = source.shard(shard).unwrap();
        let here = counts(data.labels());
        assert!(
            here.iter().filter(|count| **count > 0).count() == 2,
            "{here:?}"
        );
        for (all, here) in train.iter_mut().zip(here) {
            *all += here;
        }
        let pixels = data.features();
        sum += pixels
            .iter()
            .map(|pixel| (pixel * 255.0).round() as u64)
            .sum::<u64>();
    }
    // As published: rows of each digit, and the mean pixel, 0.1307.
    assert_eq!(
        train,
        [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    );
    let mean = sum as f64 / 255.0 / (60_000.0 * 784.0);
    assert!((mean - 0.1307).abs() < 0.0001, "{mean}");
    let test = source.held_out().unwrap();
    assert_eq!(
        counts(test.labels()),
        [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    );
}

#[test]
fn fashion_mnist_is_complete() {
    let Some(source) = open("fashion-mnist", "label-shards:k=2", 100) else {
        return;
    };
    assert_eq!((source.shards(), source.total_rows()), (100, 60_000));
    for shard in 0..100 {
        let data = source.shard(shard).unwrap();
        // 200 pieces of 300 rows; every class fills 20 of them.
        assert_eq!(data.rows(), 600);
        assert!(
            counts(data.labels())
                .iter()
                .filter(|count| **count > 0)
                .count()
                <= 2
        );
    }
    assert_eq!(counts(source.held_out().unwrap().labels()), [1_000; 10]);
}

#[test]
fn a_convolutional_network_learns_digits() {
    let Some(source) = open("mnist", "iid", 20) else {
        return;
    };
    let spec = "cnn:28x28-10,filters=6-16,padding=valid,hidden=120-84";
    let model = MODELS.build(spec).unwrap();
    let how = Training::new(2, 10, 0.05, "cross-entropy", None).unwrap();
    let stream = Seed(1).stream(Purpose::Shuffle, 0, 0);
    let mut parameters = model.initial(Seed(1));
    let shard = source.shard(1).unwrap();
    let trained = model.train(Start::at(&parameters), &shard, &how, stream, &|| false);
    parameters.add(&trained.unwrap().update).unwrap();
    let test = source.held_out().unwrap();
    let accuracy = model
        .evaluate(&parameters, test)
        .unwrap()
        .accuracy()
        .unwrap();
    // Two passes over 3,000 digits; softmax regression comes to 0.88.
    assert!(accuracy > 0.92, "{accuracy}");
}
