//! Metrics, as the JSON in which the journal keeps them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ml::metrics::{Area, Confusion, Detail, Metrics, Ranking, Regression, Spread};

#[derive(Serialize, Deserialize)]
pub(super) struct MetricsJson {
    rows: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    correct: Option<u64>,
    #[serde(with = "float")]
    loss: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confusion: Option<Vec<u64>>,
    /// Value and error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auc: Option<(f64, f64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    regression: Option<RegressionJson>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spread: Option<SpreadJson>,
}

#[derive(Serialize, Deserialize)]
struct RegressionJson {
    #[serde(with = "float")]
    mse: f64,
    #[serde(with = "float")]
    mae: f64,
    #[serde(with = "float")]
    mean: f64,
    #[serde(with = "float")]
    variance: f64,
}

#[derive(Serialize, Deserialize)]
struct SpreadJson {
    participants: u32,
    mean: f64,
    deviation: f64,
    worst_tenth: f64,
}

impl MetricsJson {
    pub(super) fn of(metrics: &Metrics) -> MetricsJson {
        MetricsJson {
            rows: metrics.rows,
            correct: metrics.correct,
            loss: metrics.loss,
            confusion: metrics.confusion().map(|all| all.counts().to_vec()),
            auc: metrics.area().map(|area| (area.value, area.error)),
            regression: metrics.regression().map(|found| RegressionJson {
                mse: found.mse,
                mae: found.mae,
                mean: found.mean,
                variance: found.variance,
            }),
            spread: metrics.spread().map(|spread| SpreadJson {
                participants: spread.participants,
                mean: spread.mean,
                deviation: spread.deviation,
                worst_tenth: spread.worst_tenth,
            }),
        }
    }

    pub(super) fn read(&self) -> Metrics {
        Metrics {
            rows: self.rows,
            correct: self.correct,
            loss: self.loss,
            detail: self.detail(),
        }
    }

    fn detail(&self) -> Option<Arc<Detail>> {
        let area = self.auc.map(|(value, error)| Area { value, error });
        let detail = Detail {
            confusion: self.confusion.clone().and_then(Confusion::from_counts),
            ranking: area.map(Ranking::Area),
            regression: self.regression.as_ref().map(|found| Regression {
                mse: found.mse,
                mae: found.mae,
                mean: found.mean,
                variance: found.variance,
            }),
            spread: self.spread.as_ref().map(|spread| Spread {
                participants: spread.participants,
                mean: spread.mean,
                deviation: spread.deviation,
                worst_tenth: spread.worst_tenth,
            }),
        };
        detail.shared()
    }
}

/// Numbers that JSON does not know are kept as text: a loss may be infinite.
pub(super) mod float {
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Read {
        Number(f64),
        Text(String),
    }

    #[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
    pub fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() {
            to.serialize_f64(*value)
        } else {
            to.serialize_str(&value.to_string())
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        match Read::deserialize(from)? {
            Read::Number(value) => Ok(value),
            Read::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_comes_back() {
        let detail = Detail {
            confusion: Confusion::from_counts(vec![3, 1, 0, 4]),
            ranking: Some(Ranking::Area(Area {
                value: 0.875,
                error: 0.001,
            })),
            spread: Spread::over(vec![0.5, 1.0]),
            ..Detail::default()
        };
        let metrics = Metrics {
            rows: 8,
            correct: Some(7),
            loss: f64::INFINITY,
            detail: detail.shared(),
        };
        let line = serde_json::to_string(&MetricsJson::of(&metrics)).unwrap();
        let read: MetricsJson = serde_json::from_str(&line).unwrap();
        assert_eq!(read.read(), metrics);
    }

    #[test]
    fn errors_of_real_values_come_back() {
        let detail = Detail {
            regression: Some(Regression::new(f64::INFINITY, 0.1, &[0.5, 0.25])),
            ..Detail::default()
        };
        let metrics = Metrics {
            rows: 2,
            correct: None,
            loss: 1.0 / 3.0,
            detail: detail.shared(),
        };
        let line = serde_json::to_string(&MetricsJson::of(&metrics)).unwrap();
        let read: MetricsJson = serde_json::from_str(&line).unwrap();
        assert_eq!(read.read(), metrics);
        assert!(!line.contains("correct"), "{line}");
    }

    #[test]
    fn journals_from_before_there_was_more_are_read() {
        let line = r#"{"rows":8,"correct":7,"loss":0.5}"#;
        let read: MetricsJson = serde_json::from_str(line).unwrap();
        let metrics = read.read();
        assert_eq!(
            (metrics.correct, metrics.detail.as_deref()),
            (Some(7), None)
        );
        assert_eq!(
            serde_json::to_string(&MetricsJson::of(&metrics)).unwrap(),
            line
        );
    }
}
