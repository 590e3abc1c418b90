//! A run's parameters as the bytes of a model file, where nothing is kept on the disk; and what such files say of
//! themselves.

use bytes::Bytes;

use crate::app::coordinator::parameters::current::Current;
use crate::app::held::{Collector, Held};
use crate::fed::{Plan, RunId};
use crate::ml::metrics::Metrics;
use crate::store::plan_json;
use crate::store::safetensors::{About, header};
use crate::wire::convert;

/// What a model file of a run says of itself.
pub fn about(
    run: &RunId,
    model: &str,
    plan: &Plan,
    current: &Current,
    metrics: Option<&Metrics>,
) -> About {
    let mut about = About::from([
        ("digest".to_owned(), hex::encode(current.digest)),
        ("model".to_owned(), model.to_owned()),
        ("plan".to_owned(), plan_json(plan)),
        ("round".to_owned(), current.round.to_string()),
        ("run".to_owned(), run.0.clone()),
        ("software".to_owned(), convert::SOFTWARE.to_owned()),
    ]);
    if let Some(metrics) = metrics {
        if let Some(accuracy) = metrics.accuracy() {
            about.insert("accuracy".to_owned(), accuracy.to_string());
        }
        if let Some(regression) = metrics.regression() {
            about.insert("rmse".to_owned(), regression.rmse().to_string());
        }
        about.insert("loss".to_owned(), metrics.loss.to_string());
    }
    about
}

/// The file itself.
pub fn write(current: &Current, about: &About) -> Result<Held, String> {
    let cannot = |error: std::io::Error| format!("the model file cannot be made: {error}");
    let header = header(&current.layout, about);
    let mut file = Collector::new(header.len() + current.bytes.len()).map_err(cannot)?;
    file.push(Bytes::from(header)).map_err(cannot)?;
    for number in 0..current.bytes.pieces() {
        let piece = current.bytes.piece(number).map_err(cannot)?;
        file.push(piece).map_err(cannot)?;
    }
    Ok(file.finish())
}
