//! From the options of a run to the plan that is sent.

use super::options::RunOptions;
use crate::wire::convert::plan::DEFAULT_DATA;
use crate::wire::stubs::compute_node::Training;
use crate::wire::stubs::coordinator::Plan;
use crate::wire::stubs::types::DataRef;

/// Learning rate of a plan whose training is given otherwise.
const LEARNING_RATE: f64 = 0.1;

/// The plan. What the user left out is left to the coordinator.
pub(super) fn plan(options: &RunOptions) -> Plan {
    Plan {
        model: options.model.clone(),
        data: data(options),
        rounds: options.rounds,
        training: training(options),
        strategy: options.strategy.clone(),
        seed: options.seed,
        cohort: options.cohort,
        quorum: options.quorum,
        layout: None,
        parameters: None,
        codec: options.codec.clone(),
        aggregator: options.aggregator.clone(),
        attack: options.attack.clone(),
        attackers: options.attackers,
        stragglers: options.stragglers,
        drop_stragglers: options.drop_stragglers.filter(|&on| on),
        schedule: options.schedule.clone(),
    }
}

fn data(options: &RunOptions) -> Option<DataRef> {
    let standardise = options.standardise.filter(|&on| on);
    let silent = options.data.is_none()
        && options.partition.is_none()
        && options.shards.is_none()
        && options.held_out.is_none()
        && standardise.is_none();
    (!silent).then(|| DataRef {
        spec: options.data.as_deref().unwrap_or(DEFAULT_DATA).to_owned(),
        partition: options.partition.clone(),
        shards: options.shards,
        seed: None,
        held_out: options.held_out,
        standardise,
        standard: None,
    })
}

fn training(options: &RunOptions) -> Option<Training> {
    let silent = options.epochs.is_none()
        && options.batch.is_none()
        && options.lr.is_none()
        && options.objective.is_none()
        && options.plateau.is_none()
        && options.momentum.is_none()
        && options.weight_decay.is_none()
        && options.proximal.is_none();
    (!silent).then(|| Training {
        epochs: options.epochs,
        batch: options.batch,
        learning_rate: options.lr.unwrap_or(LEARNING_RATE),
        objective: options.objective.clone(),
        plateau: options.plateau,
        momentum: options.momentum,
        weight_decay: options.weight_decay,
        proximal: options.proximal,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_not_sent() {
        assert_eq!(plan(&RunOptions::default()), Plan::default());
    }

    #[test]
    fn options_find_their_fields() {
        let options = RunOptions {
            shards: Some(4),
            epochs: Some(2),
            seed: Some(9),
            ..RunOptions::default()
        };
        let plan = plan(&options);
        let data = plan.data.unwrap();
        assert_eq!((data.spec.as_str(), data.shards), (DEFAULT_DATA, Some(4)));
        let training = plan.training.unwrap();
        assert_eq!((training.epochs, training.learning_rate), (Some(2), 0.1));
        assert_eq!(plan.seed, Some(9));
    }
}
