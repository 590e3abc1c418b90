//! Plans: from a client's message, with every problem named at once, and back.

mod data;
mod kinds;

use super::{Initial, Invalid, RAW, count, foreign, small};
use crate::fed::aggregate::{RULES, Robust};
use crate::fed::attack::ATTACKS;
use crate::fed::schedule::{SCHEDULES, Schedule};
use crate::fed::strategy::STRATEGIES;
use crate::fed::{Assault, DataPlan, Plan, Problem, Standardise, Stragglers};
use crate::ml::data::TargetKind;
use crate::ml::model::MODELS;
use crate::ml::objective;
use crate::ml::step_rule::StepRule;
use crate::ml::training::{Training, TrainingError};
use crate::seed::Seed;
use crate::spec::SpecError;
use crate::wire::codec::CODECS;
use crate::wire::stubs::types::DataRef;
use crate::wire::stubs::{compute_node, coordinator};
pub use data::{DEFAULT_DATA, PRIVATE, SHIP, is_private, opened_as};
use kinds::Kinds;

/// A model sized by the data: one hidden layer between its features and classes, or linear from its features to real
/// values.
pub const AUTO_MODEL: &str = "auto";

const ROUNDS: i32 = 20;
const EPOCHS: i32 = 5;
const BATCH: i32 = 10;
const LEARNING_RATE: f64 = 0.1;
const SEED: i64 = 1;
const LARGEST_UPDATE: f64 = 1024.0;
const ATTACKERS: f64 = 0.2;

/// Reads a client's plan; absent fields take their defaults.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(plan: &coordinator::Plan) -> Result<(Plan, Option<Initial>), Vec<Problem>> {
    let mut reader = Reader::default();
    let seed = plan.seed.unwrap_or(SEED);
    let (model, data) = (reader.model(plan), reader.data(plan.data.as_ref(), seed));
    let kinds = Kinds::of(&model, &data.spec);
    let mut read = Plan {
        model,
        data,
        rounds: reader.whole("rounds", plan.rounds.unwrap_or(ROUNDS)),
        training: reader.training(plan.training.as_ref(), kinds.known().unwrap_or_default()),
        schedule: reader.schedule(plan.schedule.as_deref()),
        strategy: reader.strategy(plan.strategy.as_deref().unwrap_or("fedavg")),
        seed: Seed(seed.cast_unsigned()),
        cohort: plan.cohort.map(|cohort| reader.whole("cohort", cohort)),
        quorum: plan.quorum,
        codec: reader.codec(plan.codec.as_deref().unwrap_or(RAW), plan.data.as_ref()),
        aggregator: plan
            .aggregator
            .as_deref()
            .and_then(|spec| reader.aggregator(spec)),
        assault: reader.assault(plan),
        stragglers: reader.stragglers(plan),
        largest_update: LARGEST_UPDATE,
    };
    if read.strategy.one_step {
        reader.one_step(plan.training.as_ref(), read.strategy.name());
        read.training = read.training.one_step();
    }
    let initial = reader.initial(plan);
    reader.problems.extend(read.problems());
    reader.agree(&read, kinds);
    if reader.problems.is_empty() {
        Ok((read, initial))
    } else {
        Err(reader.problems)
    }
}

/// A plan as a message, with every default filled in.
pub fn write(plan: &Plan) -> coordinator::Plan {
    coordinator::Plan {
        model: Some(plan.model.clone()),
        data: Some(data_ref(&plan.data, plan.seed)),
        rounds: Some(small(plan.rounds)),
        training: Some(training(&plan.training, plan.training.learning_rate())),
        schedule: Some(plan.schedule.to_string()),
        strategy: Some(plan.strategy.to_string()),
        seed: Some(plan.seed.0.cast_signed()),
        cohort: plan.cohort.map(small),
        quorum: plan.quorum,
        layout: None,
        parameters: None,
        codec: Some(plan.codec.clone()),
        aggregator: plan.aggregator.map(|rule| rule.to_string()),
        attack: plan.assault.as_ref().map(|assault| assault.attack.clone()),
        attackers: plan.assault.as_ref().map(|assault| assault.share),
        stragglers: plan.stragglers.map(|stragglers| stragglers.share),
        drop_stragglers: plan.stragglers.map(|stragglers| stragglers.dropped),
    }
}

/// What nodes are told of the data.
pub fn data_ref(data: &DataPlan, seed: Seed) -> DataRef {
    DataRef {
        spec: data.spec.clone(),
        partition: data.partition.clone(),
        shards: data.shards.map(small),
        seed: Some(seed.0.cast_signed()),
        held_out: Some(data.held_out),
        standardise: (data.standardise != Standardise::No).then_some(true),
        standard: data
            .standardise
            .standard()
            .map(|standard| standard.to_bytes().into()),
    }
}

/// What nodes are told of the training, in a round of this learning rate.
pub fn training(training: &Training, learning_rate: f64) -> compute_node::Training {
    let used = |value: f64| (value != 0.0).then_some(value);
    let rule = training.rule();
    compute_node::Training {
        epochs: Some(small(training.epochs())),
        batch: Some(small(training.batch())),
        learning_rate,
        objective: Some(training.objective_spec().to_owned()),
        plateau: training.plateau(),
        momentum: used(rule.momentum),
        weight_decay: used(rule.weight_decay),
        proximal: used(rule.proximal),
    }
}

/// What a training's steps take into account; absent fields are 0.
pub fn step_rule(wire: &compute_node::Training) -> StepRule {
    StepRule {
        momentum: wire.momentum.unwrap_or(0.0),
        weight_decay: wire.weight_decay.unwrap_or(0.0),
        proximal: wire.proximal.unwrap_or(0.0),
    }
}

/// Collects problems while it reads.
#[derive(Default)]
struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    fn wrong(&mut self, field: &str, message: impl ToString) {
        self.problems.push(Problem {
            field: format!("plan.{field}"),
            message: message.to_string(),
        });
    }

    fn whole(&mut self, field: &str, value: i32) -> u32 {
        u32::try_from(value).unwrap_or_else(|_| {
            self.wrong(field, format!("{value} is negative"));
            1
        })
    }

    /// A model by any name: what we do not know, a node may. Known names must have right options.
    fn model(&mut self, plan: &coordinator::Plan) -> String {
        let model = plan.model.as_deref().unwrap_or(AUTO_MODEL);
        if model == AUTO_MODEL {
            return model.to_owned();
        }
        match MODELS.build(model) {
            Ok(_) | Err(SpecError::UnknownName { .. }) => {}
            Err(error) => self.wrong("model", error),
        }
        model.to_owned()
    }

    fn training(&mut self, wire: Option<&compute_node::Training>, kind: TargetKind) -> Training {
        let epochs = wire.and_then(|t| t.epochs).unwrap_or(EPOCHS);
        let batch = wire.and_then(|t| t.batch).unwrap_or(BATCH);
        let rate = wire.map_or(LEARNING_RATE, |t| t.learning_rate);
        let given = wire.and_then(|t| t.objective.as_deref());
        let (epochs, batch) = (
            self.whole("training.epochs", epochs),
            self.whole("training.batch", batch),
        );
        let plateau = wire.and_then(|t| t.plateau);
        let default = objective::default_for(kind);
        let rule = wire.map(step_rule).unwrap_or_default();
        Training::new(epochs, batch, rate, given.unwrap_or(default), plateau)
            .and_then(|training| training.with_rule(rule))
            .or_else(|error: TrainingError| {
                self.wrong(&format!("training.{}", error.field()), error);
                Training::new(1, 0, LEARNING_RATE, default, None)
            })
            .expect("the defaults are in range")
    }

    /// A strategy that makes one step says itself how many epochs and rows that are.
    fn one_step(&mut self, wire: Option<&compute_node::Training>, strategy: &str) {
        let other = |given: Option<i32>, own| given.filter(|&given| given != own);
        let reason = format!("{strategy} makes one step over all rows; leave it out");
        if let Some(epochs) = wire.and_then(|wire| other(wire.epochs, 1)) {
            self.wrong("training.epochs", format!("{epochs}: {reason}"));
        }
        if let Some(batch) = wire.and_then(|wire| other(wire.batch, 0)) {
            self.wrong("training.batch", format!("{batch}: {reason}"));
        }
    }

    fn schedule(&mut self, spec: Option<&str>) -> Schedule {
        let built = spec.map_or(Ok(Schedule::default()), |spec| SCHEDULES.build(spec));
        built.unwrap_or_else(|error| {
            self.wrong("schedule", error);
            Schedule::default()
        })
    }

    fn strategy(&mut self, spec: &str) -> crate::fed::strategy::Strategy {
        STRATEGIES
            .build(spec)
            .or_else(|error| {
                self.wrong("strategy", error);
                STRATEGIES.build("fedavg")
            })
            .expect("the default strategy is in the table")
    }

    fn aggregator(&mut self, spec: &str) -> Option<Robust> {
        let built = RULES.build(spec);
        built.map_err(|error| self.wrong("aggregator", error)).ok()
    }

    fn assault(&mut self, plan: &coordinator::Plan) -> Option<Assault> {
        let Some(attack) = plan.attack.clone() else {
            if plan.attackers.is_some() {
                self.wrong("attackers", "there is no attack for them");
            }
            return None;
        };
        if let Err(error) = ATTACKS.build(&attack) {
            self.wrong("attack", error);
        }
        let share = plan.attackers.unwrap_or(ATTACKERS);
        if !(share > 0.0 && share < 1.0) {
            self.wrong(
                "attackers",
                format!("{share} is not a share above 0 and below 1"),
            );
        }
        Some(Assault { attack, share })
    }

    fn stragglers(&mut self, plan: &coordinator::Plan) -> Option<Stragglers> {
        let dropped = plan.drop_stragglers.unwrap_or(false);
        if dropped && plan.stragglers.is_none() {
            self.wrong("drop_stragglers", "there are no stragglers to leave out");
        }
        plan.stragglers.map(|share| Stragglers { share, dropped })
    }

    fn codec(&mut self, spec: &str, data: Option<&DataRef>) -> String {
        let private = data.is_some_and(|data| is_private(&data.spec));
        match CODECS.build(spec) {
            Ok(codec) if codec.block().is_none() && !private => self.wrong(
                "codec",
                format!(
                    "`{spec}` leaves out values, which the node that trains a shard remembers for its next round; \
                     only private data are trained by the same node every time"
                ),
            ),
            Ok(_) => {}
            Err(error) => self.wrong("codec", error),
        }
        spec.to_owned()
    }

    fn initial(&mut self, plan: &coordinator::Plan) -> Option<Initial> {
        let (tensors, payload) = match (&plan.layout, &plan.parameters) {
            (Some(tensors), Some(payload)) => (tensors, payload),
            (None, None) => return None,
            (Some(_), None) => {
                self.wrong("layout", "it is given without the `parameters` it is of");
                return None;
            }
            (None, Some(_)) => {
                self.wrong("parameters", "they are given without their `layout`");
                return None;
            }
        };
        let read = || -> Result<Initial, Invalid> {
            let layout = foreign::layout(tensors)?;
            foreign::payload_length(payload, RAW, layout.byte_length())?;
            let bytes = payload.inline_data.as_ref().ok_or_else(|| {
                Invalid(format!(
                    "{} bytes do not fit into a plan",
                    count(payload.length)
                ))
            })?;
            Initial::new(layout, bytes)
        };
        match read() {
            Ok(initial) => Some(initial),
            Err(error) => {
                self.wrong("parameters", error);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
