//! A run's rounds as comma-separated values.

use crate::wire::stubs::coordinator::RoundReport;
use crate::wire::stubs::types::Regression;

/// A line for each round below a heading; what is not known is empty.
pub(super) fn csv(rounds: &[RoundReport]) -> String {
    let mut text = Vec::new();
    let mut writer = csv::Writer::from_writer(&mut text);
    // Memory takes all that is written.
    let _ = writer.write_record(COLUMNS.map(|(name, _)| name));
    for round in rounds {
        let _ = writer.write_record(COLUMNS.map(|(_, value)| value(round).unwrap_or_default()));
    }
    drop(writer);
    String::from_utf8(text).unwrap_or_default()
}

type Column = (&'static str, fn(&RoundReport) -> Option<String>);

const COLUMNS: [Column; 16] = [
    ("round", |round| Some(round.round.to_string())),
    ("accuracy", |round| {
        Some(round.metrics.as_ref()?.accuracy?.to_string())
    }),
    ("loss", |round| {
        Some(round.metrics.as_ref()?.loss.to_string())
    }),
    ("training_loss", |round| {
        Some(round.training_loss?.to_string())
    }),
    ("rmse", |round| Some(errors(round)?.mse.sqrt().to_string())),
    ("mae", |round| Some(errors(round)?.mae.to_string())),
    ("r2", |round| Some(errors(round)?.r2?.to_string())),
    ("rows", |round| Some(round.rows?.to_string())),
    ("seconds", |round| Some(round.seconds?.to_string())),
    ("asked", |round| Some(round.asked?.to_string())),
    ("counted", |round| Some(round.counted?.to_string())),
    ("retries", |round| Some(round.retries?.to_string())),
    ("refusals", |round| Some(round.refusals?.to_string())),
    ("audited", |round| {
        Some(round.audited.unwrap_or(0).to_string())
    }),
    ("omitted", |round| {
        let omitted = round.omitted.iter().flatten();
        let names: Vec<&str> = omitted.map(|omission| omission.shard.as_str()).collect();
        Some(names.join(";"))
    }),
    ("digest", |round| {
        Some(hex::encode(round.digest.as_deref()?))
    }),
];

/// Of real values, how large the errors are.
fn errors(round: &RoundReport) -> Option<&Regression> {
    round.metrics.as_ref()?.regression.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::stubs::coordinator::Omission;

    #[test]
    fn every_round_is_a_line_and_names_are_quoted() {
        let round = RoundReport {
            round: 3,
            training_loss: Some(0.5),
            omitted: Some(vec![Omission {
                shard: "ward 7, \"east\"".to_owned(),
                reason: "gone".to_owned(),
            }]),
            digest: Some(vec![0xab, 1].into()),
            ..RoundReport::default()
        };
        let text = csv(&[round]);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("round,accuracy,loss,training_loss,rmse,mae,r2,"));
        assert_eq!(lines[1], "3,,,0.5,,,,,,,,,,0,\"ward 7, \"\"east\"\"\",ab01");
    }
}
