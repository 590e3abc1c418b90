//! Who would hold what: the shards of a data spec, counted here by the code that the nodes cut them with.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::data_options::DataOptions;
use super::failure::Failure;
use super::plot;
use super::text::table;
use super::view::{print, print_json, written};
use crate::ml::data::Dataset;

/// Most classes that have a column of their own in the table.
const MOST_COLUMNS: usize = 26;

/// Which shards to count.
#[derive(Debug, Default, Args)]
pub struct PartitionOptions {
    /// The data
    #[command(flatten)]
    pub data: DataOptions,
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
    let source = options.data.open()?;
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
        let options = DataOptions {
            partition: Some("label-shards:k=1".to_owned()),
            data_root: PathBuf::from("/"),
            ..DataOptions::default()
        };
        let source = options.open().ok().unwrap();
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
        let options = DataOptions {
            data: Some("synthetic-linear:rows=50".to_owned()),
            shards: Some(2),
            data_root: PathBuf::from("/"),
            ..DataOptions::default()
        };
        let source = options.open().ok().unwrap();
        let held = Holding::of("a".to_owned(), &source.shard(0).unwrap(), source.classes());
        assert_eq!(show(&[held], None), "SHARD  ROWS\na      20\nall 1  20\n");
    }

    #[test]
    fn what_cannot_be_counted_is_explained() {
        let error = |data: &str, shards| {
            let options = DataOptions {
                data: Some(data.to_owned()),
                shards,
                data_root: PathBuf::from("/"),
                ..DataOptions::default()
            };
            format!("{:?}", options.open().err().unwrap())
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
