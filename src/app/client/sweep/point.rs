//! From a point of a sweep to the plan of its run, and the key under which it is asked for. Pure.

use sha2::{Digest, Sha256};
use thrift::protocol::TBinaryOutputProtocol;

use super::space::Point;
use crate::app::client::options::RunOptions;
use crate::app::client::request;
use crate::app::client::settings::Known;
use crate::wire::stubs::coordinator::Plan;
use crate::wire::value::Value;

/// The options of the run at a point: those given for all runs, with the point's own in their place.
pub(super) fn options(common: &RunOptions, point: &Point) -> Result<RunOptions, String> {
    let mut options = common.clone();
    let known = Known::default();
    for (name, value) in point {
        known.update(&mut options, name, value)?;
    }
    Ok(options)
}

/// The plan of the run at a point.
pub(super) fn plan(common: &RunOptions, point: &Point) -> Result<Plan, String> {
    options(common, point).map(|options| request::plan(&options))
}

/// The key of a run: the same for the same plan in a sweep of the same name, so that whoever asks again gets the
/// run there is.
pub(super) fn key(name: &str, plan: &Plan) -> String {
    let mut bytes = TBinaryOutputProtocol::new(Vec::new(), true);
    // Memory takes all that is written; should it ever not, the run would merely be another.
    let _ = plan.write(&mut bytes);
    let mut hash = Sha256::new();
    hash.update(b"sweep\0");
    hash.update((name.len() as u64).to_le_bytes());
    hash.update(name.as_bytes());
    hash.update(bytes.transport);
    format!("sweep {}", hex::encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(pairs: &[(&str, &str)]) -> Point {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn a_point_takes_the_place_of_what_is_common() {
        let common = RunOptions {
            lr: Some(0.5),
            rounds: Some(3),
            attack: Some("sign-flip".to_owned()),
            standardise: Some(true),
            ..RunOptions::default()
        };
        let point = point(&[("lr", "0.01"), ("attackers", "0.3"), ("shards", "4")]);
        let found = options(&common, &point).unwrap();
        let told = request::plan(&found).data.and_then(|data| data.standardise);
        assert_eq!(told, Some(true), "switches that no point names stay on");
        assert_eq!((found.lr, found.rounds), (Some(0.01), Some(3)));
        assert_eq!((found.attackers, found.shards), (Some(0.3), Some(4)));
        assert_eq!(found.attack.as_deref(), Some("sign-flip"));
    }

    #[test]
    fn values_that_an_option_does_not_take_are_refused() {
        let refused = |key, value, text: &str| {
            let error = plan(&RunOptions::default(), &point(&[(key, value)])).unwrap_err();
            assert!(error.contains(text), "{error}");
        };
        refused("lr", "0.01,0.1", "0.01,0.1");
        refused("strategy", "fedavgg", "fedavg");
        refused("rounds", "many", "rounds = many: ");
    }

    #[test]
    fn keys_tell_plans_and_names_apart() {
        let plan = |lr| plan(&RunOptions::default(), &point(&[("lr", lr)])).unwrap();
        let one = key("a", &plan("0.1"));
        assert_eq!(one, key("a", &plan("0.10")));
        assert_ne!(one, key("a", &plan("0.2")));
        assert_ne!(one, key("b", &plan("0.1")));
        assert!(one.len() < 256);
    }
}
