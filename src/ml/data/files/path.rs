//! Rows from files below the data root: one file, or a directory of shards or of IDX files.

use std::iter;
use std::sync::Arc;

use super::directory;
use super::file::{self, Kind, Rows};
use super::format::Format;
use super::format::format;
use super::parallel;
use super::table::{Table, assemble};
use crate::ml::data::Standard;
use crate::ml::data::{DataError, Dataset, Opened, Origin, Root, TargetKind};
use crate::seed::Seed;
use crate::spec::{OptionHelp, Row};

pub(in crate::ml::data) const ROW: Row<Arc<dyn Origin>> = Row {
    name: "path",
    aliases: &[],
    value: "FILE|DIRECTORY",
    help: "a file (CSV, NPY, IDX, also .gz; NPZ, Parquet); or a directory: each train*.txt|csv|npy|npz|parquet is a \
           shard and validate* evaluates, or train-images-idx* are cut into shards and t10k-images-idx* evaluate",
    options: &[
        OptionHelp {
            key: "header",
            value: "auto|yes|no",
            help: "whether the first line holds names; auto: if none of it is a number",
        },
        OptionHelp {
            key: "label",
            value: "last|NUMBER|NAME",
            help: "column of the class, counted from 1 or named; last, or NAME-labels.npy beside NAME.npy",
        },
        OptionHelp {
            key: "target",
            value: "last|NUMBER|NAME",
            help: "for regression, in the place of label=: column of a real value; or NAME-targets.npy beside NAME.npy",
        },
        OptionHelp {
            key: "scale",
            value: "NUMBER",
            help: "what features are divided by; 1, for bytes of NPY and IDX 255",
        },
        OptionHelp {
            key: "standardise",
            value: "no|yes",
            help: "features get mean 0 and deviation 1 over the training rows",
        },
        OptionHelp {
            key: "binary",
            value: "no|yes",
            help: "classes above 0 become 1",
        },
        OptionHelp {
            key: "missing",
            value: "refused|mean|drop",
            help: "CSV, Parquet: what becomes of values that are ?, NA, NaN or empty: an error, the mean of the column over \
                   the training rows, or the row is dropped",
        },
        OptionHelp {
            key: "without",
            value: "COLUMNS",
            help: "CSV, Parquet: columns that are left out, counted from 1: 3 or 3+11-13",
        },
        OptionHelp {
            key: "by",
            value: "NUMBER|NAME",
            help: "CSV, Parquet: a column that is no feature but names the shard of each row, as a hospital",
        },
        OptionHelp {
            key: "files",
            value: "PATTERN",
            help: "of a directory: each file of such a name is a shard, * for anything: site-*.csv",
        },
    ],
    build: |arguments| {
        let path = arguments
            .required_value("a file or directory below the data root")?
            .to_owned();
        Ok(Arc::new(Files {
            path,
            format: format(arguments)?,
            pattern: arguments.text("files").map(str::to_owned),
            standardise: arguments.choice("standardise", &[("no", false), ("yes", true)])?,
        }))
    },
};

struct Files {
    path: String,
    format: Format,
    /// Names of the files of a directory that are shards, unless as usual.
    pattern: Option<String>,
    standardise: bool,
}

impl Origin for Files {
    fn kind(&self) -> Option<TargetKind> {
        // Real values may also lie beside an NPY file, which nobody has looked for yet.
        (self.format.kind == TargetKind::Value).then_some(TargetKind::Value)
    }

    fn open(&self, root: &Root, _: Seed) -> Result<Opened, DataError> {
        if root.resolve(&self.path)?.is_dir() {
            let parts = self.directory(root)?;
            let are_images = parts.iter().any(|part| Kind::of(&part.name) == Kind::Idx);
            return self.arrange(parts, are_images);
        }
        if self.pattern.is_some() {
            let reason = "it is one file; files= is for a directory";
            return Err(DataError::file(&self.path, reason));
        }
        let rows = file::read(root, &self.path, &self.format)?;
        self.arrange(Part::of(&self.path, rows, true), true)
    }
}

/// Rows of a file that are all trained on, or all held out.
struct Part {
    name: String,
    trains: bool,
    table: Table,
}

impl Part {
    /// Those of a file; `trains` says whether its name is that of one to train on.
    fn of(name: &str, rows: Rows, trains: bool) -> Vec<Part> {
        let part = |table, trains| Part {
            name: name.to_owned(),
            trains,
            table,
        };
        let own = part(rows.rows, trains);
        let held_out = rows.held_out.map(|table| part(table, false));
        iter::once(own).chain(held_out).collect()
    }
}

impl Files {
    /// All files are read at once, because only together they say how many classes there are.
    fn directory(&self, root: &Root) -> Result<Vec<Part>, DataError> {
        if self.format.shard.is_some() {
            let reason = "its files are the shards; by= is for one file";
            return Err(DataError::file(&self.path, reason));
        }
        let names = directory::names(root, &self.path, self.pattern.as_deref())?;
        let trains = |name: &str| directory::trains(name, self.pattern.as_deref());
        let is_idx = names.iter().any(|name| Kind::of(name) == Kind::Idx);
        if is_idx && names.iter().any(|name| Kind::of(name) != Kind::Idx) {
            let reason = "it holds both IDX files and other files of rows; keep them apart";
            return Err(DataError::file(&self.path, reason));
        }
        let folder = self.path.trim_end_matches('/');
        let below = |name: &String| file::read(root, &format!("{folder}/{name}"), &self.format);
        let all: Result<Vec<Rows>, DataError> = parallel::map(&names, below).into_iter().collect();
        let all = names.iter().zip(all?);
        Ok(all
            .flat_map(|(name, rows)| Part::of(name, rows, trains(name)))
            .collect())
    }

    /// Makes data sets of all parts; those to train on are one pool, or a shard each.
    fn arrange(&self, mut parts: Vec<Part>, pool: bool) -> Result<Opened, DataError> {
        self.prepare(&mut parts)?;
        let named = parts.first().and_then(|part| part.table.shards());
        let (names, tables): (Vec<_>, Vec<Table>) = parts
            .into_iter()
            .map(|part| ((part.name, part.trains), part.table))
            .unzip();
        let (mut train, mut held_out) = (Vec::new(), Vec::new());
        for ((name, trains), data) in names.into_iter().zip(assemble(tables)?) {
            let list = if trains { &mut train } else { &mut held_out };
            list.push((name, data));
        }
        if train.is_empty() {
            let reason = match &self.pattern {
                Some(pattern) => format!("no file of it is named {pattern}"),
                None => "no file of it is named train*.txt, train*.csv, train*.npy, train*.npz, train*.parquet or \
                         train-images-idx3-ubyte; files= names others"
                    .to_owned(),
            };
            return Err(DataError::file(&self.path, reason));
        }
        if self.standardise {
            (train, held_out) = self.standardised(train, held_out)?;
        }
        let held_out = match held_out.len() {
            0 => None,
            _ => Some(joined(held_out)?),
        };
        if let Some(named) = named {
            let rows = &train[0].1;
            let shard =
                |(name, own): (String, Vec<u32>)| Some((name, Arc::new(rows.select(&own)?)));
            let shards = named.into_iter().filter_map(shard).collect();
            return Ok(Opened::Parts { shards, held_out });
        }
        if pool {
            let pool = Box::new(joined(train)?);
            return Ok(Opened::Pool { pool, held_out });
        }
        let shard = |(name, data)| (name, Arc::new(data));
        let shards = train.into_iter().map(shard).collect();
        Ok(Opened::Parts { shards, held_out })
    }

    /// What is done to rows once all are there, before their classes are numbered.
    fn prepare(&self, parts: &mut [Part]) -> Result<(), DataError> {
        if self.format.binary {
            let mut tables = parts.iter_mut().map(|part| &mut part.table);
            tables.try_for_each(Table::make_binary)?;
        }
        let tables = parts.iter_mut().map(|part| (&mut part.table, part.trains));
        self.format.missing.see_to(tables.collect())
    }

    /// The same with the means and deviations of the rows that are trained on.
    fn standardised(&self, train: Named, held_out: Named) -> Result<(Named, Named), DataError> {
        let wrong = |reason: String| DataError::file(&self.path, reason);
        let standard = Standard::fit(train.iter().map(|(_, data)| data)).map_err(wrong)?;
        let apply = |parts: Named| -> Result<Named, DataError> {
            let each = parts.into_iter();
            each.map(|(name, data)| Ok((name, standard.apply(data).map_err(wrong)?)))
                .collect()
        };
        Ok((apply(train)?, apply(held_out)?))
    }
}

/// Data sets with the names of their files.
type Named = Vec<(String, Dataset)>;

/// All rows together. One data set alone is not copied.
fn joined(mut all: Named) -> Result<Dataset, DataError> {
    if all.len() == 1 {
        return Ok(all.swap_remove(0).1);
    }
    let all: Vec<&Dataset> = all.iter().map(|(_, data)| data).collect();
    Ok(Dataset::concatenate(&all)?)
}

#[cfg(test)]
pub(in crate::ml::data) mod tests {
    use super::*;
    use crate::ml::data::DATA;
    use std::fs;
    use std::path::Path;

    /// A directory with files, gone when dropped.
    pub struct Folder(tempfile::TempDir);

    impl Folder {
        pub fn new(files: &[(&str, &str)]) -> Self {
            let files: Vec<_> = files
                .iter()
                .map(|(path, text)| (*path, text.as_bytes()))
                .collect();
            Folder::of(&files)
        }

        pub fn of(files: &[(&str, &[u8])]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for (path, bytes) in files {
                let path = folder.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
            Folder(folder)
        }

        pub fn path(&self) -> &Path {
            self.0.path()
        }
    }

    fn open(folder: &Folder, spec: &str) -> Result<Opened, String> {
        let origin = DATA.build(spec).map_err(|error| error.to_string())?;
        let root = Root::new(folder.path()).unwrap();
        origin
            .open(&root, Seed(0))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_directory_is_shards_in_natural_order() {
        let files = [
            ("d/train10.txt", "1,2,0"),
            ("d/train2.txt", "3,4,1\n5,6,5"),
            ("d/train1.csv", "7,8,0"),
            ("d/validate.txt", "9,9,1"),
            ("d/notes.txt", "hello"),
            ("d/train3.zip", "not read"),
        ];
        let folder = Folder::new(&files);
        let Ok(Opened::Parts { shards, held_out }) = open(&folder, "path:d/,scale=2") else {
            panic!("a directory brings its shards")
        };
        let names: Vec<&str> = shards.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["train1.csv", "train2.txt", "train10.txt"]);
        assert!(shards.iter().all(|(_, data)| data.classes() == 6));
        assert_eq!(shards[1].1.row(1), [2.5, 3.0]);
        assert_eq!(held_out.unwrap().row(0), [4.5, 4.5]);
    }

    #[test]
    fn a_file_is_a_pool() {
        let folder = Folder::new(&[("all.csv", "kind,a\nx,1\ny,2\n")]);
        let Ok(Opened::Pool { pool, .. }) = open(&folder, "path:all.csv,label=kind") else {
            panic!("a file is one pool")
        };
        assert_eq!((pool.rows(), pool.features(), pool.classes()), (2, 1, 2));
    }

    #[test]
    fn patterns_name_the_shards() {
        let files = [("d/b.data", "1,0"), ("d/a.data", "2,3"), ("d/c.txt", "x")];
        let folder = Folder::new(&files);
        let Ok(Opened::Parts { shards, .. }) = open(&folder, "path:d,files=*.data,binary=yes")
        else {
            panic!("a directory brings its shards")
        };
        let named: Vec<_> = shards
            .iter()
            .map(|(name, data)| (&name[..], data.labels()[0]))
            .collect();
        assert_eq!(named, [("a.data", 1), ("b.data", 0)]);
    }

    #[test]
    fn a_column_may_name_the_shard() {
        let text = "age,site,sick\n40,basel,0\n?,bern,1\n60,basel,1\n50,,0\n";
        let folder = Folder::new(&[
            ("all.csv", &text.replace(",,", ",aarau,")),
            ("gap.csv", text),
        ]);
        let Ok(Opened::Parts { shards, .. }) = open(&folder, "path:all.csv,by=site,missing=mean")
        else {
            panic!("rows bring their shards")
        };
        let rows: Vec<_> = shards
            .iter()
            .map(|(name, data)| (&name[..], data.features().into_iter().copied().collect()))
            .collect();
        let expected: [(&str, Vec<f32>); 3] = [
            ("aarau", vec![50.0]),
            ("basel", vec![40.0, 60.0]),
            ("bern", vec![50.0]),
        ];
        assert_eq!(rows, expected);
        let Ok(Opened::Parts { shards, .. }) =
            open(&folder, "path:all.csv,by=2,header=yes,missing=drop")
        else {
            panic!("rows bring their shards")
        };
        assert_eq!(shards.len(), 2, "nobody is left in bern");
        let error = |spec| open(&folder, spec).err().unwrap();
        assert_eq!(
            error("path:gap.csv,by=site,missing=mean"),
            "gap.csv:5:2: \"\" names no shard"
        );
        assert_eq!(
            error("path:all.csv,by=site"),
            "all.csv:3:1: \"?\" is not a number"
        );
        assert!(error("path:all.csv,by=sick").contains("is the class and names the shard"));
        assert!(error("path:all.csv,by=place").contains("no column `place`"));
        assert!(error("path:all.csv,by=2,without=1").contains("is left as a feature"));
        assert!(error("path:all.csv,without=4").contains("no column 4; there are 3"));
        assert!(error("path:all.csv,without=3-2").contains("is not allowed"));
        assert!(error("path:.,by=site").contains("one file"));
        assert!(error("path:all.csv,files=x*").contains("a directory"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let files = [
            ("d/train1.txt", "1,0\n2,x"),
            ("e/other.txt", "1,2"),
            ("f/train.txt", ""),
        ];
        let folder = Folder::new(&files);
        let error = |spec| open(&folder, spec).err().unwrap();
        let text = "d/train1.txt:2:2: \"x\" is not a number, as the classes before it are";
        assert_eq!(error("path:d"), text);
        assert!(error("path:e").contains("train*.txt"));
        assert_eq!(error("path:f"), "f/train.txt: it is empty");
        assert!(error("path:../d").contains("may not be read"));
        assert!(error("path").contains("below the data root"));
        assert!(error("path:d,scale=0").contains("above 0"));
        assert!(error("path:d,header=no,label=kind").contains("header=no"));
    }
}
