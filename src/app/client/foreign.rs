//! Text from elsewhere, as it may stand on a terminal or in a page: nodes, files and names may hold anything.

/// On one line of a terminal: nothing in it moves the cursor, colours what follows or begins a line.
pub(super) fn plain(text: &str) -> String {
    let plain = text.chars().map(|letter| match letter {
        '\n' | '\r' | '\t' => ' ',
        letter if letter.is_control() => char::REPLACEMENT_CHARACTER,
        letter => letter,
    });
    plain.collect()
}

/// The same for text of several lines.
pub(super) fn plain_lines(text: &str) -> String {
    text.split('\n').map(plain).collect::<Vec<_>>().join("\n")
}

/// In HTML and SVG, between tags or in an attribute.
pub(super) fn escaped(text: &str) -> String {
    let letters = text.chars().filter(|letter| !letter.is_control());
    letters.fold(String::new(), |mut escaped, letter| {
        match letter {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            letter => escaped.push(letter),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing_but_text() {
        assert_eq!(
            plain("lost\u{1b}[2J\r\nerror: \u{9b}1m é"),
            "lost\u{fffd}[2J  error: \u{fffd}1m é"
        );
        assert_eq!(plain_lines("a\u{7}\nb\tc\n"), "a\u{fffd}\nb c\n");
    }

    #[test]
    fn markup_stays_text() {
        assert_eq!(
            escaped("<a href=\"x\" id='y'>&\u{1b}"),
            "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;"
        );
    }
}
