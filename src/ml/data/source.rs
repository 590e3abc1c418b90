//! The shards of a run and the rows that evaluate it.

use std::sync::{Arc, OnceLock};

use super::{DATA, DataError, Dataset, Made, Opened, Pool, Root};
use crate::ml::partition::{PARTITIONS, Shards, hold_out};
use crate::seed::Seed;

/// Shards of rows that do not bring their own, unless asked otherwise.
pub const DEFAULT_SHARDS: usize = 10;

/// Which data a run is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What [`DATA`] knows, for example `builtin:digits`.
    pub spec: String,
    /// How rows become shards; `iid` when not said. Only for data that do not bring their own shards.
    pub partition: Option<String>,
    /// Number of shards; [`DEFAULT_SHARDS`] when not said, and where there are fewer rows, as many as
    /// rows. For data that bring their own shards it must be their number.
    pub shards: Option<usize>,
    /// Seed of partition, held-out rows and synthetic rows.
    pub seed: Seed,
    /// Share of the rows held out for evaluation, from 0 to below 1. For data that do not bring
    /// their own rows for it; taken from each shard where they bring their shards.
    pub held_out: f64,
}

/// Opened data: its shards, and the rows held out. Two processes that open the same request over
/// the same files have the same shards.
pub struct Source {
    rows: Rows,
    /// Made when first asked for, where the rows are.
    held_out: OnceLock<Option<Dataset>>,
    features: usize,
    classes: usize,
}

/// Rows of the shards.
enum Rows {
    Pool { pool: Box<dyn Pool>, shards: Shards },
    Parts(Vec<(String, Arc<Dataset>)>),
    Made(Box<dyn Made>),
}

impl Source {
    /// Opens the data of a request; `root` bounds what files may be read.
    ///
    /// # Errors
    /// When the spec is wrong, a file cannot be read or is wrong, or the shards cannot be made.
    pub fn open(request: &Request, root: &Root) -> Result<Source, DataError> {
        let opened = DATA.build(&request.spec)?.open(root, request.seed)?;
        Source::cut(opened, request)
    }

    /// The shards of rows that were read elsewhere, cut as `request` says (its spec is not used).
    ///
    /// # Errors
    /// When the shards cannot be made.
    pub fn from_dataset(data: Dataset, request: &Request) -> Result<Source, DataError> {
        let pool = Box::new(data);
        let held_out = None;
        Source::cut(Opened::Pool { pool, held_out }, request)
    }

    /// Shards that were read elsewhere, by name, and rows held out.
    ///
    /// # Errors
    /// When there are no shards, or they differ in features or kind of targets.
    pub fn from_shards(
        shards: Vec<(String, Arc<Dataset>)>,
        held_out: Option<Dataset>,
    ) -> Result<Source, DataError> {
        let Some((_, first)) = shards.first() else {
            return Err(DataError::Shards("there are no shards".to_owned()));
        };
        let (features, kind) = (first.width(), first.kind());
        let named = shards.iter().map(|(name, data)| (name.as_str(), &**data));
        let mut classes = 0;
        for (name, data) in named.chain(held_out.iter().map(|data| ("held-out rows", data))) {
            if data.width() != features {
                let width = data.width();
                let reason =
                    format!("{name}: {width} features, but the first shard has {features}");
                return Err(DataError::Shards(reason));
            }
            if data.kind() != kind {
                let reason = format!("{name}: {}, but the first shard has {kind}", data.kind());
                return Err(DataError::Shards(reason));
            }
            classes = classes.max(data.classes());
        }
        Ok(Source {
            rows: Rows::Parts(shards),
            held_out: held_out.into(),
            features,
            classes,
        })
    }

    fn cut(opened: Opened, request: &Request) -> Result<Source, DataError> {
        if !(0.0..1.0).contains(&request.held_out) {
            let share = request.held_out;
            let reason = format!("the share of rows held out is 0 to below 1, not {share}");
            return Err(DataError::Shards(reason));
        }
        match opened {
            Opened::Pool { pool, held_out } => Source::cut_pool(pool, held_out, request),
            Opened::Parts { shards, held_out } => Source::cut_parts(shards, held_out, request),
            Opened::Made(made) => {
                check_own(made.shards(), request)?;
                Ok(Source {
                    held_out: OnceLock::new(),
                    features: made.features(),
                    classes: made.classes(),
                    rows: Rows::Made(made),
                })
            }
        }
    }

    fn cut_pool(
        pool: Box<dyn Pool>,
        held_out: Option<Dataset>,
        request: &Request,
    ) -> Result<Source, DataError> {
        let share = match held_out {
            Some(_) => 0.0,
            None => request.held_out,
        };
        let (train, held) = hold_out(pool.rows(), share, request.seed, 0);
        let name = request.partition.as_deref().unwrap_or("iid");
        let partition = PARTITIONS.build(name)?;
        if partition.looks_at_classes() && pool.classes() == 0 {
            return Err(DataError::Shards(no_classes(name, &request.spec)));
        }
        let count = request.shards.unwrap_or(DEFAULT_SHARDS.min(train.len()));
        let label = |row| pool.label(row);
        let shards = partition.cut(train, &label, count, request.seed)?;
        Ok(Source {
            held_out: held_out.or_else(|| pool.select(&held)).into(),
            features: pool.features(),
            classes: pool.classes(),
            rows: Rows::Pool { pool, shards },
        })
    }

    fn cut_parts(
        shards: Vec<(String, Arc<Dataset>)>,
        held_out: Option<Dataset>,
        request: &Request,
    ) -> Result<Source, DataError> {
        check_own(shards.len(), request)?;
        if held_out.is_some() || request.held_out == 0.0 {
            return Source::from_shards(shards, held_out);
        }
        let mut train = Vec::new();
        let mut parts = Vec::new();
        for (number, (name, data)) in shards.into_iter().enumerate() {
            let (rows, held) = hold_out(data.rows(), request.held_out, request.seed, number as u64);
            train.extend(data.select(&rows).map(|data| (name, Arc::new(data))));
            parts.extend(data.select(&held));
        }
        let parts: Vec<&Dataset> = parts.iter().collect();
        let held_out = match parts[..] {
            [] => None,
            _ => Some(Dataset::concatenate(&parts)?),
        };
        Source::from_shards(train, held_out)
    }

    /// Number of shards; at least 1.
    pub fn shards(&self) -> usize {
        match &self.rows {
            Rows::Pool { shards, .. } => shards.len(),
            Rows::Parts(shards) => shards.len(),
            Rows::Made(made) => made.shards(),
        }
    }

    /// Name of a shard: that of its file, or `shard-N`; none when there are not so many.
    pub fn name(&self, shard: usize) -> Option<String> {
        match &self.rows {
            Rows::Pool { shards, .. } => shards.get(shard).map(|_| format!("shard-{shard}")),
            Rows::Parts(shards) => shards.get(shard).map(|(name, _)| name.clone()),
            Rows::Made(made) => (shard < made.shards()).then(|| made.name(shard)),
        }
    }

    /// Rows of a shard; none when there are not so many shards.
    pub fn rows(&self, shard: usize) -> Option<usize> {
        match &self.rows {
            Rows::Pool { shards, .. } => shards.get(shard).map(<[u32]>::len),
            Rows::Parts(shards) => shards.get(shard).map(|(_, data)| data.rows()),
            Rows::Made(made) => (shard < made.shards()).then(|| made.rows(shard)),
        }
    }

    /// Rows of all shards, without those held out.
    pub fn total_rows(&self) -> usize {
        match &self.rows {
            Rows::Pool { shards, .. } => shards.rows(),
            Rows::Parts(shards) => shards.iter().map(|(_, data)| data.rows()).sum(),
            Rows::Made(made) => (0..made.shards()).map(|shard| made.rows(shard)).sum(),
        }
    }

    /// Features of a row.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Number of classes; 0 where targets are real values.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The rows of a shard.
    ///
    /// # Errors
    /// When there are not so many shards.
    pub fn shard(&self, shard: usize) -> Result<Arc<Dataset>, DataError> {
        let found = match &self.rows {
            Rows::Pool { pool, shards } => shards
                .get(shard)
                .and_then(|rows| pool.select(rows))
                .map(Arc::new),
            Rows::Parts(shards) => shards.get(shard).map(|(_, data)| Arc::clone(data)),
            Rows::Made(made) if shard < made.shards() => made.shard(shard).map(Arc::new),
            Rows::Made(_) => None,
        };
        found.ok_or_else(|| {
            let count = self.shards();
            DataError::Shards(format!(
                "there is no shard {shard}; there are {count}, from 0"
            ))
        })
    }

    /// Whether [`Source::shard`] makes or copies the rows each time it is asked.
    pub fn selects(&self) -> bool {
        matches!(self.rows, Rows::Pool { .. } | Rows::Made(_))
    }

    /// The rows held out for evaluation.
    pub fn held_out(&self) -> Option<&Dataset> {
        let made = || match &self.rows {
            Rows::Made(made) => made.held_out(),
            Rows::Pool { .. } | Rows::Parts(_) => None,
        };
        self.held_out.get_or_init(made).as_ref()
    }
}

/// Why a partition that looks at classes cannot cut these data.
pub fn no_classes(partition: &str, data: &str) -> String {
    format!(
        "{partition} goes by the classes of rows, and those of {data} have real values; try iid or quantity"
    )
}

/// Data that bring their shards have no other number of them, and are not cut.
fn check_own(own: usize, request: &Request) -> Result<(), DataError> {
    let (spec, failed) = (&request.spec, |reason| Err(DataError::Shards(reason)));
    match (request.shards, &request.partition) {
        (Some(count), _) if count != own => {
            failed(format!("{spec} brings {own} shards, not {count}"))
        }
        (_, Some(partition)) => failed(format!(
            "{spec} brings its own {own} shards, which {partition} cannot cut; leave the partition out"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::path::tests::Folder;
    use super::*;

    fn request(spec: &str) -> Request {
        Request {
            spec: spec.to_owned(),
            partition: None,
            shards: None,
            seed: Seed(5),
            held_out: 0.2,
        }
    }

    fn open(request: &Request) -> Result<Source, DataError> {
        Source::open(request, &Root::new("/").unwrap())
    }

    #[test]
    fn digits_are_cut_evenly_and_nothing_is_lost() {
        let source = open(&request("builtin:digits")).unwrap();
        assert_eq!((source.shards(), source.total_rows()), (10, 1_437));
        assert_eq!(source.held_out().unwrap().rows(), 360);
        assert_eq!((source.features(), source.classes()), (64, 10));
        for shard in 0..10 {
            let data = source.shard(shard).unwrap();
            assert_eq!(Some(data.rows()), source.rows(shard));
            assert!((143..=144).contains(&data.rows()));
            assert_eq!(source.name(shard), Some(format!("shard-{shard}")));
        }
        assert!(source.shard(10).is_err());
        assert_eq!((source.name(10), source.rows(10)), (None, None));
    }

    #[test]
    fn the_same_request_has_the_same_shards() {
        let synthetic = Request {
            shards: Some(1_000),
            ..request("synthetic:rows=10000")
        };
        let (first, second) = (open(&synthetic).unwrap(), open(&synthetic).unwrap());
        assert_eq!(first.shard(999), second.shard(999));
        assert_eq!(first.held_out(), second.held_out());
        let other = open(&Request {
            seed: Seed(6),
            ..synthetic
        })
        .unwrap();
        assert_ne!(first.shard(999), other.shard(999));
    }

    #[test]
    fn directories_keep_their_shards() {
        let files = [
            ("train1.txt", "1,0\n2,1\n3,0\n4,1\n5,0"),
            ("train2.txt", "6,1\n7,0"),
        ];
        let folder = Folder::new(&files);
        let root = Root::new(folder.path()).unwrap();
        let own = request("path:.");
        let source = Source::open(&own, &root).unwrap();
        assert_eq!((source.shards(), source.total_rows()), (2, 5));
        assert_eq!(source.name(1).as_deref(), Some("train2.txt"));
        assert_eq!(source.held_out().unwrap().rows(), 2);
        let all = Source::open(
            &Request {
                held_out: 0.0,
                ..own.clone()
            },
            &root,
        )
        .unwrap();
        assert_eq!((all.total_rows(), all.held_out()), (7, None));
        let error = |other: Request| Source::open(&other, &root).err().unwrap().to_string();
        let more = Request {
            shards: Some(3),
            ..own.clone()
        };
        assert_eq!(error(more), "path:. brings 2 shards, not 3");
        let cut = Request {
            partition: Some("iid".to_owned()),
            ..own
        };
        let text = "path:. brings its own 2 shards, which iid cannot cut; leave the partition out";
        assert_eq!(error(cut), text);
        let devices = Request {
            partition: Some("dirichlet".to_owned()),
            ..request("devices")
        };
        assert!(error(devices).contains("brings its own 30 shards"));
    }

    #[test]
    fn impossible_requests_are_refused() {
        let digits = request("builtin:digits");
        for held_out in [-0.1, 1.0, f64::NAN] {
            assert!(
                open(&Request {
                    held_out,
                    ..digits.clone()
                })
                .is_err()
            );
        }
        for shards in [0, 1_438] {
            let request = Request {
                shards: Some(shards),
                ..digits.clone()
            };
            assert!(open(&request).is_err());
        }
        let partition = Some("random".to_owned());
        assert!(
            open(&Request {
                partition,
                ..digits.clone()
            })
            .is_err()
        );
        assert!(open(&request("builtin:letters")).is_err());
        assert!(Source::from_shards(vec![], None).is_err());
    }
}
