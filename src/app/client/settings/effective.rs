//! The configuration a run really has, written as a run file that gives the same run again.

use std::fmt::Write;

use serde_json::{Map, json};
use toml::Value;

use crate::app::client::failure::Failure;
use crate::app::client::session::Session;
use crate::app::client::view::{print, print_json, written};
use crate::wire::stubs::coordinator::{Plan, StatusRequest};

/// The options of a plan that say something, by name, in the order of the help.
pub(in crate::app::client) fn settings(plan: &Plan) -> Vec<(&'static str, Value)> {
    let text = |value: &Option<String>| value.clone().map(Value::String);
    let whole = |value: Option<i32>| value.map(|value| Value::Integer(value.into()));
    let real = |value: Option<f64>| value.map(Value::Float);
    let data = plan.data.clone().unwrap_or_default();
    let training = plan.training.clone().unwrap_or_default();
    let named = [
        (
            "data",
            plan.data
                .as_ref()
                .map(|data| Value::String(data.spec.clone())),
        ),
        ("partition", text(&data.partition)),
        ("shards", whole(data.shards)),
        ("held-out", real(data.held_out)),
        ("standardise", data.standardise.map(Value::Boolean)),
        ("model", text(&plan.model)),
        ("rounds", whole(plan.rounds)),
        ("cohort", whole(plan.cohort)),
        ("quorum", real(plan.quorum)),
        ("epochs", whole(training.epochs)),
        ("batch", whole(training.batch)),
        (
            "lr",
            real(
                plan.training
                    .as_ref()
                    .map(|training| training.learning_rate),
            ),
        ),
        ("schedule", text(&plan.schedule)),
        ("momentum", real(training.momentum)),
        ("weight-decay", real(training.weight_decay)),
        ("proximal", real(training.proximal)),
        ("objective", text(&training.objective)),
        ("plateau", real(training.plateau)),
        ("strategy", text(&plan.strategy)),
        ("aggregator", text(&plan.aggregator)),
        ("codec", text(&plan.codec)),
        ("attack", text(&plan.attack)),
        ("attackers", real(plan.attackers)),
        ("stragglers", real(plan.stragglers)),
        ("drop-stragglers", plan.drop_stragglers.map(Value::Boolean)),
        ("seed", plan.seed.map(Value::Integer)),
    ];
    let said = named.into_iter();
    said.filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// A plan as a run file.
pub(in crate::app::client) fn run_file_of(plan: &Plan) -> String {
    let settings = settings(plan).into_iter();
    settings.fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name} = {value}");
        text
    })
}

/// Prints the configuration of a run, as the coordinator keeps it.
pub(in crate::app::client) fn run(
    session: &mut Session,
    run: &str,
    json: bool,
) -> Result<(), Failure> {
    let request = StatusRequest {
        run: run.to_owned(),
    };
    let status = session.call("status", |to| to.status(&request))?;
    let Some(plan) = status.plan else {
        let message = format!("the coordinator does not tell the configuration of run {run}");
        return Err(Failure::failed(message).hint("is it of the same release?"));
    };
    if json {
        let object: Map<String, serde_json::Value> = settings(&plan)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        return written(print_json(&object.into()));
    }
    let text = run_file_of(&plan);
    written(print(&format!(
        "# The configuration of run {run}: client train FILE does it again.\n{}",
        text.trim_end()
    )))
}

#[cfg(test)]
mod tests {
    use super::super::{Known, Origin, Setting, known, run_file};
    use super::*;
    use crate::app::client::options::RunOptions;
    use crate::app::client::request;
    use crate::wire::convert::plan;
    use clap::{Args, FromArgMatches};

    /// The plan of settings alone.
    fn read(settings: &[Setting]) -> Plan {
        let known = Known::default();
        let line = settings.iter().map(|setting| {
            let key = known.check(setting).unwrap();
            known::option(&key, &setting.value)
        });
        let command = RunOptions::augment_args(clap::Command::new("run").no_binary_name(true));
        let matches = command.try_get_matches_from(line).unwrap();
        request::plan(&RunOptions::from_arg_matches(&matches).unwrap())
    }

    #[test]
    fn a_configuration_written_and_read_is_the_same() {
        let given = [
            ("data", "synthetic:rows=100,features=4,classes=3"),
            ("partition", "dirichlet:alpha=0.5"),
            ("shards", "8"),
            ("held-out", "0.25"),
            ("model", "mlp:4-8-3"),
            ("rounds", "7"),
            ("cohort", "5"),
            ("quorum", "0.75"),
            ("epochs", "2"),
            ("batch", "16"),
            ("lr", "0.05"),
            ("schedule", "cosine"),
            ("momentum", "0.9"),
            ("weight-decay", "0.0001"),
            ("proximal", "0.01"),
            ("objective", "cross-entropy:sum"),
            ("plateau", "0.1"),
            ("aggregator", "median"),
            ("codec", "int8"),
            ("attack", "sign-flip"),
            ("attackers", "0.1"),
            ("stragglers", "0.5"),
            ("drop-stragglers", "true"),
            ("seed", "-3"),
        ];
        let given: Vec<Setting> = given
            .map(|(key, value)| Setting {
                key: key.to_owned(),
                value: value.to_owned(),
                origin: Origin::Set,
            })
            .into();
        let (first, _) = plan::read(&read(&given)).unwrap();
        let text = run_file_of(&plan::write(&first));
        let (again, wrong) = run_file::parse(&text);
        assert!(wrong.is_empty(), "{wrong:?} in {text}");
        let (again, _) = plan::read(&read(&again)).unwrap();
        assert_eq!(again, first, "{text}");
    }
}
