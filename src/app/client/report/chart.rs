//! A curve over the rounds, as an SVG that takes its colours from the page it stands in.

use std::fmt::Write;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 28.0;
/// Points that are drawn of a curve: more than the eye or the screen can tell apart.
const MOST_POINTS: usize = 600;

/// A line of a chart: what it shows, and its points (round, value).
pub(super) struct Curve<'a> {
    pub(super) name: &'a str,
    pub(super) points: Vec<(f64, f64)>,
}

/// The picture of curves over the same rounds; nothing when no curve has two points.
pub(super) fn lines(label: &str, curves: &[Curve<'_>]) -> String {
    let finite = curves.iter().flat_map(|curve| &curve.points);
    let finite: Vec<(f64, f64)> = finite
        .copied()
        .filter(|(_, value)| value.is_finite())
        .collect();
    if finite.len() < 2 {
        return String::new();
    }
    let (first, last) = range(finite.iter().map(|(round, _)| *round));
    let (low, high) = nice(range(finite.iter().map(|(_, value)| *value)));
    let x = |round: f64| LEFT + (round - first) / (last - first).max(1e-9) * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\">"
    );
    for part in 0..=4 {
        let value = low + (high - low) * f64::from(part) / 4.0;
        let at = y(value);
        let _ = write!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0,
            short(value)
        );
    }
    for (round, anchor) in [(first, "start"), (last, "end")] {
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{round}</text>",
            x(round),
            HEIGHT - 8.0
        );
    }
    for (number, curve) in curves.iter().enumerate() {
        let path = thinned(&curve.points);
        let path: Vec<String> = path
            .filter(|(_, value)| value.is_finite())
            .map(|(round, value)| format!("{:.1} {:.1}", x(round), y(value)))
            .collect();
        if !path.is_empty() {
            let _ = write!(
                svg,
                "<path class=\"curve c{number}\" d=\"M{}\"><title>{}</title></path>",
                path.join("L"),
                curve.name
            );
        }
    }
    svg + "</svg>"
}

/// At most so many points, the last one among them.
fn thinned(points: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> {
    let step = points.len().div_ceil(MOST_POINTS).max(1);
    let last = points.len().wrapping_sub(1);
    let chosen = points.iter().enumerate();
    chosen
        .filter(move |(place, _)| place % step == 0 || *place == last)
        .map(|(_, point)| *point)
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

/// A range with round ends that holds this one.
fn nice((low, high): (f64, f64)) -> (f64, f64) {
    let span = (high - low).max(high.abs() * 1e-3).max(1e-9);
    let step = 10_f64.powf((span / 4.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * step);
    let step = step
        .into_iter()
        .find(|step| step * 4.0 >= span)
        .unwrap_or(span);
    let low = (low / step).floor() * step;
    let high = (high / step).ceil() * step;
    (low, high.max(low + step))
}

/// A number with three digits that count.
fn short(value: f64) -> String {
    let text = match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.2}"),
        size if (1e-12..0.001).contains(&size) => format!("{value:.1e}"),
        _ => format!("{value:.4}"),
    };
    match text.contains('.') && !text.contains('e') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_ends_and_long_runs_few_points() {
        assert_eq!(nice((0.11, 0.93)), (0.0, 1.0));
        assert_eq!(nice((2.0, 2.0)).0, 2.0);
        assert_eq!(
            (short(0.25), short(1500.2), short(1.5)),
            ("0.25".into(), "1500".into(), "1.5".into())
        );
        let points: Vec<(f64, f64)> = (1..=10_000).map(|round| (f64::from(round), 0.5)).collect();
        let kept: Vec<(f64, f64)> = thinned(&points).collect();
        assert!(kept.len() <= MOST_POINTS + 1);
        assert_eq!(kept.last(), points.last());
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        let curve = |points: &[(f64, f64)]| {
            let points = points.to_vec();
            lines(
                "loss",
                &[Curve {
                    name: "loss",
                    points,
                }],
            )
        };
        assert_eq!(curve(&[(1.0, 0.5)]), "");
        let svg = curve(&[(1.0, 0.5), (2.0, f64::NAN), (3.0, 0.25)]);
        assert!(
            svg.contains("<path class=\"curve c0\"") && !svg.contains("NaN"),
            "{svg}"
        );
    }
}
