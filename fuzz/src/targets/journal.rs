//! The journal of a run: what is read, written and read again is the same; damaged lines are named and stepped over.

use roundtable::store::{Record, What, encode, read};

use super::Target;

pub const TARGET: Target = Target {
    name: "journal",
    run,
    longest: 2048,
    // Each record of a line of JSON, the line written again, and its record.
    memory: |length| (64 << 10) + 256 * length,
    seeds,
    words: &[
        b"roundtable-journal 1\n",
        b"roundtable-journal 2\n",
        b"\"number\":",
        b"\"accepted\":{",
        b"\"round\":{",
        b"\"notice\":\"",
        b"\"ended\":",
        b"\"cancelled\"",
        b"\"inf\"",
        b"\"NaN\"",
        b"1e999",
        b"\n",
        b"18446744073709551615",
    ],
};

/// The lines get the checksums they should have, if the first byte is even: otherwise hardly any would be read.
fn run(bytes: &[u8]) -> bool {
    let Some((&first, rest)) = bytes.split_first() else {
        return false;
    };
    let journal = if first % 2 == 0 {
        with_checksums(rest)
    } else {
        rest.to_vec()
    };
    let Ok(found) = read(&journal) else {
        return false;
    };
    assert!(found.length <= journal.len());
    let lines = journal.iter().filter(|&&byte| byte == b'\n').count();
    assert!(found.records.len() + found.damage.len() <= lines + 1);
    let numbers: Vec<u64> = found.records.iter().map(|record| record.number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    let written = |records: &[Record]| -> String { records.iter().map(encode).collect() };
    let text = format!("roundtable-journal 1\n{}", written(&found.records));
    let again = read(text.as_bytes()).expect("what is written is read");
    assert!(again.damage.is_empty(), "{:?}", again.damage);
    // As text, because a loss may be no number, which is not equal to itself.
    assert_eq!(written(&again.records), written(&found.records));
    !found.records.is_empty()
}

/// The first line as it is, the others behind their checksums.
fn with_checksums(text: &[u8]) -> Vec<u8> {
    let mut journal = Vec::with_capacity(2 * text.len());
    for (number, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
        if number > 0 {
            let json = line.strip_suffix(b"\n").unwrap_or(line);
            journal.extend(format!("{:08x} ", crc32fast::hash(json)).bytes());
        }
        journal.extend(line);
    }
    journal
}

fn seeds() -> Vec<Vec<u8>> {
    let accepted = r#"{"number":1,"accepted":{"at":1795263310360,"plan":{"model":"auto","data":"builtin:digits","held_out":0.2,"rounds":200,"epochs":5,"batch":10,"learning_rate":0.1,"objective":"cross-entropy","strategy":"fedavg:mean=weighted,rate=1","seed":1,"codec":"raw","largest_update":1024.0}}}"#;
    let digest = "1e4873420face77973cffdc0a90dc09934823b4614838832f9f4b63ff9f950e6";
    let round = format!(
        r#"{{"number":2,"round":{{"round":1,"digest":"{digest}","metrics":{{"rows":360,"correct":298,"loss":1.0213337016541528}},"training_loss":"inf","asked":10,"counted":9,"omitted":[["shard-1","its node died"]],"rows":1437,"micros":5093,"retries":4,"refusals":0}}}}"#
    );
    let notice = encode(&Record {
        number: 3,
        what: What::Notice("waiting".to_owned()),
    });
    let notice = &notice[9..];
    let ended = format!(
        r#"{{"number":4,"ended":{{"succeeded":{{"rounds":1,"micros":7,"digest":"{digest}"}}}}}}"#
    );
    let head = "roundtable-journal 1";
    [
        format!("\0{head}\n{accepted}\n{round}\n{notice}{ended}\n"),
        format!("\0{head}\n{accepted}\n{{\"number\":2,\"ended\":\"cancelled\"}}\n"),
        format!("\x01{head}\n0badcafe {notice}"),
    ]
    .map(String::into_bytes)
    .into()
}
