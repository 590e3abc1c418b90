//! What a log line is about, under the same keys everywhere.

use std::fmt::Arguments;

use log::kv::{self, Key, Source, ToValue, VisitSource};
use log::{Level, Record};

/// A piece of work, as far as the line knows it. Keys come in the order of the fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct About<'a> {
    /// Id of the run.
    pub run: Option<&'a str>,
    /// Its round.
    pub round: Option<u32>,
    /// Names of the shards.
    pub shards: Option<&'a str>,
    /// Id of the attempt, which coordinator and node have in common.
    pub attempt: Option<u64>,
    /// Address of the node.
    pub node: Option<&'a str>,
}

impl<'a> About<'a> {
    /// A run.
    pub fn run(id: &'a str) -> About<'a> {
        About {
            run: Some(id),
            ..About::default()
        }
    }

    /// A node.
    pub fn node(address: &'a str) -> About<'a> {
        About {
            node: Some(address),
            ..About::default()
        }
    }

    /// A round of it.
    pub fn round(self, number: u32) -> About<'a> {
        About {
            round: Some(number),
            ..self
        }
    }

    /// Logs a line about it.
    pub fn log(&self, level: Level, message: Arguments) {
        // The target is the program's, so that one filter is for all its lines.
        let target = "roundtable";
        if !log::log_enabled!(target: target, level) {
            return;
        }
        log::logger().log(
            &Record::builder()
                .level(level)
                .target(target)
                .args(message)
                .key_values(self)
                .build(),
        );
    }
}

impl Source for About<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
        let pairs = [
            ("run", self.run.as_ref().map(ToValue::to_value)),
            ("round", self.round.as_ref().map(ToValue::to_value)),
            ("shards", self.shards.as_ref().map(ToValue::to_value)),
            ("attempt", self.attempt.as_ref().map(ToValue::to_value)),
            ("node", self.node.as_ref().map(ToValue::to_value)),
        ];
        for (key, value) in pairs {
            if let Some(value) = value {
                visitor.visit_pair(Key::from_str(key), value)?;
            }
        }
        Ok(())
    }
}

/// Names on one line: the first few, and how many more there are.
pub fn listed<'a>(mut names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const FEW: usize = 3;
    let more = names.len().saturating_sub(FEW);
    let few: Vec<&str> = names.by_ref().take(FEW).collect();
    match more {
        0 => few.join(","),
        more => format!("{},+{more}", few.join(",")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_names_there_are_a_few() {
        let names = |count: usize| ["a", "b", "c", "d", "e"].into_iter().take(count);
        assert_eq!(listed(names(1)), "a");
        assert_eq!(listed(names(3)), "a,b,c");
        assert_eq!(listed(names(5)), "a,b,c,+2");
    }
}
