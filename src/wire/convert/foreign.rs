//! What nodes say, checked.

use super::{Invalid, check_hello, is_intact};
use crate::cluster::{Greeting, Pulse};
use crate::fed::Trained;
use crate::ml::layout::{DType, Layout, Tensor};
use crate::ml::metrics::{CELLS, Confusion, Detail, Grid, Metrics, Ranking, Regression};
use crate::wire::stubs::compute_node::{HeartbeatReply, HelloReply, HostedShard, TrainReply};
use crate::wire::stubs::types::{self, DType as WireDType, Payload};

/// Slots that are believed of one node.
const MOST_SLOTS: i32 = 1024;
/// Private shards that are believed of one node.
pub const MOST_HOSTED: usize = 100_000;
/// Rows that are believed of one private shard: what it weighs makes the scale of a round's sum.
const MOST_ROWS: i64 = 1 << 40;

/// A node's greeting.
///
/// # Errors
/// When it speaks another major version, or hosts a shard without rows or with more than there can be.
pub fn greeting(reply: &HelloReply) -> Result<Greeting, Invalid> {
    check_hello(&reply.hello)?;
    let slots = reply.slots.unwrap_or(1).clamp(1, MOST_SLOTS);
    let hosted = hosted(reply);
    let odd = |shard: &&HostedShard| !(1..=MOST_ROWS).contains(&shard.rows);
    if let Some(HostedShard { name, rows, .. }) = hosted.iter().find(odd) {
        return Err(Invalid(format!(
            "it says that its shard `{name}` has {rows} rows; 1 to {MOST_ROWS} are believed"
        )));
    }
    Ok(Greeting {
        incarnation: reply.incarnation,
        slots: slots.unsigned_abs(),
        hosted: hosted.iter().map(|shard| shard.name.clone()).collect(),
        speed: reply
            .rows_per_second
            .filter(|speed| speed.is_finite() && *speed > 0.0),
    })
}

/// The private shards that are believed of a node: the first [`MOST_HOSTED`].
pub fn hosted(reply: &HelloReply) -> &[HostedShard] {
    let hosted = reply.hosted.as_deref().unwrap_or_default();
    &hosted[..hosted.len().min(MOST_HOSTED)]
}

/// A heartbeat.
pub fn pulse(reply: &HeartbeatReply) -> Pulse {
    let load = reply.load.unwrap_or(0.0);
    Pulse {
        incarnation: reply.incarnation,
        load: if load.is_finite() {
            load.clamp(0.0, 1.0)
        } else {
            1.0
        },
        leaving: reply.leaving.unwrap_or(false),
    }
}

/// How each of so many shards was trained. Whether that fits the shards is for the core to say.
///
/// # Errors
/// When rows are negative, or it tells of another number of shards.
pub fn trained(reply: &TrainReply, shards: usize) -> Result<Vec<Trained>, Invalid> {
    let trained = |claimed, loss| rows(claimed).map(|rows| Trained { rows, loss });
    if shards == 1 {
        return Ok(vec![trained(reply.rows, reply.loss)?]);
    }
    let told = reply.shards.as_deref().unwrap_or_default();
    if told.len() != shards {
        let told = told.len();
        return Err(Invalid(format!(
            "it tells of {told} shards; asked were {shards}"
        )));
    }
    told.iter().map(|one| trained(one.rows, one.loss)).collect()
}

/// Metrics of an evaluation, of a model of so many classes (0 for one that gives a real value), if that is known.
///
/// # Errors
/// When a count is negative or greater than its whole, neither `accuracy` nor `correct` is there for a model of
/// classes, counts that should add up to `rows` do not, or errors are no numbers.
pub fn metrics(found: &types::Metrics, classes: Option<usize>) -> Result<Metrics, Invalid> {
    let rows = rows(found.rows)?;
    // What nobody here knows may be either: a node that says nothing of correct rows has real values.
    let silent = found.correct.is_none() && found.accuracy.is_none();
    if classes == Some(0) || (classes.is_none() && silent) {
        return of_values(found, rows);
    }
    let correct = correct(found, rows)?;
    let matrix = found.confusion.as_deref();
    let confusion = matrix.map(|counts| confusion(counts, classes, rows, correct));
    let confusion = confusion.transpose()?;
    let grid = found.score_grid.as_deref();
    let grid = grid.map(|counts| grid_of(counts, confusion.as_ref(), rows));
    Ok(Metrics {
        rows,
        correct: Some(correct),
        loss: found.loss,
        detail: Detail {
            confusion,
            ranking: grid.transpose()?.map(Ranking::Grid),
            ..Detail::default()
        }
        .shared(),
    })
}

/// How many rows are classified correctly.
fn correct(found: &types::Metrics, rows: u64) -> Result<u64, Invalid> {
    let correct = match (found.correct, found.accuracy) {
        (Some(correct), _) => u64::try_from(correct).ok(),
        (None, Some(share)) if (0.0..=1.0).contains(&share) => {
            Some((share * rows as f64).round() as u64)
        }
        _ => None,
    };
    correct.filter(|correct| *correct <= rows).ok_or_else(|| {
        Invalid(format!(
            "its metrics make no sense: {:?} of {rows} rows correct, accuracy {:?}",
            found.correct, found.accuracy
        ))
    })
}

/// Metrics over rows with real values.
fn of_values(found: &types::Metrics, rows: u64) -> Result<Metrics, Invalid> {
    let regression = found.regression.as_ref().map(|told| {
        let sound = told.mean.is_finite() && told.variance.is_finite();
        let positive = [told.mse, told.mae, told.variance]
            .iter()
            .all(|one| *one >= 0.0);
        if !sound || !positive {
            return Err(Invalid(format!("its errors make no sense: {told:?}")));
        }
        Ok(Regression {
            mse: told.mse,
            mae: told.mae,
            mean: told.mean,
            variance: told.variance,
        })
    });
    Ok(Metrics {
        rows,
        correct: None,
        loss: found.loss,
        detail: Detail {
            regression: regression.transpose()?,
            ..Detail::default()
        }
        .shared(),
    })
}

fn counts(claimed: &[i64], what: &str) -> Result<Vec<u64>, Invalid> {
    let count = |&count: &i64| {
        u64::try_from(count).map_err(|_| Invalid(format!("its {what} has a count of {count}")))
    };
    claimed.iter().map(count).collect()
}

fn confusion(
    claimed: &[i64],
    classes: Option<usize>,
    rows: u64,
    correct: u64,
) -> Result<Confusion, Invalid> {
    let size = claimed.len();
    let found = Confusion::from_counts(counts(claimed, "confusion matrix")?);
    let found = found.filter(|found| classes.is_none_or(|classes| found.classes() == classes));
    let Some(found) = found else {
        let expected = classes.map_or("n".to_owned(), |classes| classes.to_string());
        return Err(Invalid(format!(
            "its confusion matrix has {size} counts, not {expected} x {expected}"
        )));
    };
    let (all, diagonal) = (found.rows(), found.correct());
    if all != Some(rows) || diagonal != correct {
        return Err(Invalid(format!(
            "its confusion matrix has {all:?} rows, {diagonal} of them correct; it claims {rows} and {correct}"
        )));
    }
    Ok(found)
}

fn grid_of(claimed: &[i64], confusion: Option<&Confusion>, rows: u64) -> Result<Grid, Invalid> {
    let size = claimed.len();
    let Some(grid) = Grid::from_counts(counts(claimed, "grid of scores")?) else {
        return Err(Invalid(format!(
            "its grid of scores has {size} cells, not 2 x {CELLS}"
        )));
    };
    let found = grid.rows();
    let adds_up = found.is_some_and(|[zeros, ones]| zeros.checked_add(ones) == Some(rows));
    let fits = confusion.is_none_or(|all| {
        all.classes() == 2 && found == Some([all.scores(0).rows, all.scores(1).rows])
    });
    if !adds_up || !fits {
        return Err(Invalid(format!(
            "its grid of scores has {found:?} rows of two classes, which does not fit {rows} rows"
        )));
    }
    Ok(grid)
}

fn rows(claimed: i64) -> Result<u64, Invalid> {
    u64::try_from(claimed).map_err(|_| Invalid(format!("it claims {claimed} rows")))
}

/// A layout.
///
/// # Errors
/// When element types are mixed or unknown, a size is not positive, or it is too large.
pub fn layout(tensors: &[types::Tensor]) -> Result<Layout, Invalid> {
    let first = tensors.first().map(|tensor| tensor.dtype);
    let dtype = match first {
        Some(WireDType::F32) => DType::F32,
        Some(WireDType::F64) => DType::F64,
        other => {
            return Err(Invalid(format!(
                "element type {other:?} is not one of F32, F64"
            )));
        }
    };
    if tensors.iter().any(|tensor| Some(tensor.dtype) != first) {
        return Err(Invalid("its tensors are of different types".to_owned()));
    }
    let tensors: Result<Vec<Tensor>, Invalid> = tensors.iter().map(tensor).collect();
    Layout::new(dtype, tensors?).map_err(|error| Invalid(error.to_string()))
}

fn tensor(tensor: &types::Tensor) -> Result<Tensor, Invalid> {
    let size = |&size: &i64| {
        usize::try_from(size)
            .map_err(|_| Invalid(format!("tensor `{}` has a size of {size}", tensor.name)))
    };
    let shape: Result<Vec<usize>, Invalid> = tensor.shape.iter().map(size).collect();
    Ok(Tensor::new(tensor.name.clone(), shape?))
}

/// The length of a payload that must have this codec and exactly `expected` bytes. Nothing longer is ever read.
///
/// # Errors
/// When codec or length are others, or the bytes are neither here nor named.
pub fn payload_length(payload: &Payload, codec: &str, expected: usize) -> Result<usize, Invalid> {
    if payload.codec != codec {
        let found = &payload.codec;
        return Err(Invalid(format!(
            "a payload has the codec `{found}`; it must be `{codec}`"
        )));
    }
    let announced = usize::try_from(payload.length).unwrap_or(usize::MAX);
    let there = match (&payload.inline_data, &payload.digest) {
        (Some(bytes), _) => bytes.len(),
        (None, Some(digest)) if digest.len() == 32 => announced,
        _ => return Err(Invalid("a payload has neither bytes nor a digest".into())),
    };
    if let Some(bytes) = &payload.inline_data
        && !is_intact(bytes, payload.crc32)
    {
        return Err(Invalid("a payload does not match its checksum".to_owned()));
    }
    if announced != expected || there != expected {
        return Err(Invalid(format!(
            "a payload of {there} bytes, announced as {announced}; the layout takes {expected}"
        )));
    }
    Ok(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> types::Metrics {
        let mut grid = vec![0; 2 * CELLS];
        grid[5] = 3;
        grid[CELLS + 9] = 4;
        types::Metrics {
            rows: 7,
            loss: 0.5,
            correct: Some(5),
            confusion: Some(vec![2, 1, 1, 3]),
            score_grid: Some(grid),
            ..types::Metrics::default()
        }
    }

    #[test]
    fn matrices_and_grids_that_add_up_are_taken() {
        let found = metrics(&told(), Some(2)).unwrap();
        assert_eq!(found.confusion().unwrap().counts(), [2, 1, 1, 3]);
        assert_eq!(found.area().unwrap().value, 1.0);
        assert_eq!(metrics(&told(), None).unwrap(), found);
    }

    #[test]
    fn real_values_have_no_accuracy() {
        let of_values = types::Metrics {
            rows: 4,
            loss: 0.5,
            regression: Some(types::Regression {
                mse: 1.0,
                mae: 0.75,
                mean: -3.0,
                variance: 4.0,
                ..types::Regression::default()
            }),
            ..types::Metrics::default()
        };
        let found = metrics(&of_values, Some(0)).unwrap();
        assert_eq!((found.rows, found.accuracy()), (4, None));
        assert_eq!(found.regression().unwrap().r2(), Some(0.75));
        assert_eq!(metrics(&of_values, None).unwrap(), found);
        assert!(metrics(&of_values, Some(2)).is_err(), "of classes");
        // A node in another language may know the loss only, or say 0 where it has nothing to say.
        let plain = types::Metrics {
            regression: None,
            ..of_values.clone()
        };
        assert_eq!(metrics(&plain, Some(0)).unwrap().regression(), None);
        let zeros = types::Metrics {
            accuracy: Some(0.0),
            ..plain
        };
        assert_eq!(metrics(&zeros, Some(0)).unwrap().accuracy(), None);
        let refused = |change: fn(&mut types::Regression)| {
            let mut lie = of_values.clone();
            lie.regression.as_mut().map(change);
            assert!(metrics(&lie, Some(0)).is_err(), "{:?}", lie.regression);
        };
        refused(|told| told.mse = -1.0);
        refused(|told| told.mae = f64::NAN);
        refused(|told| told.variance = f64::INFINITY);
        refused(|told| told.mean = f64::NAN);
    }

    #[test]
    fn lies_about_sizes_and_sums_are_refused() {
        let refused = |change: fn(&mut types::Metrics), classes| {
            let mut lie = told();
            change(&mut lie);
            assert!(metrics(&lie, classes).is_err(), "{:?}", lie.confusion);
        };
        refused(|_| (), Some(3));
        refused(|lie| lie.confusion = Some(vec![]), None);
        refused(|lie| lie.confusion = Some(vec![2, 1, 1]), None);
        refused(|lie| lie.confusion = Some(vec![2, 1, 1, 4]), Some(2));
        refused(|lie| lie.confusion = Some(vec![1, 2, 1, 3]), Some(2));
        refused(|lie| lie.confusion = Some(vec![3, 1, -1, 4]), Some(2));
        refused(|lie| lie.confusion = Some(vec![i64::MAX; 4]), Some(2));
        refused(|lie| lie.score_grid = Some(vec![7]), Some(2));
        refused(|lie| lie.score_grid = Some(vec![i64::MAX; 2 * CELLS]), None);
        refused(
            |lie| lie.score_grid.as_mut().unwrap().swap(5, CELLS + 5),
            None,
        );
        // 3 and 4 rows of the classes are 4 and 3 to the grid.
        refused(
            |lie| lie.score_grid.as_mut().unwrap().rotate_left(CELLS),
            None,
        );
    }
}
