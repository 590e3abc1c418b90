//! Doc comments of the IDL as rustdoc.

use super::put;

/// Writes the doc comment, or `otherwise` where the IDL has none.
pub fn put_doc(out: &mut String, indent: usize, lines: &[String], otherwise: &str) {
    let margin = " ".repeat(indent);
    if lines.is_empty() {
        put!(out, "{margin}/// {otherwise}");
    }
    for line in lines {
        put!(
            out,
            "{}",
            format!("{margin}/// {}", escape(line)).trim_end()
        );
    }
}

/// Keeps rustdoc from reading links and tags into prose; code between backticks stays as it is.
fn escape(line: &str) -> String {
    let mut escaped = String::new();
    let mut code = false;
    for character in line.chars() {
        code ^= character == '`';
        if !code && "[]<>".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
