//! Numbers as people say them.

/// A number of bytes.
pub(super) fn bytes(count: i64) -> String {
    const STEPS: [(i64, &str); 3] = [(1 << 40, "TB"), (1 << 30, "GB"), (1 << 20, "MB")];
    match STEPS.iter().find(|(size, _)| count >= *size) {
        Some((size, unit)) => format!("{:.1} {unit}", count as f64 / *size as f64),
        None => format!("{count} bytes"),
    }
}

/// Milliseconds.
pub(super) fn span(millis: i64) -> String {
    const STEPS: [(i64, i64, &str); 3] = [
        (7_200_000, 3_600_000, "h"),
        (120_000, 60_000, "min"),
        (1_000, 1_000, "s"),
    ];
    match STEPS.iter().find(|(from, _, _)| millis >= *from) {
        Some((_, size, unit)) => format!("{} {unit}", millis / size),
        None => format!("{millis} ms"),
    }
}

/// Names, of many only the first few.
pub(super) fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const FEW: usize = 5;
    let names: Vec<&str> = names.into_iter().collect();
    match names.len() {
        ..=FEW => names.join(", "),
        many => format!("{} and {} more", names[..FEW].join(", "), many - FEW),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes(5), "5 bytes");
        assert_eq!(bytes(3 << 29), "1.5 GB");
        assert_eq!(span(999), "999 ms");
        assert_eq!(span(119_999), "119 s");
        assert_eq!(span(7_200_000), "2 h");
        assert_eq!(names(["a"; 7]), "a, a, a, a, a and 2 more");
    }
}
