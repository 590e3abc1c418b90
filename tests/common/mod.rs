//! What scenarios and simulation share: the few places that build values of the other rooms.

use roundtable::cluster::policy::{POLICIES, Policy};
use roundtable::fed::strategy::{Mean, STRATEGIES, Strategy};
use roundtable::fed::{DataPlan, Plan};
use roundtable::ml::{metrics::Metrics, training::Training};
use roundtable::seed::Seed;

/// The policy of this name.
pub fn policy(name: &str) -> Box<dyn Policy> {
    POLICIES.build(name).expect("a known policy")
}

/// A plan whose numbers the caller changes; the simulated worlds look at no other part of it.
pub fn plan(seed: u64, rounds: u32, mean: Mean) -> Plan {
    Plan {
        model: "simulated".to_owned(),
        data: DataPlan {
            spec: "simulated".to_owned(),
            partition: None,
            shards: None,
            held_out: 0.0,
            standardise: roundtable::fed::Standardise::No,
        },
        rounds,
        training: Training::new(1, 0, 0.1, "cross-entropy", None).expect("a sound training"),
        strategy: strategy(mean),
        schedule: roundtable::fed::schedule::Schedule::default(),
        seed: Seed(seed),
        cohort: None,
        quorum: None,
        codec: "raw".to_owned(),
        aggregator: None,
        assault: None,
        stragglers: None,
        largest_update: 64.0,
    }
}

/// Metrics over so many rows. The accuracy is beside the point here.
pub fn metrics(rows: u64, loss: f64) -> Metrics {
    Metrics {
        rows,
        loss,
        correct: Some(rows / 2),
        detail: None,
    }
}

/// Federated averaging with this mean.
pub fn strategy(mean: Mean) -> Strategy {
    let spec = match mean {
        Mean::Weighted => "fedavg",
        Mean::Uniform => "fedavg:mean=uniform",
    };
    STRATEGIES.build(spec).expect("a known strategy")
}
