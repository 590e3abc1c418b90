//! What a run's model, or one from a file, says of the rows of a file: classes or real values.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use ndarray::Array2;
use serde_json::json;

use super::arguments::PredictOptions;
use super::failure::Failure;
use super::figure::Figure;
use super::model::{self, UNTURNED};
use super::session::Session;
use super::view::{print, print_json, written};
use crate::ml::cores::cores;
use crate::ml::data::Standard;
use crate::ml::model::{MODELS, Model, Predictions};
use crate::ml::parameters::Parameters;
use crate::wire::stubs::coordinator::ModelRequest;

/// Takes the model, reads the rows and prints a class and its probability for each, or a value.
pub(super) fn run(
    session: impl FnOnce() -> Result<Session, Failure>,
    options: &PredictOptions,
    json: bool,
) -> Result<(), Failure> {
    let (run, file) = match (&options.names[..], &options.model) {
        ([run, file], None) => (Some(run), file),
        ([file], Some(_)) => (None, file),
        (_, Some(_)) => return Err(Failure::usage("either a run or a model file, not both")),
        (_, None) => {
            return Err(Failure::usage("a run and a file of rows are needed")
                .hint("predict RUN FILE, or predict --model MODEL FILE"));
        }
    };
    let (model, kept) = open(session, options, run)?;
    if kept.is_turned() {
        let failure = Failure::failed(
            "the file was written with --pytorch: its weights lie the other way round",
        );
        return Err(failure.hint(UNTURNED));
    }
    let parameters = parameters(&*model, &kept).map_err(Failure::failed)?;
    let standard = standard(&kept).map_err(Failure::failed)?;
    let (mut rows, truth) = read(Path::new(file), model.features(), options.scale)?;
    if let Some(standard) = standard.filter(|standard| standard.width() == model.features()) {
        let each = rows.indexed_iter_mut();
        each.for_each(|((_, column), value)| *value = standard.value(column, *value));
    }
    let predictions = model
        .predict(&parameters, rows.view(), cores())
        .map_err(|error| Failure::failed(error.to_string()))?;
    let known = match &predictions {
        Predictions::Classes {
            classes,
            probabilities,
        } => {
            written(print_classes(classes, probabilities, json))?;
            truth.map(|truth| as_labelled(&truth, classes))
        }
        Predictions::Values(values) => {
            written(print_values(values, json))?;
            truth.map(|truth| as_measured(&truth, values))
        }
    };
    if let Some(known) = known {
        let _ = writeln!(std::io::stderr(), "{known}");
    }
    Ok(())
}

fn print_classes(classes: &[u32], probabilities: &Array2<f64>, json: bool) -> io::Result<()> {
    if !json {
        print("class,probability")?;
    }
    for (row, &class) in classes.iter().enumerate() {
        let probability = probabilities[[row, class as usize]];
        if json {
            print_json(&json!({"class": class, "probability": probability}))?;
        } else {
            print(&format!("{class},{probability:.4}"))?;
        }
    }
    Ok(())
}

fn print_values(values: &[f64], json: bool) -> io::Result<()> {
    if !json {
        print("value")?;
    }
    for value in values {
        if json {
            print_json(&json!({"value": value}))?;
        } else {
            print(&value.to_string())?;
        }
    }
    Ok(())
}

fn as_labelled(truth: &[f64], classes: &[u32]) -> String {
    let pairs = truth.iter().zip(classes);
    let right = pairs.filter(|(right, said)| **right == f64::from(**said));
    format!("{} of {} rows as labelled", right.count(), truth.len())
}

fn as_measured(truth: &[f64], values: &[f64]) -> String {
    let errors = truth.iter().zip(values).map(|(right, said)| said - right);
    let squares: f64 = errors.map(|error| error * error).sum();
    let rmse = Figure::Rmse((squares / truth.len() as f64).sqrt());
    format!(
        "{} {} over {} rows",
        rmse.said(),
        rmse.number(),
        truth.len()
    )
}

fn open(
    session: impl FnOnce() -> Result<Session, Failure>,
    options: &PredictOptions,
    run: Option<&String>,
) -> Result<(Arc<dyn Model>, model::Model), Failure> {
    let file = match (&options.model, run) {
        (Some(path), _) => model::Model::read(path)?,
        (None, Some(run)) => {
            let request = ModelRequest {
                run: run.clone(),
                ..ModelRequest::default()
            };
            model::fetch(&mut session()?, &request)?
        }
        (None, None) => return Err(Failure::usage("neither a run nor a model file is named")),
    };
    let spec = file.says("model").unwrap_or_default();
    let model = MODELS.build(spec).map_err(|error| {
        Failure::failed(format!("model `{spec}`: {error}"))
            .hint("only files of built-in models, as this program writes them, can be used here")
    })?;
    Ok((model, file))
}

/// By what the rows were made comparable that the model was trained on.
fn standard(file: &model::Model) -> Result<Option<Standard>, String> {
    let plan = file
        .says("plan")
        .and_then(|plan| serde_json::from_str(plan).ok());
    let plan: serde_json::Value = plan.unwrap_or_default();
    let Some(text) = plan["standard"].as_str() else {
        return Ok(None);
    };
    let bytes = hex::decode(text).map_err(|error| error.to_string())?;
    Standard::from_bytes(&bytes).map(Some)
}

/// The parameters in a model file, in the order of the model's layout.
fn parameters(model: &dyn Model, file: &model::Model) -> Result<Parameters, String> {
    if file.layout != *model.layout() {
        return Err("the tensors of the file are not those of its model".to_owned());
    }
    Parameters::from_bytes(Arc::clone(model.layout()), &file.values)
        .map_err(|error| error.to_string())
}

/// Rows of features, and their targets where the file has one column more. A heading is skipped.
fn read(
    file: &Path,
    features: usize,
    scale: f32,
) -> Result<(Array2<f32>, Option<Vec<f64>>), Failure> {
    let name = file.display();
    let text = std::fs::read(file)
        .map_err(|error| Failure::failed(format!("cannot read {name}: {error}")))?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .trim(csv::Trim::All)
        .from_reader(&text[..]);
    let mut values = Vec::new();
    let mut truth = Vec::new();
    for (number, record) in reader.records().enumerate() {
        let record = record.map_err(|error| {
            let line = line(&text, error.position());
            Failure::failed(match error.kind() {
                csv::ErrorKind::UnequalLengths {
                    expected_len, len, ..
                } => format!("{name}:{line}: {len} columns; rows above have {expected_len}"),
                _ => format!("{name}:{line}: {error}"),
            })
        })?;
        let line = line(&text, record.position());
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
        let target = record.get(features).and_then(|field| field.parse().ok());
        truth.extend(target.filter(|target: &f64| target.is_finite()));
    }
    let rows = values.len() / features.max(1);
    let labelled = rows > 0 && truth.len() == rows;
    let rows = Array2::from_shape_vec((rows, features), values)
        .map_err(|error| Failure::failed(format!("{name}: {error}")))?;
    Ok((rows, labelled.then_some(truth)))
}

/// The line, from 1, on which a record begins that lies at a place, or behind blank lines from there.
fn line(text: &[u8], place: Option<&csv::Position>) -> usize {
    let place = place.map_or(0, |place| place.byte() as usize);
    let (before, rest) = text.split_at(place.min(text.len()));
    let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    1 + before
        .iter()
        .chain(blank)
        .filter(|&&byte| byte == b'\n')
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str, features: usize) -> Result<(Array2<f32>, Option<Vec<f64>>), Failure> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rows.csv");
        std::fs::write(&file, text).unwrap();
        read(&file, features, 2.0)
    }

    #[test]
    fn rows_with_and_without_targets() {
        let (rows, truth) = read_text("a,b\n2,4\n6,8\n", 2).unwrap();
        assert_eq!(rows, ndarray::arr2(&[[1.0, 2.0], [3.0, 4.0]]));
        assert_eq!(truth, None);
        let (_, truth) = read_text("2,4,1\n6,8,0\n", 2).unwrap();
        assert_eq!(truth, Some(vec![1.0, 0.0]));
        let (_, truth) = read_text("2,4,-1.5\n6,8,x\n", 2).unwrap();
        assert_eq!(truth, None, "not of all rows");
    }

    #[test]
    fn what_is_known_is_compared() {
        assert_eq!(
            as_labelled(&[1.0, 0.0, 2.5], &[1, 1, 2]),
            "1 of 3 rows as labelled"
        );
        let said = as_measured(&[1.0, 3.0], &[1.0, 2.0]);
        assert_eq!(said, "root mean squared error 0.7071 over 2 rows");
    }

    #[test]
    fn wrong_rows_are_named() {
        let says = |text: &str, place: &str| {
            let error = read_text(text, 2).unwrap_err().reason();
            assert!(error.contains(place), "{error}");
        };
        says("1,2\n1,x\n", "rows.csv:2:2: ");
        says("1,2,3,4\n", "rows.csv:1: 4 columns");
        says("a,b\n\n\n1,2\n\r\n1,x\n", "rows.csv:6:2: ");
        says("\"a\nb\",c\n\n1,2\n\n1\n", "rows.csv:6: 1 columns");
    }
}
