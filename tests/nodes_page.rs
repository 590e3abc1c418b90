//! What docs/nodes-in-any-language.md shows is what the code writes: bytes, fault codes, abilities.

use std::collections::BTreeSet;
use std::io;

use roundtable::ml::model::MODELS;
use roundtable::wire::convert;
use roundtable::wire::rpc::Channel;
use roundtable::wire::stubs::compute_node::HeartbeatRequest;
use roundtable::wire::stubs::types::{Fault, FaultCode};
use roundtable::wire::value::Value;
use thrift::protocol::{TBinaryInputProtocol, TBinaryOutputProtocol};

const PAGE: &str = include_str!("../docs/nodes-in-any-language.md");

/// The lines of a fenced block: bytes and what is said of them.
fn block(name: &str) -> Vec<(&'static str, &'static str)> {
    let start = PAGE.split_once(&format!("```{name}\n")).expect("a block").1;
    let text = start.split_once("```").expect("its end").0;
    text.lines()
        .map(|line| line.split_once("   ").expect("bytes and what they are"))
        .map(|(bytes, what)| (bytes.trim(), what.trim()))
        .collect()
}

/// All bytes of a block; `...` stands for others.
fn bytes(name: &str, others: &[u8]) -> Vec<u8> {
    let byte = |two: &str| u8::from_str_radix(two, 16).expect("hexadecimal");
    let line = |(text, _): (&str, &str)| match text {
        "..." => others.to_vec(),
        text => text.split(' ').map(byte).collect(),
    };
    block(name).into_iter().flat_map(line).collect()
}

/// The values that the page gives to the tensors.
fn values() -> Vec<u8> {
    let value = |(_, what): (&str, &str)| {
        let (_, number) = what.split_once(" = ").expect("a value");
        number.parse::<f32>().expect("a number").to_le_bytes()
    };
    block("tensors").into_iter().flat_map(value).collect()
}

#[test]
fn tensors_lie_as_the_page_shows() {
    assert_eq!(bytes("tensors", &[]), values());
    let layout = MODELS
        .build("softmax:2-3")
        .expect("a model")
        .layout()
        .clone();
    let names: Vec<String> = (0..layout.elements())
        .map(|element| {
            let (name, at) = layout.place(element);
            match name.ends_with("weight") {
                true => format!("{name}[{}][{}]", at / 3, at % 3),
                false => format!("{name}[{at}]"),
            }
        })
        .collect();
    let shown: Vec<&str> = block("tensors").iter().map(|(_, what)| *what).collect();
    assert_eq!(names.len(), shown.len());
    for (name, shown) in names.iter().zip(shown) {
        assert!(
            shown.starts_with(&format!("{name} = ")),
            "{shown} is {name}"
        );
    }
}

#[test]
fn a_payload_is_written_as_the_page_shows() {
    let payload = convert::inline(convert::RAW, &values().into());
    let mut written = Vec::new();
    let mut output = TBinaryOutputProtocol::new(&mut written, true);
    payload.write(&mut output).expect("it is written");
    assert_eq!(bytes("payload", &values()), written, "{written:02x?}");
}

#[test]
fn a_call_is_written_as_the_page_shows() {
    let mut written = Vec::new();
    let output = TBinaryOutputProtocol::new(&mut written, true);
    let nothing = TBinaryInputProtocol::new(io::empty(), true);
    let mut channel = Channel::new(nothing, output);
    let sent = channel.send::<_, Fault>("heartbeat", 1, &HeartbeatRequest {});
    sent.expect("it is written");
    drop(channel);
    assert_eq!(bytes("message", &[]), written);
}

#[test]
fn every_fault_code_in_the_table_exists() {
    let table = PAGE.split_once("| code | when").expect("the table").1;
    let table = table.split_once("\n\n").expect("its end").0;
    let named: BTreeSet<&str> = table
        .lines()
        .skip(2)
        .flat_map(|row| row.split('|').nth(1).expect("a code").split(','))
        .map(|code| code.trim().trim_matches('`'))
        .collect();
    let known: BTreeSet<&str> = (1..=13).filter_map(|code| FaultCode(code).name()).collect();
    assert!(named.len() > 8, "{named:?}");
    assert!(named.is_subset(&known), "{named:?}");
}
