//! Rounds as event files for TensorBoard: records of length, checksums and a protobuf message `Event`.
//!
//! The formats are those of TensorFlow's `record_writer.h` (masked CRC-32C) and `event.proto`, of which a scalar takes three
//! messages: `Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }`,
//! `Summary { repeated Value value = 1; }`, `Value { string tag = 1; float simple_value = 2; }`.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crc::{CRC_32_ISCSI, Crc};

use super::failure::Failure;
use super::view::View;
use crate::clock;
use crate::wire::stubs::coordinator::RoundReport;

const CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// Writes the event file of one run. Writing a run again replaces its file, so nothing stands there twice.
pub(super) struct Writer {
    path: PathBuf,
    out: BufWriter<File>,
    /// Seconds since 1970, as rounds pass.
    time: f64,
}

impl Writer {
    /// The file of a run, in a folder of its name: TensorBoard shows folders as runs.
    pub(super) fn create(folder: &Path, run: &str) -> Result<Writer, Failure> {
        let folder = folder.join(run);
        let path = folder.join("events.out.tfevents.1.roundtable");
        let file = fs::create_dir_all(&folder).and_then(|()| File::create(&path));
        let file = file.map_err(|error| cannot(&path, &error))?;
        let mut writer = Writer {
            path,
            out: BufWriter::new(file),
            time: clock::unix_micros() as f64 / 1e6,
        };
        let mut event = Message::default();
        event.double(1, writer.time).bytes(3, b"brain.Event:2");
        writer.record(&event.0)?;
        Ok(writer)
    }

    /// Adds a finished round.
    pub(super) fn round(&mut self, round: &RoundReport) -> Result<(), Failure> {
        self.time += round.seconds.unwrap_or(0.0);
        let mut summary = Message::default();
        for (tag, value) in scalars(round) {
            let mut scalar = Message::default();
            scalar.bytes(1, tag.as_bytes()).float(2, value as f32);
            summary.bytes(1, &scalar.0);
        }
        let mut event = Message::default();
        let step = u64::try_from(round.round).unwrap_or(0);
        event
            .double(1, self.time)
            .number(2, step)
            .bytes(5, &summary.0);
        self.record(&event.0)?;
        // Whoever looks while the run goes on sees whole rounds.
        self.out.flush().map_err(|error| cannot(&self.path, &error))
    }

    /// Says where the file is.
    pub(super) fn finish(mut self, view: &View) -> Result<(), Failure> {
        self.out
            .flush()
            .map_err(|error| cannot(&self.path, &error))?;
        view.say(&format!("wrote {}", self.path.display()));
        Ok(())
    }

    fn record(&mut self, data: &[u8]) -> Result<(), Failure> {
        let record = record(data);
        self.out
            .write_all(&record)
            .map_err(|error| cannot(&self.path, &error))
    }
}

fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot write {}: {error}", path.display()))
}

/// The numbers of a round, by name.
fn scalars(round: &RoundReport) -> Vec<(&'static str, f64)> {
    let metrics = round.metrics.as_ref();
    let errors = metrics.and_then(|metrics| metrics.regression.as_ref());
    let whole = |value: Option<i32>| value.map(f64::from);
    let seconds = round.seconds.filter(|&seconds| seconds > 0.0);
    let rate = seconds.map(|seconds| round.rows.unwrap_or(0) as f64 / seconds);
    let named = [
        (
            "held_out/accuracy",
            metrics.and_then(|metrics| metrics.accuracy),
        ),
        ("held_out/loss", metrics.map(|metrics| metrics.loss)),
        ("held_out/auc", metrics.and_then(|metrics| metrics.auc)),
        ("held_out/rmse", errors.map(|errors| errors.mse.sqrt())),
        ("held_out/mae", errors.map(|errors| errors.mae)),
        ("held_out/r2", errors.and_then(|errors| errors.r2)),
        ("training/loss", round.training_loss),
        ("round/seconds", round.seconds),
        ("round/rows_per_second", rate),
        ("round/shards_counted", whole(round.counted)),
        ("round/shards_asked", whole(round.asked)),
        ("round/retries", whole(round.retries)),
        ("round/refusals", whole(round.refusals)),
    ];
    let known = named.into_iter();
    known
        .filter_map(|(tag, value)| Some((tag, value?)))
        .collect()
}

/// Length, its checksum, the data, their checksum; little-endian.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(masked(&length).to_le_bytes());
    record.extend(data);
    record.extend(masked(data).to_le_bytes());
    record
}

/// The checksum, turned and moved so that one of data that hold checksums is no weaker.
fn masked(data: &[u8]) -> u32 {
    CHECKSUM
        .checksum(data)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

/// A protobuf message under way: every field is a key, `number << 3 | wire type`, and a value.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(&mut self, field: u64, value: u64) -> &mut Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn double(&mut self, field: u64, value: f64) -> &mut Self {
        self.varint(field << 3 | 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn bytes(&mut self, field: u64, value: &[u8]) -> &mut Self {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    fn float(&mut self, field: u64, value: f32) -> &mut Self {
        self.varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_format() {
        // CRC-32C of "123456789", from RFC 3720's polynomial.
        assert_eq!(CHECKSUM.checksum(b"123456789"), 0xe306_9283);
        let record = record(b"abc");
        assert_eq!(record.len(), 8 + 4 + 3 + 4);
        assert_eq!(record[..8], 3_u64.to_le_bytes());
        assert_eq!(record[12..15], *b"abc");
    }

    #[test]
    fn a_message_is_worked_out_by_hand() {
        let mut message = Message::default();
        message.number(2, 300).bytes(1, b"hi").float(2, 1.0);
        let right = [
            0x10, 0xac, 0x02, 0x0a, 2, b'h', b'i', 0x15, 0, 0, 0x80, 0x3f,
        ];
        assert_eq!(message.0, right);
    }
}
