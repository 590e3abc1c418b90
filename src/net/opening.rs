//! The first bytes of a message: buffered, framed, or not ours, and then what it looks like.

/// The first byte of every strict binary message, buffered or inside a frame.
pub(super) const STRICT: u8 = 0x80;

/// How a client wraps its messages; replies go back in the same wrapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrapping {
    /// The message as it is.
    Buffered,
    /// The message after its length in four bytes.
    Framed,
}

impl Wrapping {
    /// Told by the first byte: a strict message starts with its version, a frame with the highest
    /// byte of a length, which is small because lengths above `limit` are refused.
    pub(super) fn of(first: u8, limit: usize) -> Option<Wrapping> {
        match first {
            STRICT => Some(Wrapping::Buffered),
            _ if (u64::from(first) << 24) <= limit as u64 => Some(Wrapping::Framed),
            _ => None,
        }
    }
}

/// Names what a peer speaks instead of strict binary Thrift, from its first bytes.
pub(super) fn looks_like(bytes: &[u8]) -> String {
    let known: [(&[u8], &str); 12] = [
        (b"GET ", "an HTTP request"),
        (b"POST ", "an HTTP request"),
        (b"PUT ", "an HTTP request"),
        (b"HEAD ", "an HTTP request"),
        (b"OPTIONS ", "an HTTP request"),
        (b"CONNECT ", "an HTTP request"),
        (b"PRI * HTTP/2", "HTTP/2, as gRPC speaks it"),
        (b"SSH-", "SSH"),
        (b"[1,", "the Thrift JSON protocol"),
        (&[0x16, 0x03], "a TLS handshake"),
        (&[0x82], "the Thrift compact protocol"),
        (
            &[0x00],
            "the Thrift binary protocol without its strict version mark",
        ),
    ];
    match known.iter().find(|(prefix, _)| bytes.starts_with(prefix)) {
        Some((_, name)) => (*name).to_string(),
        None => format!(
            "no protocol known here, starting {:02x?}",
            &bytes[..bytes.len().min(4)]
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_tells_the_wrapping() {
        let limit = 64 << 20;
        assert_eq!(Wrapping::of(0x80, limit), Some(Wrapping::Buffered));
        assert_eq!(Wrapping::of(0x00, limit), Some(Wrapping::Framed));
        assert_eq!(Wrapping::of(0x04, limit), Some(Wrapping::Framed));
        assert_eq!(Wrapping::of(0x05, limit), None);
        assert_eq!(Wrapping::of(b'G', limit), None);
    }

    #[test]
    fn strangers_are_named() {
        assert_eq!(looks_like(b"GET / HTTP/1.1\r\n"), "an HTTP request");
        assert_eq!(looks_like(&[0x16, 0x03, 0x01]), "a TLS handshake");
        assert_eq!(looks_like(&[0x82, 0x21]), "the Thrift compact protocol");
        assert!(looks_like(b"xyzzy").ends_with("[78, 79, 7a, 7a]"));
        assert!(looks_like(b"").contains("no protocol"));
    }
}
