//! Comma-separated rows: the short way for plain text and the long one for quoted text read the same.

use super::Target;
use super::folder::{Packing, open, packed};

pub const TARGET: Target = Target {
    name: "csv",
    run,
    longest: 1024,
    memory: Packing::memory,
    seeds,
    words: &[
        b",",
        b"\n",
        b"\r\n",
        b"\r",
        b"\"",
        b"\"\"",
        b"\xef\xbb\xbf",
        b"-",
        b".",
        b"1e",
        b"e-",
        b"0.1",
        b" ",
        b"\t",
        b"\x0b",
        b"\xc2\xa0",
        b"class",
        b"nan",
        b"1,2,3\n",
        b"16777217",
        b"8388608.5",
        b"0000000000000000000",
        b"65535",
        b"65536",
    ],
};

const OPTIONS: [&str; 8] = [
    "",
    ",header=yes",
    ",header=no,label=1",
    ",label=class",
    ",label=2,scale=255",
    ",standardise=yes",
    ",header=no,target=1,standardise=yes",
    ",label=1,scale=1e-30",
];

/// The first byte says how to read the rest; whether in quotes once more, too.
fn run(bytes: &[u8]) -> bool {
    let Some((&how, text)) = bytes.split_first() else {
        return false;
    };
    let options = OPTIONS[usize::from(how) % OPTIONS.len()];
    let packing = Packing::of((how & 0x7f) / 8);
    let read = open(&[("rows.csv", text)], packing, options);
    if how & 0x80 != 0 && packing != Packing::Foreign && !text.contains(&b'"') {
        let again = open(&[("rows.csv", &quoted(text))], Packing::Plain, options);
        match (&read, &again) {
            (Ok(read), Ok(again)) => assert_eq!(read, again),
            (Err(_), Err(_)) => {}
            _ => panic!("as it is {read:?}, in quotes {again:?}"),
        }
    }
    read.is_ok()
}

/// The same text with every field in quotes.
fn quoted(text: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::new();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    for line in text
        .split(|byte| matches!(byte, b'\r' | b'\n'))
        .filter(|line| !line.is_empty())
    {
        for (number, field) in line.split(|byte| *byte == b',').enumerate() {
            if number > 0 {
                quoted.push(b',');
            }
            quoted.push(b'"');
            quoted.extend_from_slice(field);
            quoted.push(b'"');
        }
        quoted.push(b'\n');
    }
    quoted
}

fn seeds() -> Vec<Vec<u8>> {
    let seed = |how: u8, text: &str| [&[how], text.as_bytes()].concat();
    vec![
        seed(0x80, "5.1,3.5,0\n4.9,-3e-2,1\n"),
        seed(1, "\u{feff}a,b,class\r\n 1 , 2.25 ,0\r\n\r\n3,4,1\r\n"),
        seed(3, "class,a\n0,1\n1,2\n"),
        seed(0x82, "0,255,128\n3,0,1"),
        seed(5, "\"a\",\"b\"\n\"1\",\"2\"\n3,0\n"),
        seed(8, "1,2,3\n4,5,6\n"),
        [&[16][..], &packed(b"1,2,3\n4,5,6\n")].concat(),
    ]
}
