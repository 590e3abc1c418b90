//! How a log line is written.

use std::io::{self, Write};

use env_logger::fmt::Formatter;
use log::Record;
use log::kv::{self, Key, Source, Value, VisitSource};
use serde_json::{Map, Value as Json};

/// What a line is about, behind its message: `key=value`, in quotes where spaces are in it.
pub(super) fn keys(out: &mut Formatter, about: &dyn Source) -> io::Result<()> {
    let mut pairs = Pairs(String::new());
    about.visit(&mut pairs).map_err(unsaid)?;
    out.write_all(pairs.0.as_bytes())
}

/// A line as an object.
pub(super) fn json(out: &mut Formatter, record: &Record) -> io::Result<()> {
    let ts = out.timestamp_millis().to_string();
    writeln!(out, "{}", object(&ts, record)?)
}

fn object(ts: &str, record: &Record) -> io::Result<Json> {
    let mut members = Map::new();
    members.insert("ts".to_owned(), ts.into());
    let level = record.level().as_str().to_lowercase();
    members.insert("level".to_owned(), level.into());
    members.insert("message".to_owned(), record.args().to_string().into());
    let mut members = Members(members);
    record.key_values().visit(&mut members).map_err(unsaid)?;
    Ok(members.0.into())
}

fn unsaid(error: kv::Error) -> io::Error {
    io::Error::other(error.to_string())
}

struct Pairs(String);

impl<'kvs> VisitSource<'kvs> for Pairs {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let value = value.to_string();
        let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '"';
        let value = match !value.is_empty() && value.chars().all(plain) {
            true => value,
            false => format!("{value:?}"),
        };
        self.0 += &format!(" {key}={value}");
        Ok(())
    }
}

struct Members(Map<String, Json>);

impl<'kvs> VisitSource<'kvs> for Members {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let json = match value.to_u64() {
            Some(number) => number.into(),
            None => Json::from(value.to_string()),
        };
        self.0.insert(key.as_str().to_owned(), json);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::logs::About;

    const ABOUT: About = About {
        run: Some("ab12"),
        round: Some(3),
        shards: Some("a shard"),
        attempt: Some(u64::MAX),
        node: Some("10.0.0.7:5106"),
    };

    #[test]
    fn text_has_pairs_at_the_end() {
        let mut pairs = Pairs(String::new());
        ABOUT.visit(&mut pairs).unwrap();
        let said = format!(
            " run=ab12 round=3 shards=\"a shard\" attempt={} node=10.0.0.7:5106",
            u64::MAX
        );
        assert_eq!(pairs.0, said);
    }

    #[test]
    fn json_has_members() {
        let object = object(
            "2026-01-02T03:04:05.678Z",
            &Record::builder()
                .level(log::Level::Warn)
                .args(format_args!("it \"broke\"\noff"))
                .key_values(&ABOUT)
                .build(),
        );
        let object = object.unwrap();
        assert_eq!(object["level"], "warn");
        assert_eq!(object["message"], "it \"broke\"\noff");
        assert_eq!(object["round"], 3);
        assert_eq!(object["shards"], "a shard");
        assert_eq!(object["attempt"], u64::MAX);
        assert!(!object.to_string().contains('\n'));
    }
}
