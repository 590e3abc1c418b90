//! The schema of a Parquet file, looked at before the library reads it.
//!
//! The library takes memory for as many columns as a group announces, and goes down as deep as groups are nested; either
//! can end the process. So the footer is walked through first, as far as the schema goes (Thrift's compact protocol). What
//! is not exactly as the format says is refused, so that library and this reader see the same.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// Groups nested deeper than this, or values nested deeper in what is skipped, are refused.
const DEEPEST: usize = 64;
/// Bytes behind the footer: its length, and the magic of the format.
const TAIL: usize = 8;

/// Types of Thrift's compact protocol.
mod kind {
    pub const STOP: u8 = 0;
    pub const TRUE: u8 = 1;
    pub const FALSE: u8 = 2;
    pub const BYTE: u8 = 3;
    pub const I16: u8 = 4;
    pub const I32: u8 = 5;
    pub const I64: u8 = 6;
    pub const DOUBLE: u8 = 7;
    pub const BINARY: u8 = 8;
    pub const LIST: u8 = 9;
    pub const SET: u8 = 10;
    pub const STRUCT: u8 = 12;
    pub const UUID: u8 = 13;
}

/// Whether the library can read the schema of a file within bounds.
pub(super) fn check(mut file: &File) -> Result<(), String> {
    let failed = |error: std::io::Error| error.to_string();
    let length = file.metadata().map_err(failed)?.len();
    let Some(end) = length.checked_sub(TAIL as u64) else {
        return Err("it is too short for a Parquet file".to_owned());
    };
    let mut tail = [0; TAIL];
    file.seek(SeekFrom::Start(end)).map_err(failed)?;
    file.read_exact(&mut tail).map_err(failed)?;
    let [a, b, c, d, magic @ ..] = tail;
    let footer = u64::from(u32::from_le_bytes([a, b, c, d]));
    let Some(start) = end.checked_sub(footer).filter(|_| magic == *b"PAR1") else {
        return Err("it does not end as a Parquet file does".to_owned());
    };
    // The file is at least as long.
    let mut bytes = vec![0; footer as usize];
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    file.read_exact(&mut bytes).map_err(failed)?;
    let children = Compact { bytes: &bytes }.schema();
    nested(&children.ok_or("its footer is damaged")?)
}

/// Whether groups of so many columns make a tree, given in the order of its elements.
fn nested(children: &[usize]) -> Result<(), String> {
    // Of every group that is open, how many columns are still to come; and of all of them.
    let (mut open, mut to_come) = (Vec::new(), 0_usize);
    for (place, &count) in children.iter().enumerate() {
        while open.last() == Some(&0) {
            open.pop();
        }
        if let Some(left) = open.last_mut() {
            *left -= 1;
            to_come -= 1;
        }
        open.push(count);
        to_come = to_come.saturating_add(count);
        let rest = children.len() - place - 1;
        if to_come > rest {
            return Err("its schema announces more columns than it has".to_owned());
        }
        if open.len() > DEEPEST {
            return Err(format!("its columns are nested more than {DEEPEST} deep"));
        }
    }
    Ok(())
}

/// Bytes of Thrift's compact protocol, from first to last; none where they are not as they should be.
struct Compact<'a> {
    bytes: &'a [u8],
}

impl Compact<'_> {
    /// Of each element of the schema in a footer, how many children it announces.
    fn schema(&mut self) -> Option<Vec<usize>> {
        let mut last = 0;
        loop {
            match self.field(&mut last)? {
                (1, kind::I32) => self.varint()?,
                (2, kind::LIST) => break,
                _ => return None,
            };
        }
        let (element, count) = self.list()?;
        // An element takes a byte at least.
        if element != kind::STRUCT || count > self.bytes.len() {
            return None;
        }
        (0..count).map(|_| self.element()).collect()
    }

    fn element(&mut self) -> Option<usize> {
        let (mut children, mut last) = (0, 0);
        loop {
            match self.field(&mut last)? {
                (_, kind::STOP) => return Some(children),
                (5, kind::I32) => children = usize::try_from(self.integer()?).ok()?,
                (1..=3 | 6..=9, kind::I32) => self.varint().map(drop)?,
                (4, kind::BINARY) => self.skip(kind::BINARY, 1)?,
                (10, kind::STRUCT) => self.logical()?,
                (1..=10, _) => return None,
                (_, other) => self.skip(other, DEEPEST)?,
            }
        }
    }

    /// A union that says what values mean.
    fn logical(&mut self) -> Option<()> {
        let mut last = 0;
        let fields: &[(i16, u8)] = match self.field(&mut last)? {
            (5, kind::STRUCT) => &[(1, kind::I32), (2, kind::I32)],
            (7 | 8, kind::STRUCT) => &[(1, kind::TRUE), (2, kind::STRUCT)],
            (10, kind::STRUCT) => &[(1, kind::BYTE), (2, kind::TRUE)],
            (16, kind::STRUCT) => &[(1, kind::BYTE)],
            (17, kind::STRUCT) => &[(1, kind::BINARY)],
            (18, kind::STRUCT) => &[(1, kind::BINARY), (2, kind::I32)],
            (1..=4 | 6 | 11..=15 | 19, kind::STRUCT) => {
                self.empty()?;
                return self.stop(last);
            }
            (_, kind::STRUCT) => &[],
            _ => return None,
        };
        let mut inner = 0;
        loop {
            match self.field(&mut inner)? {
                (_, kind::STOP) => return self.stop(last),
                (id, found) => match fields.iter().find(|(known, _)| *known == id) {
                    Some((_, kind::TRUE)) if matches!(found, kind::TRUE | kind::FALSE) => {}
                    // The only struct in such a one is the unit of a time: a union of empty structs.
                    Some((_, kind::STRUCT)) if found == kind::STRUCT => {
                        let mut last = 0;
                        let (_, unit) = self.field(&mut last)?;
                        (unit == kind::STRUCT).then_some(())?;
                        self.empty()?;
                        self.stop(last)?;
                    }
                    Some((_, expected)) if found == *expected => self.skip(found, 1)?,
                    Some(_) => return None,
                    None => self.skip(found, DEEPEST)?,
                },
            }
        }
    }

    /// An empty struct.
    fn empty(&mut self) -> Option<()> {
        (self.byte()? == kind::STOP).then_some(())
    }

    /// The end of a struct.
    fn stop(&mut self, mut last: i16) -> Option<()> {
        let (_, found) = self.field(&mut last)?;
        (found == kind::STOP).then_some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A whole number of 32 bits.
    fn integer(&mut self) -> Option<i32> {
        let number = self.varint()?;
        i32::try_from((number >> 1) as i64 ^ -((number & 1) as i64)).ok()
    }

    /// Id and type of the next field of a struct, `last` being the id of the one before.
    fn field(&mut self, last: &mut i16) -> Option<(i16, u8)> {
        let byte = self.byte()?;
        let (step, found) = (byte >> 4, byte & 0xf);
        if found == kind::STOP {
            return Some((0, kind::STOP));
        }
        *last = match step {
            0 => i16::try_from(self.integer()?).ok()?,
            step => last.checked_add(i16::from(step))?,
        };
        Some((*last, found))
    }

    /// Type and number of the elements of a list.
    fn list(&mut self) -> Option<(u8, usize)> {
        let byte = self.byte()?;
        let count = match byte >> 4 {
            15 => usize::try_from(self.varint()?).ok()?,
            few => usize::from(few),
        };
        Some((byte & 0xf, count))
    }

    /// Passes over a value.
    fn skip(&mut self, of: u8, depth: usize) -> Option<()> {
        let deeper = depth.checked_sub(1)?;
        match of {
            kind::TRUE | kind::FALSE => {}
            kind::BYTE => self.byte().map(drop)?,
            kind::I16 | kind::I32 | kind::I64 => self.varint().map(drop)?,
            kind::DOUBLE => self.pass(8)?,
            kind::UUID => self.pass(16)?,
            kind::BINARY => {
                let length = self.varint()?;
                self.pass(length)?;
            }
            kind::STRUCT => {
                let mut last = 0;
                loop {
                    match self.field(&mut last)? {
                        (_, kind::STOP) => break,
                        (_, found) => self.skip(found, deeper)?,
                    }
                }
            }
            kind::LIST | kind::SET => {
                let (element, count) = self.list()?;
                // An element takes a byte at least. Of truth values the library does not think so.
                (element > kind::FALSE && count <= self.bytes.len()).then_some(())?;
                (0..count).try_for_each(|_| self.skip(element, deeper))?;
            }
            // Not in a schema.
            _ => return None,
        }
        Some(())
    }

    fn pass(&mut self, length: u64) -> Option<()> {
        self.bytes = self.bytes.get(usize::try_from(length).ok()?..)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// A file with a footer that starts with a schema of groups of so many columns.
    fn checked(children: &[u8]) -> Result<(), String> {
        let mut footer = vec![0x15, 2, 0x19, 0xfc];
        let mut count = children.len();
        while count >= 0x80 {
            footer.push(count as u8 | 0x80);
            count >>= 7;
        }
        footer.push(count as u8);
        for &count in children {
            // Repetition 1, the name "a", the number of children, stop.
            footer.extend([0x35, 2, 0x18, 1, b'a', 0x15, count, 0]);
        }
        check_footer(&footer)
    }

    fn check_footer(footer: &[u8]) -> Result<(), String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"PAR1").unwrap();
        file.write_all(footer).unwrap();
        file.write_all(&(footer.len() as u32).to_le_bytes())
            .unwrap();
        file.write_all(b"PAR1").unwrap();
        check(&file)
    }

    #[test]
    fn schemas_that_would_end_the_process_are_refused() {
        // Numbers are written in zigzag: 4 is 2.
        assert_eq!(checked(&[4, 0, 0]), Ok(()));
        assert_eq!(checked(&[4, 2, 0, 0]), Ok(()));
        let too_many = Err("its schema announces more columns than it has".to_owned());
        assert_eq!(checked(&[126, 0, 0]), too_many);
        assert_eq!(checked(&[4, 4, 0, 0]), too_many);
        let deep = |groups: usize| checked(&[vec![2; groups], vec![0]].concat());
        assert_eq!(deep(DEEPEST - 1), Ok(()));
        assert!(
            deep(100_000)
                .unwrap_err()
                .contains("nested more than 64 deep")
        );
        let damaged = Err("its footer is damaged".to_owned());
        assert_eq!(checked(&[1]), damaged, "a negative number of columns");
        assert_eq!(check_footer(&[]), damaged);
        assert_eq!(
            check_footer(&[0x29, 0xfc, 0xff, 0xff, 0xff, 0xff, 7]),
            damaged
        );
        assert_eq!(check_footer(&[0x29, 0x1c, 0x55, 0xfe, 0xff]), damaged);
    }
}
