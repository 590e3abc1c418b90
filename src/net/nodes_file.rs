//! The list of nodes as a text file: one address a line, blank lines, `#` comments.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use super::address::Address;

/// The first line of a nodes file that cannot be used; displays as `file:line: reason`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodesFileError {
    /// The file, as the caller named it.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with the line.
    pub reason: String,
}

impl fmt::Display for NodesFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.reason)
    }
}

impl Error for NodesFileError {}

/// Reads the addresses in `text`, in their order. An address given twice is an error: two entries
/// for one node would count its slots twice. `file` only names the text in errors.
pub fn parse_nodes(file: &str, text: &str) -> Result<Vec<Address>, NodesFileError> {
    let mut nodes = Vec::new();
    let mut first_seen: BTreeMap<Address, usize> = BTreeMap::new();
    for (line, content) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let fault = |reason| NodesFileError {
            file: file.to_string(),
            line,
            reason,
        };
        let content = content.split('#').next().unwrap_or_default().trim();
        if content.is_empty() {
            continue;
        }
        let address: Address = content.parse().map_err(|error| fault(format!("{error}")))?;
        if let Some(first) = first_seen.insert(address.clone(), line) {
            return Err(fault(format!("{address} is on line {first} already")));
        }
        nodes.push(address);
    }
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_comments_and_blank_lines() {
        let text =
            "\u{feff}# the lab\n10.0.0.7,5106\r\n\n  node-2:5106  # by the window\n[::1]:9\n";
        let nodes = parse_nodes("nodes.txt", text).unwrap();
        let shown: Vec<String> = nodes.iter().map(Address::to_string).collect();
        assert_eq!(shown, ["10.0.0.7:5106", "node-2:5106", "[::1]:9"]);
        assert_eq!(parse_nodes("nodes.txt", ""), Ok(Vec::new()));
    }

    #[test]
    fn the_faulty_line_is_named() {
        let error = parse_nodes("nodes.txt", "# none\na:1\nb:x\n").unwrap_err();
        let said = "nodes.txt:3: `x` is no port: it is a number from 1 to 65535";
        assert_eq!(error.to_string(), said);
    }

    #[test]
    fn an_address_given_twice_names_both_lines() {
        let error = parse_nodes("nodes.txt", "a:1\n\na,1\n").unwrap_err();
        assert_eq!(error.to_string(), "nodes.txt:3: a:1 is on line 1 already");
    }
}
