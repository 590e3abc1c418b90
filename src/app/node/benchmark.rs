//! How fast this machine trains, by training a little.

use std::time::Duration;

use crate::clock;
use crate::ml::data::{Request, Root, Source};
use crate::ml::model::{MODELS, Start};
use crate::ml::training::Training;
use crate::seed::{Purpose, Seed};

/// Long enough to be steady, short enough not to be noticed at the start.
const SPAN: Duration = Duration::from_millis(50);

/// Rows per second of a small network on the digits, one thread. 0 if it could not be measured.
pub(super) fn rows_per_second() -> f64 {
    measure().unwrap_or(0.0)
}

fn measure() -> Option<f64> {
    let request = Request {
        spec: "builtin:digits".to_owned(),
        partition: None,
        shards: Some(1),
        seed: Seed(0),
        held_out: 0.0,
    };
    let rows = Source::open(&request, &Root::new(".").ok()?)
        .ok()?
        .shard(0)
        .ok()?;
    let model = MODELS.build("mlp:64-32-10").ok()?;
    let how = Training::new(1, 32, 0.1, "cross-entropy", None).ok()?;
    let parameters = model.initial(Seed(0));
    let start = clock::now();
    let mut trained = 0;
    while clock::now() - start < SPAN {
        let stream = Seed(0).stream(Purpose::Shuffle, 0, 0);
        let done = model.train(Start::at(&parameters), &rows, &how, stream, &|| false);
        trained += done.ok()?.rows;
    }
    Some(trained as f64 / (clock::now() - start).as_secs_f64())
}
