//! The list of nodes, and the addresses in it: what is read, shown and read again is the same.

use roundtable::net::{Address, parse_nodes};

use super::Target;

pub const TARGET: Target = Target {
    name: "nodes",
    run,
    longest: 512,
    // Each line: an address, the same in the map of those seen, and both once more as text.
    memory: |length| 8192 + 64 * length,
    seeds,
    words: &[
        b"127.0.0.1",
        b"[::1]:",
        b"fe80::1%eth0",
        b",5106",
        b":5106\n",
        b"#",
        b"\xef\xbb\xbf",
        b"\r\n",
        b"localhost",
        b"65535",
        b"65536",
        b"\xc2\xa0",
        b"\xe2\x80\xa8",
    ],
};

fn run(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    for line in text.lines().take(8) {
        if let Ok(address) = line.parse::<Address>() {
            assert_eq!(address.to_string().parse(), Ok(address.clone()));
            assert_ne!(address.port, 0);
        }
    }
    match parse_nodes("nodes.txt", &text) {
        Ok(nodes) => {
            let shown: Vec<String> = nodes.iter().map(Address::to_string).collect();
            let again = parse_nodes("nodes.txt", &shown.join("\n"));
            assert_eq!(again, Ok(nodes));
            true
        }
        Err(error) => {
            assert!((1..=text.lines().count()).contains(&error.line), "{error}");
            false
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    [
        "# host,port\n10.0.0.7,5106\nnode-2:5106  # by the window\n\n[::1]:9\n",
        "\u{feff}localhost,80\r\nfe80::1%eth0,7\r\n",
        "Zürich.example:1\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}
