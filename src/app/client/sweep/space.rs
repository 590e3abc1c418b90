//! The points that a sweep tries: every combination of a grid, or some drawn at random. Pure.

use crate::math::{exp, ln};
use crate::seed::{Purpose, Seed, Stream};

/// More points are refused: they are more likely a mistake than wanted.
const MOST_POINTS: usize = 10_000;

/// Option and value of one point, in the order in which the options were first named.
pub(super) type Point = Vec<(String, String)>;

/// One option and what it may be.
#[derive(Clone, Debug, PartialEq)]
struct Axis {
    key: String,
    values: Values,
}

#[derive(Clone, Debug, PartialEq)]
enum Values {
    /// One of these.
    Listed(Vec<String>),
    /// A number in this range.
    Range(Scale, f64, f64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    /// Every number is as likely as any other.
    Even,
    /// Every factor is.
    Log,
    /// Every integer is, both ends among them.
    Integers,
}

/// All options of a sweep.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Space {
    axes: Vec<Axis>,
}

impl Space {
    /// From `KEY=VALUE|VALUE...`, where a key may come again with more values, and `KEY=[log:|int:]LOW..HIGH`. `name` gives
    /// the one name of an option for any that it may be written by.
    pub(super) fn parse(
        grid: &[String],
        ranges: &[String],
        name: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Space, String> {
        let mut space = Space::default();
        for text in grid {
            let (key, values) = halves(text, "--grid KEY=VALUE|VALUE")?;
            let values = values.split('|').map(|value| value.trim().to_owned());
            space.list(&name(key)?, values.collect());
        }
        for text in ranges {
            let (key, range) = halves(text, "--range KEY=LOW..HIGH")?;
            let key = name(key)?;
            if space.axes.iter().any(|axis| axis.key == key) {
                return Err(format!("`{key}` is given twice"));
            }
            let values = range_of(range).map_err(|why| format!("--range {text}: {why}"))?;
            space.axes.push(Axis { key, values });
        }
        Ok(space)
    }

    fn list(&mut self, key: &str, more: Vec<String>) {
        let known = self.axes.iter_mut().find(|axis| axis.key == key);
        match known.map(|axis| &mut axis.values) {
            Some(Values::Listed(values)) => values.extend(more),
            _ => self.axes.push(Axis {
                key: key.to_owned(),
                values: Values::Listed(more),
            }),
        }
    }

    /// The options.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.axes.iter().map(|axis| axis.key.as_str())
    }

    /// Every combination; the last option changes first.
    pub(super) fn all(&self) -> Result<Vec<Point>, String> {
        let mut points = vec![Point::new()];
        for axis in &self.axes {
            let Values::Listed(values) = &axis.values else {
                let key = &axis.key;
                return Err(format!(
                    "`{key}` is a range: say --random N, how many points to draw"
                ));
            };
            if points.len().saturating_mul(values.len()) > MOST_POINTS {
                return Err(format!("the grid has more than {MOST_POINTS} points"));
            }
            let extended = |point: &Point| {
                let with = |value: &String| {
                    let mut point = point.clone();
                    point.push((axis.key.clone(), value.clone()));
                    point
                };
                values.iter().map(with).collect::<Vec<_>>()
            };
            points = points.iter().flat_map(extended).collect();
        }
        Ok(points)
    }

    /// So many points. Each is drawn from the seed and its own number alone: the first ten of twenty are those of ten.
    pub(super) fn draw(&self, points: usize, seed: Seed) -> Result<Vec<Point>, String> {
        if points > MOST_POINTS {
            return Err(format!("{points} points are more than {MOST_POINTS}"));
        }
        let point = |number: usize| {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            let value = |(place, axis): (usize, &Axis)| {
                let mut stream = seed.stream(Purpose::Search, number, place as u64);
                (axis.key.clone(), axis.values.draw(&mut stream))
            };
            self.axes.iter().enumerate().map(value).collect()
        };
        Ok((0..points).map(point).collect())
    }
}

impl Values {
    fn draw(&self, stream: &mut Stream) -> String {
        match self {
            Values::Listed(values) => values[stream.below(values.len() as u64) as usize].clone(),
            Values::Range(Scale::Even, low, high) => short(stream.uniform_in(*low, *high)),
            Values::Range(Scale::Log, low, high) => {
                short(exp(stream.uniform_in(ln(*low), ln(*high))))
            }
            Values::Range(Scale::Integers, low, high) => {
                let offset = stream.below((high - low) as u64 + 1);
                format!("{}", low + offset as f64)
            }
        }
    }
}

/// A number to five digits: what is shown is what is used.
fn short(number: f64) -> String {
    let rounded = format!("{number:.4e}").parse().unwrap_or(number);
    rounded.to_string()
}

fn halves<'a>(text: &'a str, form: &str) -> Result<(&'a str, &'a str), String> {
    match text.split_once('=') {
        Some((key, values)) if !key.is_empty() && !values.is_empty() => {
            Ok((key.trim().trim_start_matches("--"), values))
        }
        _ => Err(format!("`{text}` is not of the form {form}")),
    }
}

fn range_of(text: &str) -> Result<Values, String> {
    let (scale, ends) = match text.split_once(':') {
        None => (Scale::Even, text),
        Some(("log", ends)) => (Scale::Log, ends),
        Some(("int", ends)) => (Scale::Integers, ends),
        Some((other, _)) => return Err(format!("`{other}` is neither `log` nor `int`")),
    };
    let number = |text: &str| match text.trim().parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(format!("`{text}` is no number")),
    };
    let (low, high) = ends
        .split_once("..")
        .ok_or("a range is of the form LOW..HIGH")?;
    let (low, high) = (number(low)?, number(high)?);
    if low > high {
        return Err(format!("{low} is greater than {high}"));
    }
    if scale == Scale::Log && low <= 0.0 {
        return Err(format!("a range by factors begins above 0, not at {low}"));
    }
    let is_whole = |end: f64| end.fract() == 0.0 && end.abs() <= f64::from(i32::MAX);
    if scale == Scale::Integers && !(is_whole(low) && is_whole(high)) {
        return Err(format!("{low} and {high} are not both integers"));
    }
    Ok(Values::Range(scale, low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(grid: &[&str], ranges: &[&str]) -> Result<Space, String> {
        let owned = |texts: &[&str]| {
            texts
                .iter()
                .map(|&text| text.to_owned())
                .collect::<Vec<_>>()
        };
        let named = |key: &str| Ok(key.replace('_', "-"));
        Space::parse(&owned(grid), &owned(ranges), named)
    }

    fn shown(point: &Point) -> String {
        let pairs = point.iter().map(|(key, value)| format!("{key}={value}"));
        pairs.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_grid_is_every_combination() {
        let specs = [
            "lr=0.01|0.1",
            "strategy=fedavg",
            "strategy=fedprox:mu=1,mean=uniform",
        ];
        let points = space(&specs, &[]).unwrap().all().unwrap();
        assert_eq!(
            points.iter().map(shown).collect::<Vec<_>>(),
            [
                "lr=0.01 strategy=fedavg",
                "lr=0.01 strategy=fedprox:mu=1,mean=uniform",
                "lr=0.1 strategy=fedavg",
                "lr=0.1 strategy=fedprox:mu=1,mean=uniform",
            ]
        );
        assert_eq!(space(&[], &[]).unwrap().all().unwrap(), [Point::new()]);
    }

    #[test]
    fn drawn_points_lie_in_their_ranges_and_do_not_depend_on_how_many_there_are() {
        let ranges = ["lr=log:0.001..1", "momentum=0..0.9", "batch=int:8..10"];
        let space = space(&["codec=raw|int8"], &ranges).unwrap();
        let (few, many) = (
            space.draw(10, Seed(7)).unwrap(),
            space.draw(200, Seed(7)).unwrap(),
        );
        assert_eq!(few, many[..10]);
        assert_ne!(few, space.draw(10, Seed(8)).unwrap());
        let all = |key: usize| many.iter().map(move |point| point[key].1.as_str());
        let number = |text: &str| text.parse::<f64>().unwrap();
        assert!(all(1).map(number).all(|lr| (0.001..=1.0).contains(&lr)));
        let small = all(1).map(number).filter(|&lr| lr < 0.0316).count();
        assert!((70..130).contains(&small), "half of the factors: {small}");
        assert!(
            all(2)
                .map(number)
                .all(|momentum| (0.0..=0.9).contains(&momentum))
        );
        for batch in ["8", "9", "10"] {
            assert!(all(3).any(|found| found == batch), "{batch}");
        }
        assert!(all(0).any(|codec| codec == "raw") && all(0).any(|codec| codec == "int8"));
    }

    #[test]
    fn nonsense_is_explained() {
        let says = |grid: &[&str], ranges: &[&str], text: &str| {
            let error = space(grid, ranges).unwrap_err();
            assert!(error.contains(text), "{error}");
        };
        says(&["lr"], &[], "KEY=VALUE");
        says(&[], &["lr=1"], "LOW..HIGH");
        says(&[], &["lr=x..1"], "no number");
        says(&[], &["lr=2..1"], "greater");
        says(&[], &["lr=log:0..1"], "above 0");
        says(&[], &["lr=lin:0..1"], "neither");
        says(&[], &["batch=int:0.5..1"], "integers");
        says(&["lr=1"], &["lr=0..1"], "twice");
        says(&["held-out=1"], &["held_out=0..1"], "twice");
        let error = space(&[], &["lr=0..1"]).unwrap().all().unwrap_err();
        assert!(error.contains("--random"), "{error}");
        let many = ["a=1|2|3|4|5|6|7|8|9|10"].to_vec();
        let axes: Vec<String> = (0..5)
            .map(|n| many[0].replace('a', &format!("a{n}")))
            .collect();
        let axes: Vec<&str> = axes.iter().map(String::as_str).collect();
        assert!(space(&axes, &[]).unwrap().all().is_err());
    }
}
