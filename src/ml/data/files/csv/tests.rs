//! Texts, right and wrong.

use super::*;
use crate::ml::data::files::missing::Missing;
use crate::ml::data::files::table::assemble;
use crate::ml::data::{Dataset, TargetKind, Targets};

fn data(text: &str, format: &Format) -> Result<Dataset, String> {
    read("a.csv", text.as_bytes(), format)
        .and_then(|table| assemble(vec![table]))
        .map(|mut all| all.swap_remove(0))
        .map_err(|error| error.to_string())
}

fn error(text: &str) -> String {
    data(text, &Format::default()).unwrap_err()
}

#[test]
fn plain_rows() {
    let data = data("1,2,0\n\n 3 , -4e-1,2\r\n", &Format::default()).unwrap();
    assert_eq!(
        (data.row(0), data.row(1)),
        (&[1.0, 2.0][..], &[3.0, -0.4][..])
    );
    assert_eq!((data.labels(), data.classes()), (&[0, 2][..], 3));
}

#[test]
fn headers_are_seen_or_said() {
    let auto = data("a,b,class\n1,2,0\n", &Format::default()).unwrap();
    assert_eq!(auto.rows(), 1);
    let said = Format {
        header: Some(true),
        ..Format::default()
    };
    assert_eq!(data("1,2,3\n1,2,0\n", &said).unwrap().rows(), 1);
    let none = Format {
        header: Some(false),
        ..Format::default()
    };
    let wrong = data("a,b,class\n1,2,0\n", &none).unwrap_err();
    assert_eq!(wrong, "a.csv:1:1: \"a\" is not a number");
}

#[test]
fn a_first_line_that_may_be_names_or_a_row_is_asked_for() {
    let doubt = "it may be names of columns or a row; say header=yes or header=no";
    for text in [
        "0,1,2,target\n5,6,7,1\n",
        "0,1,kind\n5,6,x\n",
        "1,y\n\"2\",0\n",
    ] {
        let said = error(text);
        assert_eq!(said, format!("a.csv:1: {doubt}"), "{text}");
    }
    assert_eq!(error("\n\n1,y\n2,0\n"), format!("a.csv:3: {doubt}"));
    let no = Format {
        header: Some(false),
        ..Format::default()
    };
    assert_eq!(data("1,pear\n2,10\n", &no).unwrap().labels(), [1, 0]);
    let yes = Format {
        header: Some(true),
        ..Format::default()
    };
    assert_eq!(data("0,1,2,target\n5,6,7,1\n", &yes).unwrap().rows(), 1);
}

#[test]
fn the_class_may_be_anywhere() {
    let label = |target| Format {
        target,
        ..Format::default()
    };
    let first = data("1,20,30\n0,40,50", &label(Column::Position(1))).unwrap();
    assert_eq!(
        (first.labels(), first.row(1)),
        (&[1, 0][..], &[40.0, 50.0][..])
    );
    let named = data(
        "a,kind,b\n1,y,2\n3,x,4",
        &label(Column::Named("kind".into())),
    )
    .unwrap();
    assert_eq!(
        (named.labels(), named.row(1)),
        (&[1, 0][..], &[3.0, 4.0][..])
    );
    let error = |text, format| data(text, &format).unwrap_err();
    assert_eq!(
        error("1,2", label(Column::Position(3))),
        "a.csv: there is no column 3; there are 2"
    );
    assert_eq!(
        error("a,b\n1,2", label(Column::Named("c".into()))),
        "a.csv: there is no column `c`"
    );
}

#[test]
fn targets_may_be_real_values() {
    let target = |target| Format {
        target,
        kind: TargetKind::Value,
        ..Format::default()
    };
    let last = target(Column::Last);
    let found = data("a,b\n1,2.5\n3,-1e3\n", &last).unwrap();
    assert_eq!(found.targets(), &Targets::Values(vec![2.5, -1e3]));
    assert_eq!((found.row(1), found.classes()), (&[3.0][..], 0));
    let named = target(Column::Named("a".into()));
    let scaled = Format {
        scale: Some(10.0),
        ..named
    };
    let found = data("a,b\n7,20\n\"0.5\",40\n", &scaled).unwrap();
    assert_eq!(
        found.targets(),
        &Targets::Values(vec![7.0, 0.5]),
        "as they are"
    );
    assert_eq!(found.row(0), [2.0]);
    let error = |text| data(text, &last).unwrap_err();
    assert_eq!(error("1,2\n3,x"), "a.csv:2:2: \"x\" is not a number");
    let gap = "a.csv:2:2: \"\" is no class or value but a gap; missing=drop drops its row";
    assert_eq!(error("1,2\n3,"), gap);
    assert_eq!(
        error("1,1e39"),
        "a.csv:1:2: \"1e39\" is not a finite number"
    );
    let gaps = Format {
        missing: Missing::Drop,
        ..target(Column::Last)
    };
    let mut table = read("a.csv", b"0,NaN\n1,5\n?,6\n3,7\n4,?", &gaps).unwrap();
    table.drop_gaps().unwrap();
    let kept = assemble(vec![table]).unwrap().swap_remove(0);
    assert_eq!(kept.targets(), &Targets::Values(vec![5.0, 7.0]));
    let classes = read("b.csv", b"1,0", &Format::default()).unwrap();
    let values = read("c.csv", b"1,0", &last).unwrap();
    let mixed = assemble(vec![classes, values]).unwrap_err().to_string();
    assert_eq!(
        mixed,
        "c.csv: either its targets or those of b.csv are real values, not both"
    );
}

#[test]
fn names_become_classes_in_sorted_order() {
    let data = |text| data(text, &Format::default());
    let named = data("1,pear\n2,apple\n3,\"10 a\"\n4,pear").unwrap();
    assert_eq!((named.labels(), named.classes()), (&[2, 1, 0, 2][..], 3));
}

#[test]
fn features_are_divided() {
    let format = Format {
        scale: Some(16.0),
        ..Format::default()
    };
    assert_eq!(data("8,4,0", &format).unwrap().row(0), [0.5, 0.25]);
}

#[test]
fn errors_name_the_place() {
    assert_eq!(error("1,2,0\n1,x1,0"), "a.csv:2:2: \"x1\" is not a number");
    assert_eq!(error("1,2,0\n1,,0"), "a.csv:2:2: \"\" is not a number");
    assert_eq!(
        error("1,nan,0"),
        "a.csv:1:2: \"nan\" is not a finite number"
    );
    assert_eq!(
        error("1,1e99,0"),
        "a.csv:1:2: \"1e99\" is not a finite number"
    );
    assert_eq!(
        error("1,2,0\n\n1,2,3,4"),
        "a.csv:3: 4 fields, but the first row has 3"
    );
    assert_eq!(
        error("1,2,0\r\n\r\n1,2\r\n"),
        "a.csv:3: 2 fields, but the first row has 3"
    );
    assert_eq!(
        error("\u{feff}1,2,0\n1,y,0"),
        "a.csv:2:2: \"y\" is not a number"
    );
    assert_eq!(
        error("1,2,0\n\"1\n\",z,0\n"),
        "a.csv:2:2: \"z\" is not a number"
    );
    assert_eq!(error(""), "a.csv: it is empty");
    assert_eq!(error("a,b\n"), "a.csv: no rows");
    assert!(error("1\n2").starts_with("a.csv: it has 1 columns"));
    for label in ["-1", "2.5", "70000", "inf", "1e300"] {
        let text = format!("1,2,0\n3,4,{label}");
        let start = format!("a.csv:2:3: {label:?} is no class");
        assert!(error(&text).starts_with(&start), "{}", error(&text));
    }
    let mixed = "a.csv:2:3: \"A\" is not a number, as the classes before it are";
    assert_eq!(error("1,2,0\n3,4,A"), mixed);
    let bytes = read("a.csv", b"1,2,0\n\xff\xfe,2,0", &Format::default()).unwrap_err();
    assert!(bytes.to_string().starts_with("a.csv:2:1: "));
}

#[test]
fn texts_must_go_together() {
    let table = |path, text: &'static str| read(path, text.as_bytes(), &Format::default()).unwrap();
    let together = |second| assemble(vec![table("a", "1,2,7"), table("b", second)]);
    assert_eq!(together("1,2,3").unwrap()[1].classes(), 8);
    let error = together("1,2").unwrap_err().to_string();
    assert_eq!(error, "b: 1 features, but a has 2");
    assert!(
        together("1,2,x")
            .unwrap_err()
            .to_string()
            .starts_with("b: either")
    );
}

/// What a text is read as, in one part through the library (quotes in a last line that is cut
/// off again would change the rows, so quotes go around one number) and in many parts.
#[test]
fn parts_and_ways_of_reading_change_nothing() {
    let mut lines = Vec::new();
    for row in 0..500 {
        let number = f64::from(row) * 0.37;
        let end = ["\n", "\r\n", "\n\n", " \r\n"][row as usize % 4];
        lines.push(format!("{number}, -{row}e-1,{number:.18},{}{end}", row % 7));
    }
    let plain = lines.concat();
    let quoted = plain.replacen("0,", "\"0\",", 1);
    let data = |text: &str, part| {
        let table = read_parts("a.csv", text.as_bytes(), &Format::default(), part).unwrap();
        assemble(vec![table]).unwrap().swap_remove(0)
    };
    let whole = data(&quoted, PART);
    assert_eq!((whole.rows(), whole.row(100)[1]), (500, -10.0));
    for part in [1, 10, 100, 1_000, PART] {
        assert!(data(&plain, part) == whole, "{part}");
    }
    // An error is the first of the text, wherever it is cut.
    let wrong = format!("{plain}1,2,3\n{plain}x,2,3,4\n");
    for part in [1, 1_000, PART] {
        let error = read_parts("a.csv", wrong.as_bytes(), &Format::default(), part);
        let text = "a.csv:626: 3 fields, but the first row has 4";
        assert_eq!(error.unwrap_err().to_string(), text);
    }
}
