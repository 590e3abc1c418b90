//! What decodes, re-encodes to the same value.

use roundtable::wire::protocol::{BinaryInput, Limits};
use roundtable::wire::value::Value;
use thrift::protocol::TBinaryOutputProtocol;

/// The bytes of a message's part.
pub fn written<T: Value>(value: &T) -> Vec<u8> {
    let mut output = TBinaryOutputProtocol::new(Vec::new(), true);
    value.write(&mut output).expect("memory takes everything");
    output.transport
}

/// Checks that what was read is written, and read again, as the same value. Bytes are compared, because
/// a double may be NaN.
pub fn check<T: Value>(value: &T) {
    let bytes = written(value);
    let mut rest = bytes.as_slice();
    let again = T::read(&mut BinaryInput::new(&mut rest, Limits::default()));
    let again = again.unwrap_or_else(|error| panic!("what was written cannot be read: {error}"));
    assert!(rest.is_empty(), "{} bytes are left", rest.len());
    assert_eq!(
        written(&again),
        bytes,
        "another value was read than written"
    );
}
