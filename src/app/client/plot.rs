//! Shards and their classes as a picture: a bar a shard, stacked of its classes, in SVG. Rows with real values are one
//! piece.

use std::fmt::Write;

use super::foreign::escaped;
use super::partition::Holding;

/// Most shards that are drawn.
pub(super) const MOST_SHARDS: usize = 2_000;
/// Most classes that the legend names.
const LEGEND: usize = 40;

const HEIGHT: f64 = 320.0;
const LEFT: f64 = 64.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 40.0;
/// What the legend takes at the right.
const RIGHT: f64 = 90.0;

/// The picture.
pub(super) fn bars(holdings: &[Holding]) -> String {
    // Few shards get broad bars with gaps; many fill the width.
    let step = (900.0 / holdings.len().max(1) as f64).clamp(1.0, 36.0);
    let bar = if step > 4.0 { step * 0.8 } else { step };
    let classes = holdings.first().map_or(0, |first| first.classes.len());
    let most = holdings
        .iter()
        .map(|holding| holding.rows)
        .max()
        .unwrap_or(0)
        .max(1);
    let across = step * holdings.len() as f64;
    let (width, height) = (LEFT + across + RIGHT, TOP + HEIGHT + BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for part in 0..=4 {
        let y = TOP + HEIGHT * (1.0 - f64::from(part) / 4.0);
        let rows = most as f64 * f64::from(part) / 4.0;
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {y:.1}h{across:.1}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" \
             text-anchor=\"end\">{rows:.0}</text>",
            LEFT - 6.0,
            y + 4.0
        );
    }
    for (place, holding) in holdings.iter().enumerate() {
        let x = LEFT + step * place as f64 + (step - bar) / 2.0;
        let _ = writeln!(
            svg,
            "<g><title>{}: {} rows</title>",
            escaped(&holding.name),
            holding.rows
        );
        let mut below = 0;
        let pieces = match holding.classes[..] {
            [] => std::slice::from_ref(&holding.rows),
            _ => &holding.classes[..],
        };
        for (class, count) in pieces.iter().enumerate().filter(|(_, count)| **count > 0) {
            below += count;
            let scale = |rows: usize| HEIGHT * rows as f64 / most as f64;
            let _ = writeln!(
                svg,
                "<rect x=\"{x:.2}\" y=\"{:.2}\" width=\"{bar:.2}\" height=\"{:.2}\" fill=\"{}\"/>",
                TOP + HEIGHT - scale(below),
                scale(*count),
                colour(class, classes)
            );
        }
        svg.push_str("</g>\n");
    }
    let middle = LEFT + across / 2.0;
    let _ = writeln!(
        svg,
        "<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{} shards</text>\n\
         <text x=\"{LEFT}\" y=\"{:.1}\" text-anchor=\"end\">rows</text>",
        TOP + HEIGHT + 24.0,
        holdings.len(),
        TOP - 8.0
    );
    legend(&mut svg, LEFT + across + 16.0, classes);
    svg.push_str("</svg>\n");
    svg
}

fn legend(svg: &mut String, x: f64, classes: usize) {
    let named = classes.min(LEGEND);
    let step = (HEIGHT / named.max(1) as f64).min(16.0);
    for class in 0..named {
        let y = TOP + step * class as f64;
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"10\" height=\"{:.1}\" fill=\"{}\"/><text x=\"{:.1}\" y=\"{:.1}\" \
             font-size=\"{:.0}\">{class}</text>",
            step * 0.8,
            colour(class, classes),
            x + 16.0,
            y + step * 0.7,
            step.min(12.0)
        );
    }
}

/// Colours all round the wheel; neighbours differ in lightness, too.
fn colour(class: usize, classes: usize) -> String {
    let hue = 360 * class / classes.max(1);
    let light = if class.is_multiple_of(2) { 45 } else { 62 };
    format!("hsl({hue},65%,{light}%)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_of_a_shard_is_a_piece_of_its_bar() {
        let holding = |name: &str, classes: &[usize]| Holding {
            name: name.to_owned(),
            rows: classes.iter().sum(),
            classes: classes.to_vec(),
        };
        let svg = bars(&[holding("a&<b>", &[3, 0, 1]), holding("c", &[0, 2, 0])]);
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        assert!(svg.contains("a&amp;&lt;b&gt;: 4 rows"), "{svg}");
        // The background, three pieces, three in the legend.
        assert_eq!(svg.matches("<rect").count(), 7, "{svg}");
        assert!(
            svg.contains("height=\"240.00\"") && svg.contains("height=\"80.00\""),
            "three and one of four rows"
        );
        assert_eq!(svg.matches("<g>").count(), svg.matches("</g>").count());
        let of_values = Holding {
            name: "d".to_owned(),
            rows: 5,
            classes: Vec::new(),
        };
        // The background and one piece; there is nothing for a legend to name.
        assert_eq!(bars(&[of_values]).matches("<rect").count(), 2);
        assert!(bars(&[]).contains("0 shards"));
    }
}
