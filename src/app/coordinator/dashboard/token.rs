//! Who may look, and who may act.
//!
//! Acting takes the token, always, in a header that no foreign page can send. Looking takes it where other machines
//! can reach the port. A page of somebody else may have its name point to this machine (DNS rebinding); such requests
//! carry that name as their host, so on loopback only `localhost` and numbers are answered.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::app::StartError;
use crate::net::http::{Request, Response};

/// Bytes of chance in a token.
const CHANCE: usize = 16;

/// A secret in letters that need no escapes in an address.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// One that nobody can guess.
    pub(super) fn draw() -> Result<Token, StartError> {
        let mut chance = [0; CHANCE];
        getrandom::fill(&mut chance).map_err(|error| {
            let what = "cannot draw a token for the dashboard";
            StartError(format!(
                "{what}: {error}; choose one with --dashboard-token"
            ))
        })?;
        Ok(Token(
            chance.iter().map(|byte| format!("{byte:02x}")).collect(),
        ))
    }

    /// Whether this text is the token, in a time that does not depend on it.
    fn is(&self, text: &str) -> bool {
        let (own, other) = (Sha256::digest(&self.0), Sha256::digest(text));
        let differ = own.iter().zip(other.iter());
        differ.fold(0, |differ, (own, other)| differ | (own ^ other)) == 0
    }
}

impl FromStr for Token {
    type Err = String;

    fn from_str(text: &str) -> Result<Token, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        if (8..=128).contains(&text.len()) && text.chars().all(plain) {
            return Ok(Token(text.to_owned()));
        }
        Err("a token has 8 to 128 letters, digits or -._~".to_owned())
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// The page, in which there is nothing of the runs.
    Page,
    /// To see runs and nodes.
    Look,
    /// To cancel or resume.
    Act,
}

/// Decides who may do what.
pub(super) struct Guard {
    token: Token,
    loopback: bool,
}

impl Guard {
    /// For a port at this address.
    pub(super) fn new(token: Token, address: IpAddr) -> Guard {
        Guard {
            token,
            loopback: address.to_canonical().is_loopback(),
        }
    }

    /// Refuses what is not allowed, with what would have been.
    pub(super) fn check(&self, request: &Request, wish: Wish) -> Result<(), Response> {
        let host = request.header("host").unwrap_or_default();
        if self.loopback && !is_local_name(host) {
            let hint = "this dashboard answers on localhost and numeric addresses only";
            return Err(Response::text(421, hint));
        }
        if wish == Wish::Act && !is_same_origin(request.header("origin"), host) {
            return Err(Response::text(
                403,
                "requests of other pages are not followed",
            ));
        }
        let needed = wish == Wish::Act || (wish == Wish::Look && !self.loopback);
        let bearer = request.header("authorization");
        let bearer = bearer
            .and_then(|value| value.strip_prefix("Bearer "))
            .map(str::to_owned);
        // In an address a token is good for looking only: links are followed from anywhere.
        let asked = request.asked("token").filter(|_| wish == Wish::Look);
        if !needed || bearer.or(asked).is_some_and(|given| self.token.is(&given)) {
            return Ok(());
        }
        let hint = "the token is missing or wrong: open the address that was printed at start";
        Err(Response::text(401, hint).with("WWW-Authenticate", "Bearer"))
    }
}

/// Whether a `Host` is no name that somebody else could have pointed here.
fn is_local_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let number = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    name.eq_ignore_ascii_case("localhost") || number.unwrap_or(name).parse::<IpAddr>().is_ok()
}

/// Browsers say from where a request is made; programs do not.
fn is_same_origin(origin: Option<&str>, host: &str) -> bool {
    let Some(origin) = origin else {
        return true;
    };
    let known = ["http://", "https://"];
    let rest = known.iter().find_map(|scheme| origin.strip_prefix(scheme));
    rest.is_some_and(|rest| rest.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(head: &str) -> Request {
        let text = format!("GET /events{head}\r\n\r\n");
        Request::read(&mut text.as_bytes()).unwrap()
    }

    fn status(address: &str, wish: Wish, head: &str) -> u16 {
        let token = "secret-token".parse().unwrap();
        let guard = Guard::new(token, address.parse().unwrap());
        guard
            .check(&request(head), wish)
            .map_or_else(|refused| refused.status, |()| 200)
    }

    #[test]
    fn names_that_others_may_own_are_not_answered_on_loopback() {
        for (host, allowed) in [
            ("localhost:8105", true),
            ("127.0.0.1:8105", true),
            ("[::1]:8105", true),
            ("evil.example:8105", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("", false),
        ] {
            let head = format!(" HTTP/1.1\r\nHost: {host}");
            let expected = if allowed { 200 } else { 421 };
            assert_eq!(status("127.0.0.1", Wish::Look, &head), expected, "{host}");
        }
    }

    #[test]
    fn acting_takes_the_token_and_ones_own_page() {
        let host = "Host: 127.0.0.1:1";
        let token = "Authorization: Bearer secret-token";
        for (head, expected) in [
            (format!(" HTTP/1.1\r\n{host}\r\n{token}"), 200),
            (
                format!(" HTTP/1.1\r\n{host}\r\n{token}\r\nOrigin: http://127.0.0.1:1"),
                200,
            ),
            (
                format!(" HTTP/1.1\r\n{host}\r\n{token}\r\nOrigin: http://evil.example"),
                403,
            ),
            (
                format!(" HTTP/1.1\r\n{host}\r\n{token}\r\nOrigin: null"),
                403,
            ),
            (format!(" HTTP/1.1\r\n{host}"), 401),
            (format!(" HTTP/1.1\r\n{host}\r\n{token}x"), 401),
            (format!("?token=secret-token HTTP/1.1\r\n{host}"), 401),
        ] {
            assert_eq!(status("127.0.0.1", Wish::Act, &head), expected, "{head}");
        }
    }

    #[test]
    fn looking_takes_the_token_where_others_can_reach_the_port() {
        let head = " HTTP/1.1\r\nHost: node.example:1";
        assert_eq!(status("0.0.0.0", Wish::Page, head), 200);
        assert_eq!(status("0.0.0.0", Wish::Look, head), 401);
        let asked = "?token=secret-token HTTP/1.1\r\nHost: node.example:1";
        assert_eq!(status("0.0.0.0", Wish::Look, asked), 200);
    }

    #[test]
    fn tokens_are_drawn_and_read() {
        let drawn = Token::draw().unwrap();
        assert_ne!(drawn, Token::draw().unwrap());
        assert_eq!(drawn.to_string().parse(), Ok(drawn.clone()));
        assert!(!format!("{drawn:?}").contains(&drawn.to_string()));
        for wrong in ["short", "with space", "a&b=cdefgh"] {
            assert!(wrong.parse::<Token>().is_err(), "{wrong}");
        }
    }
}
