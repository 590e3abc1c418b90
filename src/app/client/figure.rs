//! The one number that says how well a run does: the accuracy, or the root of the mean squared error of real values.

use crate::wire::stubs::types::Metrics;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Figure {
    /// Share of rows classified correctly.
    Accuracy(f64),
    /// Root of the mean squared error.
    Rmse(f64),
    /// Mean loss, where nothing else was told.
    Loss(f64),
}

impl Figure {
    pub(super) fn of(metrics: &Metrics) -> Figure {
        match (metrics.accuracy, &metrics.regression) {
            (Some(accuracy), _) => Figure::Accuracy(accuracy),
            (None, Some(errors)) => Figure::Rmse(errors.mse.sqrt()),
            (None, None) => Figure::Loss(metrics.loss),
        }
    }

    /// What it is, as in JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Figure::Accuracy(_) => "accuracy",
            Figure::Rmse(_) => "rmse",
            Figure::Loss(_) => "loss",
        }
    }

    /// What it is, in a sentence.
    pub(super) fn said(self) -> &'static str {
        match self {
            Figure::Accuracy(_) => "accuracy",
            Figure::Rmse(_) => "root mean squared error",
            Figure::Loss(_) => "loss",
        }
    }

    /// The number alone.
    pub(super) fn number(self) -> String {
        match self {
            Figure::Accuracy(value) => format!("{value:.4}"),
            Figure::Rmse(value) | Figure::Loss(value) => number(value),
        }
    }
}

/// An error in the unit of the values, which may be small: with four digits that say something.
pub(super) fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.01 {
        format!("{value:.3e}")
    } else {
        format!("{value:.4}")
    }
}

/// What a line of progress says of metrics.
pub(super) fn line(metrics: &Metrics) -> String {
    let figure = Figure::of(metrics);
    let (name, shown) = (figure.name(), figure.number());
    match (
        figure,
        metrics.regression.as_ref().and_then(|errors| errors.r2),
    ) {
        (Figure::Loss(_), _) => format!("{name} {shown}"),
        (Figure::Rmse(_), Some(r2)) => format!("{name} {shown}  R2 {r2:.4}"),
        _ => format!("{name} {shown}  loss {:.4}", metrics.loss),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::stubs::types::Regression;

    #[test]
    fn a_run_has_one_figure() {
        let plain = Metrics {
            loss: 0.125,
            ..Metrics::default()
        };
        assert_eq!(line(&plain), "loss 0.1250");
        let values = Metrics {
            regression: Some(Regression {
                mse: 0.25,
                r2: Some(0.75),
                ..Regression::default()
            }),
            ..plain.clone()
        };
        assert_eq!(line(&values), "rmse 0.5000  R2 0.7500");
        let classes = Metrics {
            accuracy: Some(0.9375),
            ..values
        };
        assert_eq!(line(&classes), "accuracy 0.9375  loss 0.1250");
        assert_eq!(Figure::of(&classes), Figure::Accuracy(0.9375));
    }

    #[test]
    fn small_errors_keep_their_digits() {
        let shown = [0.0, 0.01, 12.5, 0.00123456].map(number);
        assert_eq!(shown, ["0.0000", "0.0100", "12.5000", "1.235e-3"]);
        assert_eq!(Figure::Accuracy(0.001).number(), "0.0010");
    }
}
