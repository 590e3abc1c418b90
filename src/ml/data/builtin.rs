//! Data embedded in the program, to start without any file.

use std::sync::Arc;

use super::files::numbers;
use super::{DataError, Opened, Origin, Root, TargetKind};
use crate::seed::Seed;
use crate::spec::Row;

/// Source and licence: `DIGITS.md` beside it.
static DIGITS: &str = include_str!("digits.csv");

pub(super) const ROW: Row<Arc<dyn Origin>> = Row {
    name: "builtin",
    aliases: &[],
    value: "digits",
    help: "handwritten digits, 1797 rows of 64 features (8 x 8 pixels from 0 to 1), 10 classes",
    options: &[],
    build: |arguments| match arguments.required_value("digits")? {
        "digits" => Ok(Arc::new(Digits)),
        _ => Err(arguments.bad_value("digits")),
    },
};

/// Optical Recognition of Handwritten Digits, the test set.
struct Digits;

impl Origin for Digits {
    fn kind(&self) -> Option<TargetKind> {
        Some(TargetKind::Class)
    }

    fn open(&self, _: &Root, _: Seed) -> Result<Opened, DataError> {
        let rows = numbers("builtin:digits", DIGITS, 16.0)?;
        Ok(Opened::Pool {
            pool: Box::new(rows),
            held_out: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::DATA;
    use super::*;

    #[test]
    fn digits_are_complete() {
        let root = Root::new("/").unwrap();
        let opened = DATA
            .build("builtin:digits")
            .unwrap()
            .open(&root, Seed(0))
            .unwrap();
        let Opened::Pool { pool, .. } = opened else {
            panic!("digits are one pool")
        };
        assert_eq!(
            (pool.rows(), pool.features(), pool.classes()),
            (1_797, 64, 10)
        );
        let mut counts = [0; 10];
        (0..1_797).for_each(|row| counts[pool.label(row) as usize] += 1);
        // As documented in the data's description.
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        let all = pool.select(&(0..1_797).collect::<Vec<_>>()).unwrap();
        let values = all.features();
        assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
        assert_eq!(all.row(0)[..6], [0.0, 0.0, 0.3125, 0.8125, 0.5625, 0.0625]);
        assert!(DATA.build("builtin:letters").is_err());
        assert!(DATA.build("builtin").is_err());
    }
}
