//! How files of rows are to be read, from the options of a spec.

use std::ops::RangeInclusive;

use super::missing::Missing;
use super::npy::channels::Channels;
use super::numbering::Numbering;
use crate::ml::data::TargetKind;
use crate::spec::{Arguments, SpecError};

/// How a file is to be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Format {
    /// Whether the first line holds names. Unless said, it does when none of its fields is a number.
    pub header: Option<bool>,
    /// Which field is the target.
    pub target: Column,
    /// What targets are.
    pub kind: TargetKind,
    /// By what classes that are texts are numbered.
    pub numbering: Numbering,
    /// What features are divided by. Unless said, 255 where they are bytes, otherwise 1.
    pub scale: Option<f32>,
    /// Which field names the shard of the row, where rows bring their shards.
    pub shard: Option<Column>,
    /// Fields that are left out, counted from 1.
    pub without: Vec<RangeInclusive<usize>>,
    /// What becomes of missing values.
    pub missing: Missing,
    /// Whether classes above 0 become 1.
    pub binary: bool,
    /// Where the channels of images lie in an array.
    pub channels: Channels,
}

/// Which field of a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Column {
    #[default]
    Last,
    /// Counted from 1.
    Position(usize),
    /// As the header has it.
    Named(String),
}

impl Format {
    /// The option that names the target.
    pub fn target_option(&self) -> &'static str {
        match self.kind {
            TargetKind::Class => "label",
            TargetKind::Value => "target",
        }
    }

    /// The first option given that only files with columns have a use for.
    pub fn of_columns(&self) -> Option<&'static str> {
        let given = [
            ("by=", self.shard.is_some()),
            ("without=", !self.without.is_empty()),
            ("missing=", self.missing != Missing::Refused),
            ("classes=", self.numbering.known().is_some()),
        ];
        let found = given.iter().find(|(_, given)| *given);
        found.map(|(option, _)| *option)
    }
}

/// What the options say.
pub(super) fn format(arguments: &mut Arguments) -> Result<Format, SpecError> {
    let headers = [("auto", None), ("yes", Some(true)), ("no", Some(false))];
    let header = arguments.choice("header", &headers)?;
    let (target, kind) = match (column(arguments, "label"), column(arguments, "target")) {
        (Some(_), Some(_)) => {
            let reason = "label= is for classes and target= for real values; give one of them";
            return Err(arguments.invalid(reason));
        }
        (label, None) => (label.unwrap_or_default(), TargetKind::Class),
        (None, Some(target)) => (target, TargetKind::Value),
    };
    let shard = column(arguments, "by");
    for field in [Some(&target), shard.as_ref()].into_iter().flatten() {
        if let (Column::Named(name), Some(false)) = (field, header) {
            let reason = format!("column `{name}` cannot be found with header=no");
            return Err(arguments.invalid(reason));
        }
    }
    let allowed = "a number above 0";
    let scale = match arguments.text("scale") {
        None => None,
        Some(_) => Some(arguments.number("scale", 1.0, f32::MIN_POSITIVE..=f32::MAX, allowed)?),
    };
    let gaps = [
        ("refused", Missing::Refused),
        ("mean", Missing::Mean),
        ("drop", Missing::Drop),
    ];
    let binary = arguments.choice("binary", &[("no", false), ("yes", true)])?;
    if binary && kind == TargetKind::Value {
        return Err(arguments.invalid("binary=yes makes classes, target= names real values"));
    }
    let numbering = Numbering::read(arguments)?;
    if numbering.known().is_some() && (binary || kind == TargetKind::Value) {
        let reason = "classes= names all classes; binary=yes and target= make others of them";
        return Err(arguments.invalid(reason));
    }
    Ok(Format {
        header,
        target,
        kind,
        numbering,
        scale,
        shard,
        without: without(arguments)?,
        missing: arguments.choice("missing", &gaps)?,
        binary,
        channels: arguments.choice("channels", &Channels::CHOICES)?,
    })
}

/// The column that an option names.
fn column(arguments: &mut Arguments, key: &str) -> Option<Column> {
    let text = arguments.text(key)?;
    Some(match (text, text.parse()) {
        ("last", _) => Column::Last,
        (_, Ok(position)) => Column::Position(position),
        (name, Err(_)) => Column::Named(name.to_owned()),
    })
}

/// The columns that are left out, such as `3+11-13`.
fn without(arguments: &mut Arguments) -> Result<Vec<RangeInclusive<usize>>, SpecError> {
    let Some(text) = arguments.text("without").map(str::to_owned) else {
        return Ok(Vec::new());
    };
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (0 < first && first <= last).then_some(first..=last)
    };
    let ranges: Option<Vec<_>> = text.split('+').map(range).collect();
    ranges.ok_or_else(|| {
        let allowed = "columns counted from 1, as 3 or 3+11-13";
        arguments.bad_option("without", &text, allowed)
    })
}
