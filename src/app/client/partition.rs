//! Who would hold what: the shards of a data spec, counted here by the code that the nodes cut them with.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::failure::Failure;
use super::options::{RunOptions, data, row_of};
use super::plot;
use super::request;
use super::text::table;
use super::view::{print, print_json, written};
use crate::app::coordinator::open_source;
use crate::ml::data::{Dataset, Root, Source};
use crate::ml::partition::PARTITIONS;
use crate::wire::convert::plan;

/// Most classes that have a column of their own in the table.
const MOST_COLUMNS: usize = 26;

/// Which shards to count.
#[derive(Debug, Default, Args)]
pub struct PartitionOptions {
    /// Where the rows come from [default: builtin:digits]
    #[arg(long, value_name = "SPEC", value_parser = data)]
    pub data: Option<String>,
    /// How rows become shards [default: iid]
    #[arg(long, value_name = "SPEC", value_parser = row_of(&PARTITIONS))]
    pub partition: Option<String>,
    /// Number of shards [default: 10, or what the data bring]
    #[arg(long, visible_alias = "participants", value_name = "N")]
    pub shards: Option<i32>,
    /// Share of the rows held out for evaluation [default: 0.2, or what the data bring]
    #[arg(long, value_name = "SHARE")]
    pub held_out: Option<f64>,
    /// The seed that a run would have [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub seed: Option<i64>,
    /// Files of data specs lie below this directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub data_root: PathBuf,
    /// Print rows and classes of every shard; what is done without --plot
    #[arg(long)]
    pub show: bool,
    /// Draw shards and classes as stacked bars into this SVG file
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
}

/// A shard, or the rows held out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holding {
    pub(super) name: String,
    pub(super) rows: usize,
    /// Rows of each class; empty where rows have real values.
    pub(super) classes: Vec<usize>,
}

impl Holding {
    fn of(name: String, data: &Dataset, classes: usize) -> Holding {
        let mut counts = vec![0; classes];
        data.labels()
            .iter()
            .for_each(|label| counts[*label as usize] += 1);
        Holding {
            name,
            rows: data.rows(),
            classes: counts,
        }
    }
}

/// Counts, prints and draws.
pub(super) fn run(options: &PartitionOptions, json: bool) -> Result<(), Failure> {
    let source = open(options)?;
    let classes = source.classes();
    let holdings: Result<Vec<Holding>, Failure> = (0..source.shards())
        .map(|shard| {
            let data = source
                .shard(shard)
                .map_err(|error| Failure::failed(error.to_string()))?;
            let name = source.name(shard).unwrap_or_default();
            Ok(Holding::of(name, &data, classes))
        })
        .collect();
    let holdings = holdings?;
    let held_out = source
        .held_out()
        .map(|data| Holding::of("held out".to_owned(), data, classes));
    if options.show || json || options.plot.is_none() {
        written(match json {
            true => show_json(&holdings, held_out.as_ref()),
            false => print(show(&holdings, held_out.as_ref()).trim_end()),
        })?;
    }
    match &options.plot {
        Some(path) => draw(path, &holdings),
        None => Ok(()),
    }
}

/// Opens the data as a coordinator and its nodes would for a run of these options.
pub(super) fn open(options: &PartitionOptions) -> Result<Source, Failure> {
    let plan = request::plan(&RunOptions {
        data: options.data.clone(),
        partition: options.partition.clone(),
        shards: options.shards,
        held_out: options.held_out,
        seed: options.seed,
        ..RunOptions::default()
    });
    let (plan, _) = plan::read(&plan).map_err(|problems| {
        let said: Vec<String> = problems
            .iter()
            .map(|p| format!("{}: {}", p.field, p.message))
            .collect();
        Failure::usage(said.join("; "))
    })?;
    if plan.data.spec.starts_with(plan::PRIVATE) {
        let failure =
            Failure::usage("private rows are on the nodes, which do not tell their classes");
        return Err(failure.hint(
            "client IP PORT nodes --json lists the nodes; try partition on a node's own files",
        ));
    }
    let is_file = plan::opened_as(&plan.data.spec).starts_with("path:");
    let failed = |error: String| match is_file {
        true => Failure::failed(error).hint(format!(
            "files are looked for below --data-root, {}",
            options.data_root.display()
        )),
        false => Failure::failed(error),
    };
    let root = Root::new(&options.data_root).map_err(|error| failed(error.to_string()))?;
    open_source(&plan, &root).map_err(failed)
}

/// A table with a line for each shard.
fn show(holdings: &[Holding], held_out: Option<&Holding>) -> String {
    let total = total(holdings);
    let columns = total.classes.len().min(MOST_COLUMNS);
    let mut heading = vec!["SHARD".to_owned(), "ROWS".to_owned()];
    heading.extend((0..columns).map(|class| class.to_string()));
    let more = total.classes.len() > columns;
    if more {
        heading.push("OTHERS".to_owned());
    }
    let line = |holding: &Holding| {
        let mut cells = vec![holding.name.clone(), holding.rows.to_string()];
        cells.extend(holding.classes[..columns].iter().map(|count| match count {
            0 => ".".to_owned(),
            count => count.to_string(),
        }));
        if more {
            cells.push(holding.classes[columns..].iter().sum::<usize>().to_string());
        }
        cells
    };
    let mut rows = vec![heading];
    rows.extend(holdings.iter().map(line));
    rows.push(line(&total));
    rows.extend(held_out.map(line));
    table(&rows)
}

/// All shards together.
fn total(holdings: &[Holding]) -> Holding {
    let classes = holdings.first().map_or(0, |first| first.classes.len());
    let of_class = |class| holdings.iter().map(|holding| holding.classes[class]).sum();
    Holding {
        name: format!("all {}", holdings.len()),
        rows: holdings.iter().map(|holding| holding.rows).sum(),
        classes: (0..classes).map(of_class).collect(),
    }
}

/// An object for each shard, and one for the rows held out.
fn show_json(holdings: &[Holding], held_out: Option<&Holding>) -> std::io::Result<()> {
    let object = |index: Option<usize>, holding: &Holding| -> Value {
        let event = if index.is_some() { "shard" } else { "held-out" };
        json!({
            "event": event,
            "index": index,
            "shard": index.map(|_| &holding.name),
            "rows": holding.rows,
            "classes": holding.classes,
        })
    };
    for (index, holding) in holdings.iter().enumerate() {
        print_json(&object(Some(index), holding))?;
    }
    held_out.map_or(Ok(()), |holding| print_json(&object(None, holding)))
}

fn draw(path: &Path, holdings: &[Holding]) -> Result<(), Failure> {
    if holdings.len() > plot::MOST_SHARDS {
        let (count, most) = (holdings.len(), plot::MOST_SHARDS);
        let message =
            format!("{count} shards cannot be told apart in a picture; at most {most} are drawn");
        return Err(Failure::usage(message).hint("give fewer --shards, or look at --show"));
    }
    let failed = |error| Failure::failed(format!("cannot write {}: {error}", path.display()));
    fs::write(path, plot::bars(holdings)).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(name: &str, classes: &[usize]) -> Holding {
        Holding {
            name: name.to_owned(),
            rows: classes.iter().sum(),
            classes: classes.to_vec(),
        }
    }

    #[test]
    fn shards_are_counted_as_nodes_cut_them() {
        let options = PartitionOptions {
            partition: Some("label-shards:k=1".to_owned()),
            data_root: PathBuf::from("/"),
            ..PartitionOptions::default()
        };
        let source = open(&options).ok().unwrap();
        let counts: Vec<usize> = (0..10)
            .map(|shard| Holding::of(String::new(), &source.shard(shard).unwrap(), 10).rows)
            .collect();
        assert_eq!(counts.iter().sum::<usize>(), 1_437);
    }

    #[test]
    fn the_table_has_a_line_a_shard() {
        let text = show(
            &[holding("a", &[3, 0]), holding("b", &[1, 20])],
            Some(&holding("held out", &[1, 1])),
        );
        assert_eq!(
            text,
            "SHARD     ROWS  0  1\na         3     3  .\nb         21    1  20\nall 2     24    4  20\nheld out  2     1  1\n"
        );
        let many = show(&[holding("a", &[1; 30])], None);
        assert!(many.contains("OTHERS") && many.contains("  4\n"), "{many}");
    }

    #[test]
    fn rows_with_real_values_are_counted_without_classes() {
        let options = PartitionOptions {
            data: Some("synthetic-linear:rows=50".to_owned()),
            shards: Some(2),
            data_root: PathBuf::from("/"),
            ..PartitionOptions::default()
        };
        let source = open(&options).ok().unwrap();
        let held = Holding::of("a".to_owned(), &source.shard(0).unwrap(), source.classes());
        assert_eq!(show(&[held], None), "SHARD  ROWS\na      20\nall 1  20\n");
    }

    #[test]
    fn what_cannot_be_counted_is_explained() {
        let error = |data: &str, shards| {
            let options = PartitionOptions {
                data: Some(data.to_owned()),
                shards,
                data_root: PathBuf::from("/"),
                ..PartitionOptions::default()
            };
            format!("{:?}", open(&options).err().unwrap())
        };
        assert!(error("private:", None).contains("on the nodes"));
        assert!(error("builtin:digits", Some(5_000)).contains("ask for fewer"));
        assert!(error("builtin:digits", Some(-1)).contains("data.shards"));
        assert!(error("path:none.csv", None).contains("--data-root"));
        assert!(
            draw(
                Path::new("/none/x.svg"),
                &vec![holding("a", &[1]); plot::MOST_SHARDS + 1]
            )
            .is_err()
        );
    }
}
