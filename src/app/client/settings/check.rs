//! `client check`: everything that is wrong with a run, and what would be done.

use std::path::Path;

use serde_json::{Value, json};

use super::{Layers, Origin, Wrong, effective, failure};
use crate::app::client::arguments::TrainOptions;
use crate::app::client::failure::Failure;
use crate::app::client::request;
use crate::app::client::text::table;
use crate::app::client::view::{print, print_json, written};
use crate::app::coordinator::{Rehearsal, rehearse};
use crate::fed::{self, Problem};
use crate::ml::data::Root;
use crate::net::Address;
use crate::wire::convert::plan;
use crate::wire::stubs::coordinator::Plan;

/// Checks a run; `layers` are what is said beside the flags, which `options` have in them. Files of a cluster in this process
/// would lie below `root`.
pub(in crate::app::client) fn run(
    layers: &Layers,
    options: &TrainOptions,
    at: Option<&Address>,
    root: &Path,
    json: bool,
) -> Result<(), Failure> {
    let asked = request::plan(&options.run);
    let read = plan::read(&asked);
    let mut wrong = layers.wrong.clone();
    if let Err(problems) = &read {
        wrong.extend(problems.iter().map(|problem| layers.locate(problem)));
    }
    let file = options.run.file.as_deref();
    let (plan, _) = match read {
        Ok(read) if wrong.is_empty() => read,
        _ => return Err(failure(file, &wrong)),
    };
    let rows: Vec<Row> = rows(layers, &plan::write(&plan));
    let begun = match at {
        None => Some(begin(&plan, root)?),
        Some(_) => None,
    };
    let said = sentence(begun.as_ref(), plan.rounds, at);
    if json {
        let settings = rows
            .iter()
            .map(|row| json!({"setting": row.name, "value": row.value, "from": row.from}));
        let settings: Vec<Value> = settings.collect();
        return written(print_json(&json!({"settings": settings, "says": said})));
    }
    let mut lines = vec![vec!["SETTING".into(), "VALUE".into(), "FROM".into()]];
    lines.extend(rows.into_iter().map(|row| {
        let value = row
            .value
            .as_str()
            .map_or(row.value.to_string(), str::to_owned);
        vec![row.name.to_owned(), value, row.from]
    }));
    written(print(&format!("{}\n{said}", table(&lines))))
}

/// What the run would begin with on a cluster in this process.
fn begin(plan: &fed::Plan, root: &Path) -> Result<Rehearsal, Failure> {
    let ends = |reason: &str| Failure::usage(format!("the run would end at once: {reason}"));
    if plan::is_private(&plan.data.spec) {
        let failure = ends("the nodes of a cluster in this process have no rows of their own");
        return Err(failure.hint(
            "name a coordinator, `client IP PORT check`, whose nodes were started with --data FILE",
        ));
    }
    let root = Root::new(root).map_err(|error| error.to_string());
    let begun = root.and_then(|root| rehearse(plan.clone(), &root));
    begun.map_err(|reason| ends(&reason).hint("files of data are looked for below --data-root"))
}

/// A setting of the run and where it was said.
struct Row {
    name: &'static str,
    value: Value,
    from: String,
}

/// All settings of a plan, with where they come from.
fn rows(layers: &Layers, whole: &Plan) -> Vec<Row> {
    let from = |name: &str| match layers.settings.get(name) {
        _ if layers.flags.contains(name) => "flag".to_owned(),
        Some(setting) => setting.origin.to_string(),
        None => "default".to_owned(),
    };
    let settings = effective::settings(whole).into_iter();
    settings
        .map(|(name, value)| Row {
            name,
            value: json!(value),
            from: from(name),
        })
        .collect()
}

fn sentence(begun: Option<&Rehearsal>, rounds: u32, at: Option<&Address>) -> String {
    let place = match at {
        Some(at) => format!("the coordinator at {at}, which was not asked"),
        None => "a cluster in this process".to_owned(),
    };
    let Some(Rehearsal {
        model,
        values,
        shards,
        rows,
    }) = begun
    else {
        return format!("would train {rounds} rounds on {place}");
    };
    let values = values.map_or(String::new(), |values| format!(" ({values} values)"));
    format!(
        "would train {model}{values} for {rounds} rounds on {rows} rows in {shards} shards, on {place}"
    )
}

impl Layers {
    /// Where what is wrong with a field of the plan was said.
    fn locate(&self, problem: &Problem) -> Wrong {
        let field = problem.field.trim_start_matches("plan.");
        let name = match field.split_once('.').map_or(field, |(_, last)| last) {
            "learning_rate" => "lr".to_owned(),
            "spec" => "data".to_owned(),
            name => name.replace('_', "-"),
        };
        let said = self
            .settings
            .get(&name)
            .filter(|_| !self.flags.contains(&name));
        match said {
            Some(setting) => Wrong {
                at: setting.origin.clone(),
                what: format!("{name}: {}", problem.message),
            },
            None => Wrong {
                at: Origin::Flag(name),
                what: problem.message.clone(),
            },
        }
    }
}
