//! Requests of browsers: any bytes are a request or are refused with a status, and what is read is bounded.

use roundtable::net::http::{LONGEST_BODY, LONGEST_HEAD, Method, ReadError, Request};

use super::Target;

pub const TARGET: Target = Target {
    name: "http",
    run,
    longest: 24 << 10,
    // The bytes, grown by doubling, their parts as text, and 64 headers.
    memory: |length| (16 << 10) + 8 * length.min(LONGEST_HEAD + LONGEST_BODY + (4 << 10)),
    seeds,
    words: &[
        b"GET ",
        b"HEAD ",
        b"POST ",
        b" HTTP/1.1\r\n",
        b" HTTP/1.0\r\n",
        b"Host: localhost\r\n",
        b"Content-Length: ",
        b"4096",
        b"4097",
        b"Transfer-Encoding: chunked\r\n",
        b"Authorization: Bearer ",
        b"Origin: http://localhost\r\n",
        b"Last-Event-ID: ",
        b"\r\n\r\n",
        b"\n\n",
        b"http://host/",
        b"?runs=a,b&after=a:1:2",
        b"%2C",
        b"&token=",
    ],
};

fn run(mut bytes: &[u8]) -> bool {
    let all = bytes.len();
    match Request::read(&mut bytes) {
        Ok(request) => {
            assert!(request.path.starts_with('/') && request.body.len() <= LONGEST_BODY);
            assert!(request.path.len() + request.query.len() <= LONGEST_HEAD);
            assert!(request.body.is_empty() || request.header("content-length").is_some());
            let _ = request.asked("token");
            matches!(request.method, Method::Get | Method::Head | Method::Post)
        }
        Err(ReadError::Refused(refusal)) => {
            assert!((400..600).contains(&refusal.status) && !refusal.reason.is_empty());
            false
        }
        Err(ReadError::Nothing) => {
            assert_eq!(all, 0);
            false
        }
        Err(ReadError::Io(_)) => false,
    }
}

fn seeds() -> Vec<Vec<u8>> {
    [
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:8105\r\nAccept: */*\r\n\r\n",
        "GET /events?runs=a%2Cb&after=a:1:2&token=t HTTP/1.1\r\nHost: [::1]:1\r\nLast-Event-ID: a:7:9\r\n\r\n",
        "HEAD /metrics HTTP/1.0\n\n",
        "POST /runs/a/cancel HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nAuthorization: Bearer t\r\n\r\nabc",
        "GET http://h/a?b=c HTTP/1.1\r\nHost: h\r\n\r\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}
