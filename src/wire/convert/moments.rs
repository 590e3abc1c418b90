//! Exact sums of columns, as messages.

use super::{count, small};
use crate::ml::data::{Column, Moments, Summary};
use crate::wire::stubs::compute_node::{ColumnSums, DescribeReply};
use crate::wire::stubs::coordinator::{self, ColumnSummary};

/// Sums as a node tells them.
pub fn write(moments: &Moments) -> DescribeReply {
    let column = |column: &Column| {
        let (sum, squares) = column.to_bytes();
        ColumnSums {
            sum: sum.into(),
            squares: squares.into(),
            least: column.least().into(),
            largest: column.largest().into(),
        }
    };
    DescribeReply {
        rows: count(moments.rows),
        columns: moments.columns.iter().map(column).collect(),
    }
}

/// Sums from a node's answer.
///
/// # Errors
/// When they cannot be those of any rows.
pub fn read(reply: &DescribeReply) -> Result<Moments, String> {
    let rows = u64::try_from(reply.rows)
        .ok()
        .filter(|&rows| rows > 0 && rows < 1 << 40);
    let rows = rows.ok_or_else(|| format!("it told of {} rows", reply.rows))?;
    let column = |column: &ColumnSums| {
        let (least, largest) = (column.least as f32, column.largest as f32);
        Column::from_bytes(rows, &column.sum, &column.squares, least, largest)
    };
    let columns: Result<Vec<Column>, String> = reply.columns.iter().map(column).collect();
    Ok(Moments {
        rows,
        columns: columns?,
    })
}

/// What is said of data with these sums, in so many shards.
pub fn summarise(moments: &Moments, shards: usize) -> coordinator::DescribeReply {
    let column = |summary: &Summary| ColumnSummary {
        mean: summary.mean,
        deviation: summary.deviation,
        least: summary.least.into(),
        largest: summary.largest.into(),
    };
    coordinator::DescribeReply {
        rows: count(moments.rows),
        shards: small(shards),
        columns: moments.summaries().iter().map(column).collect(),
    }
}
