//! Whether a program printed what a page shows. Times, addresses, ids and speeds differ from run to run; nothing else may.

/// The lines shown that were not printed, in this order.
pub fn is_shown<'a>(shown: &'a [String], printed: &str) -> Vec<&'a str> {
    let printed: Vec<Vec<String>> = printed.lines().map(words).collect();
    let mut next = 0;
    let mut missing = Vec::new();
    for line in shown.iter().filter(|line| !line.trim().is_empty()) {
        let wanted = words(line);
        if wanted == ["..."] {
            continue;
        }
        match printed[next..]
            .iter()
            .position(|said| is_like(&wanted, said))
        {
            Some(at) => next += at + 1,
            None => missing.push(line.as_str()),
        }
    }
    missing
}

/// Whether a line is as shown; `...` stands for what comes to the end of it.
fn is_like(wanted: &[String], said: &[String]) -> bool {
    match wanted.split_last() {
        Some((last, begin)) if last == "..." => said.starts_with(begin),
        _ => wanted == said,
    }
}

/// The words of a line without what differs from run to run.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        let bare = word.trim_matches(|letter: char| ",.;:()[]`\"".contains(letter));
        let is_time = matches!(bare, "ms" | "s" | "µs" | "min");
        match words.last_mut() {
            Some(last) if is_time && last.parse::<f64>().is_ok() => *last = "TIME".to_owned(),
            Some(last) if bare == "nodes" && last.contains('/') => *last = "WHO".to_owned(),
            _ => words.push(constant(word, bare)),
        }
    }
    words
}

fn constant(word: &str, bare: &str) -> String {
    let digits = bare.chars().all(|letter| letter.is_ascii_digit());
    let hexadecimal = bare.chars().all(|letter| letter.is_ascii_hexdigit());
    let port = |(_, port): (&str, &str)| port.parse::<u16>().is_ok();
    match bare {
        "..." | "…" => "...".to_owned(),
        _ if word.trim_matches('…').is_empty() || word == "..." => "...".to_owned(),
        // One in a hundred has no letter.
        _ if hexadecimal && bare.len() == 10 => "RUN".to_owned(),
        _ if digits && bare.len() >= 5 => "LARGE".to_owned(),
        _ if bare.contains("T") && bare.ends_with('Z') && bare.len() == 20 => "NOW".to_owned(),
        _ if bare.starts_with("http://127.0.0.1") => "URL".to_owned(),
        _ if bare.rsplit_once(':').is_some_and(port) => "ADDRESS".to_owned(),
        _ if word.starts_with("report-") => "REPORT".to_owned(),
        _ => word.to_owned(),
    }
}
