//! Addresses as people write them: `host:port`, `host,port`, `[v6]:port`.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// A host, by name or number, and a port. Names are not resolved here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// A host name or an IP address, without brackets.
    pub host: String,
    /// Never 0: an address is something to connect to.
    pub port: u16,
}

/// Why a text is no address; displays as the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError(String);

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for AddressError {}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        let text = text.trim();
        let (host, port) = split(text)?;
        let (host, port) = (host.trim(), port.trim());
        check_host(host, text)?;
        Ok(Address {
            host: host.to_string(),
            port: parse_port(port, text)?,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Address {
        Address {
            host: address.ip().to_string(),
            port: address.port(),
        }
    }
}

/// Splits at the comma, after the bracket, or at the only colon.
fn split(text: &str) -> Result<(&str, &str), AddressError> {
    if let Some((host, port)) = text.split_once(',') {
        let host = host.trim();
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        return Ok((bare.unwrap_or(host), port));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let parts = rest.split_once("]:");
        return parts
            .ok_or_else(|| fault(format!("`{text}` lacks the port: write [address]:port")));
    }
    match text.split_once(':') {
        None => Err(fault(format!("`{text}` lacks the port: write host:port"))),
        Some((_, port)) if port.contains(':') => Err(fault(format!(
            "`{text}` is ambiguous: write [address]:port"
        ))),
        Some(parts) => Ok(parts),
    }
}

fn check_host(host: &str, text: &str) -> Result<(), AddressError> {
    if host.is_empty() {
        return Err(fault(format!("`{text}` lacks the host")));
    }
    let is_number = host.parse::<IpAddr>().is_ok() || is_scoped(host);
    let is_name = is_plain(host);
    let only_digits = host.chars().all(|c| c.is_ascii_digit() || c == '.');
    if is_number || (is_name && !only_digits) {
        return Ok(());
    }
    Err(fault(format!(
        "`{host}` is neither a host name nor an IP address"
    )))
}

/// An IPv6 address with the interface it is valid on, such as `fe80::1%eth0`.
fn is_scoped(host: &str) -> bool {
    host.split_once('%').is_some_and(|(address, interface)| {
        address.parse::<Ipv6Addr>().is_ok() && !interface.is_empty() && is_plain(interface)
    })
}

/// Whether a name holds nothing that would end it, or mean something else, where addresses are written.
fn is_plain(name: &str) -> bool {
    name.chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn parse_port(port: &str, text: &str) -> Result<u16, AddressError> {
    if port.is_empty() {
        return Err(fault(format!("`{text}` lacks the port")));
    }
    match port.parse() {
        Ok(0) | Err(_) => Err(fault(format!(
            "`{port}` is no port: it is a number from 1 to 65535"
        ))),
        Ok(port) => Ok(port),
    }
}

fn fault(reason: String) -> AddressError {
    AddressError(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        text.parse::<Address>()
            .map_or_else(|error| error.to_string(), |address| address.to_string())
    }

    #[test]
    fn every_way_to_write_an_address() {
        for (text, address) in [
            ("10.0.0.7,5106", "10.0.0.7:5106"),
            (" node-1.example , 5106 ", "node-1.example:5106"),
            ("localhost:80", "localhost:80"),
            ("[::1]:5106", "[::1]:5106"),
            ("::1,5106", "[::1]:5106"),
            ("[fe80::1%eth0]:1", "[fe80::1%eth0]:1"),
        ] {
            assert_eq!(parsed(text), address);
            assert_eq!(parsed(&parsed(text)), address, "its display is read back");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, reason) in [
            ("", "`` lacks the port: write host:port"),
            ("host", "`host` lacks the port: write host:port"),
            (":80", "`:80` lacks the host"),
            ("host:", "`host:` lacks the port"),
            ("host:0", "`0` is no port: it is a number from 1 to 65535"),
            (
                "host:65536",
                "`65536` is no port: it is a number from 1 to 65535",
            ),
            (
                "host:http",
                "`http` is no port: it is a number from 1 to 65535",
            ),
            ("::1:80", "`::1:80` is ambiguous: write [address]:port"),
            ("[::1]", "`[::1]` lacks the port: write [address]:port"),
            (
                "10.0.0,80",
                "`10.0.0` is neither a host name nor an IP address",
            ),
            (
                "fe80::1%,80",
                "`fe80::1%` is neither a host name nor an IP address",
            ),
            (
                "fe80::1%a]:7,80",
                "`fe80::1%a]:7` is neither a host name nor an IP address",
            ),
            ("a b,80", "`a b` is neither a host name nor an IP address"),
        ] {
            assert_eq!(parsed(text), reason);
        }
    }
}
