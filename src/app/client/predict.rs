//! Classifying the rows of a file with a run's model.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ndarray::Array2;
use serde_json::json;

use super::arguments::PredictOptions;
use super::failure::Failure;
use super::model_file;
use super::session::Session;
use super::view::{print, print_json, written};
use crate::app::transfer;
use crate::ml::model::{MODELS, Model};
use crate::ml::parameters::Parameters;
use crate::wire::stubs::coordinator::{ModelReply, ModelRequest};

/// Largest model file that is fetched.
const LARGEST: i64 = 4 << 30;
/// Bytes per second of the slowest line that is waited for.
const SLOWEST: usize = 1 << 20;

/// Fetches the model, reads the rows and prints a class and its probability for each.
pub(super) fn run(
    session: &mut Session,
    options: &PredictOptions,
    json: bool,
) -> Result<(), Failure> {
    let (model, parameters) = fetch(session, &options.run)?;
    let (rows, truth) = read(&options.file, model.features(), options.scale)?;
    let predictions = model
        .predict(&parameters, rows.view())
        .map_err(|error| Failure::failed(error.to_string()))?;
    if !json {
        written(print("class,probability"))?;
    }
    for (row, &class) in predictions.classes.iter().enumerate() {
        let probability = predictions.probabilities[[row, class as usize]];
        if json {
            written(print_json(
                &json!({"class": class, "probability": probability}),
            ))?;
        } else {
            written(print(&format!("{class},{probability:.4}")))?;
        }
    }
    if let Some(truth) = truth {
        let right = truth
            .iter()
            .zip(&predictions.classes)
            .filter(|(a, b)| a == b);
        let right = right.count();
        let rows = truth.len();
        let _ = writeln!(std::io::stderr(), "{right} of {rows} rows as labelled");
    }
    Ok(())
}

fn fetch(session: &mut Session, run: &str) -> Result<(Arc<dyn Model>, Parameters), Failure> {
    let request = ModelRequest {
        run: run.to_owned(),
    };
    let reply: ModelReply = session.call("model", |to| to.model(&request))?;
    let file = match (&reply.file.inline_data, &reply.file.digest) {
        (Some(bytes), _) => bytes.clone(),
        (None, Some(digest)) if (0..=LARGEST).contains(&reply.file.length) => {
            let length = usize::try_from(reply.file.length).unwrap_or(0);
            let limit = Duration::from_secs(10 + (length / SLOWEST) as u64);
            let fetched = session.call_within(limit, "fetching the model", |to| {
                transfer::fetch(to, digest, length, |_| ())
            })?;
            fetched
                .whole()
                .map_err(|error| Failure::failed(format!("cannot read the model back: {error}")))?
        }
        _ => return Err(Failure::failed("the coordinator sent no model")),
    };
    let model = MODELS.build(&reply.model).map_err(|error| {
        Failure::failed(format!("model `{}`: {error}", reply.model))
            .hint("only built-in models can be used here")
    })?;
    let parameters = model_file::read(&*model, &file).map_err(Failure::failed)?;
    Ok((model, parameters))
}

/// Rows of features, and their classes where the file has one column more. A heading is skipped.
fn read(
    file: &Path,
    features: usize,
    scale: f32,
) -> Result<(Array2<f32>, Option<Vec<u32>>), Failure> {
    let name = file.display();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .trim(csv::Trim::All)
        .from_path(file)
        .map_err(|error| Failure::failed(format!("cannot read {name}: {error}")))?;
    let mut values = Vec::new();
    let mut truth = Vec::new();
    for (number, record) in reader.records().enumerate() {
        let record = record.map_err(|error| Failure::failed(format!("{name}: {error}")))?;
        let line = number + 1;
        if number == 0 && record.iter().all(|field| field.parse::<f32>().is_err()) {
            continue;
        }
        if record.len() != features && record.len() != features + 1 {
            return Err(Failure::failed(format!(
                "{name}:{line}: {} columns; the model takes {features}",
                record.len()
            )));
        }
        for (column, field) in record.iter().take(features).enumerate() {
            let value: Option<f32> = field.parse().ok().filter(|value: &f32| value.is_finite());
            let value = value.ok_or_else(|| {
                Failure::failed(format!(
                    "{name}:{line}:{}: \"{field}\" is not a number",
                    column + 1
                ))
            })?;
            values.push(value / scale);
        }
        truth.extend(
            record
                .get(features)
                .and_then(|field| field.parse::<u32>().ok()),
        );
    }
    let rows = values.len() / features.max(1);
    let labelled = rows > 0 && truth.len() == rows;
    let rows = Array2::from_shape_vec((rows, features), values)
        .map_err(|error| Failure::failed(format!("{name}: {error}")))?;
    Ok((rows, labelled.then_some(truth)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str, features: usize) -> Result<(Array2<f32>, Option<Vec<u32>>), Failure> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rows.csv");
        std::fs::write(&file, text).unwrap();
        read(&file, features, 2.0)
    }

    #[test]
    fn rows_with_and_without_classes() {
        let (rows, truth) = read_text("a,b\n2,4\n6,8\n", 2).unwrap();
        assert_eq!(rows, ndarray::arr2(&[[1.0, 2.0], [3.0, 4.0]]));
        assert_eq!(truth, None);
        let (_, truth) = read_text("2,4,1\n6,8,0\n", 2).unwrap();
        assert_eq!(truth, Some(vec![1, 0]));
    }

    #[test]
    fn wrong_rows_are_named() {
        assert!(read_text("1,2\n1,x\n", 2).is_err());
        assert!(read_text("1,2,3,4\n", 2).is_err());
    }
}
