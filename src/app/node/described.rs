//! What may be told of rows: sums over many of them, and nothing from which those over few can be worked out at once.

use std::collections::BTreeSet;

use crate::ml::data::{Dataset, MOST_DESCRIBED};
use crate::wire::convert::fault;
use crate::wire::convert::plan::is_private;
use crate::wire::request::{self, invalid};
use crate::wire::stubs::compute_node::DescribeRequest;
use crate::wire::stubs::types::{Fault, FaultCode, ShardRef};

/// Fewer rows than this are not described: sums would tell of single ones.
const FEWEST: usize = 10;

/// The shards to be described, each once, of rows as they are.
pub(super) fn shards(request: &DescribeRequest) -> Result<Vec<(usize, &ShardRef)>, Fault> {
    if request.data.standard.is_some() {
        let message = "rows are described as they are, before means and deviations are known";
        return Err(invalid("data.standard", message, "leave it out"));
    }
    let shards = request::shards(&request.shards)?;
    let private = is_private(&request.data.spec);
    let mut seen = BTreeSet::new();
    for (index, shard) in &shards {
        // Private rows are known by their name, whatever their position.
        let known = match private {
            true => (0, shard.name.as_str()),
            false => (*index, ""),
        };
        if !seen.insert(known) {
            let message = format!("`{}` is there twice", shard.name);
            return Err(invalid("shards", message, "name every shard once"));
        }
    }
    Ok(shards)
}

/// Whether sums over the rows of a shard may be told, and fit into a message. The difference to those over all of its
/// rows tells of the rows held out, so there have to be enough of these too.
pub(super) fn check(shard: &str, rows: &Dataset, held_out: Option<&Dataset>) -> Result<(), Fault> {
    let held_out = held_out.map(Dataset::rows);
    let fewest = rows.rows().min(held_out.unwrap_or(usize::MAX));
    if fewest < FEWEST {
        let rest = held_out.map_or(String::new(), |rows| format!(" and {rows} held out"));
        let message = format!(
            "sums over {} rows of `{shard}`{rest} would tell of single ones; {FEWEST} are needed",
            rows.rows()
        );
        return Err(Fault {
            hint: Some("bring more rows, or train without --standardise".to_owned()),
            ..fault(FaultCode::DENIED, message)
        });
    }
    let features = rows.width();
    if features > MOST_DESCRIBED {
        let message = format!("{features} features; at most {MOST_DESCRIBED} are described");
        return Err(invalid("data", message, ""));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::wire::stubs::types::DataRef;

    fn rows(count: usize) -> Dataset {
        Dataset::new(Array2::zeros((count, 2)), vec![0; count], 1).unwrap()
    }

    #[test]
    fn both_sides_of_a_hold_out_have_enough_rows() {
        let told = |rows_here, held: Option<usize>| {
            let held = held.map(rows);
            check("a.csv", &rows(rows_here), held.as_ref()).map_err(|fault| fault.code)
        };
        assert_eq!((told(10, None), told(10, Some(10))), (Ok(()), Ok(())));
        for (here, held) in [(9, None), (1, Some(999)), (999, Some(9))] {
            assert_eq!(told(here, held), Err(FaultCode::DENIED), "{here} {held:?}");
        }
    }

    #[test]
    fn every_shard_is_described_once_and_as_it_is() {
        let shard = |index, name: &str| ShardRef {
            index,
            name: name.to_owned(),
            ..ShardRef::default()
        };
        let asked = |spec: &str, places: [(i32, &str); 2], standard: Option<&'static [u8]>| {
            let request = DescribeRequest {
                data: DataRef {
                    spec: spec.to_owned(),
                    standard: standard.map(Into::into),
                    ..DataRef::default()
                },
                shards: places.map(|(index, name)| shard(index, name)).to_vec(),
                seed: 1,
            };
            shards(&request).is_ok()
        };
        let (names, positions) = ([(0, "a"), (1, "a")], [(0, "a"), (0, "b")]);
        assert!(asked("private:", positions, None) && !asked("private:", names, None));
        assert!(asked("builtin:digits", names, None));
        assert!(!asked("builtin:digits", positions, None));
        assert!(!asked("private:", positions, Some(b"")));
    }
}
