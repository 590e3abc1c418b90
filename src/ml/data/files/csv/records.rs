//! Records of comma-separated text, as the `csv` library reads them.

use csv::{ByteRecord, ReaderBuilder, Trim};

use crate::ml::data::DataError;

/// The records of a text, as the library reads them.
pub(super) struct Records<'a> {
    path: &'a str,
    reader: csv::Reader<&'a [u8]>,
}

impl<'a> Records<'a> {
    /// Those of a text. `path` is for errors.
    pub fn of(path: &'a str, text: &'a [u8]) -> Self {
        let mut how = ReaderBuilder::new();
        how.has_headers(false).flexible(true).trim(Trim::All);
        Records {
            path,
            reader: how.from_reader(text),
        }
    }

    /// The next record, if there is one.
    pub fn next(&mut self) -> Result<Option<ByteRecord>, DataError> {
        let mut record = ByteRecord::new();
        Ok(self.read(&mut record)?.then_some(record))
    }

    /// The same in the place of an earlier one, whose memory it takes; whether there is one.
    pub fn read(&mut self, record: &mut ByteRecord) -> Result<bool, DataError> {
        let more = self.reader.read_byte_record(record);
        more.map_err(|error| DataError::file(self.path, error))
    }
}

/// Where the record before this one ended.
pub(super) fn position(record: &ByteRecord) -> usize {
    record
        .position()
        .map_or(0, |position| position.byte() as usize)
}
