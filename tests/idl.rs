//! The stub generator: what it refuses and where, and what it makes of comments and names.

use std::path::PathBuf;
use std::{env, fs};

#[path = "../build/mod.rs"]
mod stubgen;

/// The generator's complaint about one file.
fn complaint(text: &str) -> String {
    let sources = [("idl/types.thrift".to_owned(), text.to_owned())];
    match stubgen::generate(&sources) {
        Ok(code) => panic!("accepted as:\n{code}"),
        Err(error) => error.to_string(),
    }
}

fn code(text: &str) -> String {
    stubgen::generate(&[("a/b.thrift".to_owned(), text.to_owned())]).unwrap()
}

/// Checks one complaint a row: the text, where it is wrong, and a part of the message.
fn refused(rows: &[(&str, &str, &str)]) {
    for (text, place, part) in rows {
        let found = complaint(text);
        assert!(
            found.starts_with(&format!("idl/types.thrift:{place}: ")),
            "{text}\n{found}"
        );
        assert!(found.contains(part), "{text}\n{found}");
    }
}

#[test]
fn what_is_no_idl_is_refused_where_it_stands() {
    refused(&[
        (
            "struct",
            "1:7",
            "expected the struct's name, found the end of the file",
        ),
        (
            "struct A {\n  1 required i32 x\n}",
            "2:5",
            "expected `:`, found `required`",
        ),
        (
            "struct A {\n  1: required i32\n}",
            "3:1",
            "expected the field's name, found `}`",
        ),
        (
            "struct A {\n  x: required i32\n}",
            "2:3",
            "expected a field id (i16) or `}`",
        ),
        (
            "struct A {\n  1: required list<i32 x\n}",
            "2:24",
            "expected `>`, found `x`",
        ),
        (
            "struct A { 1: required i32 x = 4 }",
            "1:30",
            "default values are not supported",
        ),
        (
            "struct A { 99999: required i32 x }",
            "1:12",
            "99999 is out of range",
        ),
        ("enum E { UNKNOWN = 5000000000 }", "1:20", "out of range"),
        ("enum E { UNKNOWN }", "1:18", "expected `=`"),
        ("union U { }", "1:1", "`union` does not start a definition"),
        ("/* on\nand on", "1:1", "this comment does not end"),
        (
            "const string A = \"open\n",
            "1:18",
            "does not end on its line",
        ),
        (
            "const string A = \"a\\n\"",
            "1:18",
            "escapes are not supported",
        ),
        ("const i32 A = 12x", "1:15", "`12x` is not a whole number"),
        ("const i32 A = [1]", "1:15", "unexpected character '['"),
        ("include types", "1:9", "expected a file name in quotes"),
        (
            "struct A { 1: required uuid x }",
            "1:24",
            "`uuid` is no type here",
        ),
    ]);
}

#[test]
fn what_says_something_twice_is_refused() {
    refused(&[
        (
            "struct A {}\nstruct A {}",
            "2:8",
            "`A` is defined twice, first in line 1",
        ),
        (
            "struct A { 1: required i32 x 2: optional i32 x }",
            "1:46",
            "`x` is defined twice",
        ),
        (
            "struct A { 1: required i32 x 1: optional i32 y }",
            "1:46",
            "id 1 is taken by `x`",
        ),
        (
            "enum E { UNKNOWN = 0 A = 1 A = 2 }",
            "1:28",
            "`A` is defined twice",
        ),
        (
            "enum E { UNKNOWN = 0 A = 1 B = 1 }",
            "1:28",
            "1 is taken by `A`",
        ),
    ]);
}

#[test]
fn what_could_not_grow_is_refused() {
    let types = "struct A {} exception X {}\nservice S { ";
    let service = |method: &str| format!("{types}{method} }}");
    let methods = [
        ("A go() throws (1: X x)", "2:15", "exactly one request"),
        (
            "A go(1: A a, 2: A b) throws (1: X x)",
            "2:15",
            "exactly one request",
        ),
        ("A go(1: A a)", "2:15", "exactly one exception"),
        (
            "A go(1: i32 a) throws (1: X x)",
            "2:15",
            "must take and return structs",
        ),
        (
            "A go(1: A a) throws (1: A x)",
            "2:15",
            "must throw an exception",
        ),
        ("void go(1: A a)", "2:18", "must return a reply struct"),
        ("oneway A go(1: A a)", "2:22", "is oneway"),
        (
            "A go(1: A a) throws (1: X x) A go(1: A a) throws (1: X x)",
            "2:44",
            "defined twice",
        ),
    ];
    for (method, place, part) in methods {
        refused(&[(service(method).as_str(), place, part)]);
    }
    refused(&[
        ("struct A { 1: i32 x }", "1:19", "required or optional"),
        (
            "struct A { 0: required i32 x }",
            "1:28",
            "the id 0 is below 1",
        ),
        (
            "struct A { -1: required i32 x }",
            "1:29",
            "the id -1 is below 1",
        ),
        ("enum E { FIRST = 0 }", "1:6", "must be UNKNOWN = 0"),
        ("enum E { UNKNOWN = 1 }", "1:6", "must be UNKNOWN = 0"),
    ]);
}

#[test]
fn names_that_other_compilers_refuse_are_refused() {
    refused(&[
        (
            "struct A { 1: required i32 from }",
            "1:28",
            "`from` is a keyword of a language",
        ),
        (
            "struct A { 1: required i32 async }",
            "1:28",
            "`async` is a keyword of the IDL",
        ),
        (
            "struct A { 1: required i32 crate }",
            "1:28",
            "cannot be a name in Rust",
        ),
        (
            "struct A { 1: required i32 aB }",
            "1:28",
            "should be in snake_case",
        ),
        ("struct a_b {}", "1:8", "should be in CamelCase"),
        ("const i32 low = 1", "1:11", "should be in UPPER_CASE"),
        ("struct A { 1: required i32 x.y }", "1:28", "has a dot"),
    ]);
}

#[test]
fn types_that_are_not_there_or_cannot_be_are_refused() {
    refused(&[
        (
            "struct A { 1: required Lost x }",
            "1:24",
            "there is no type `Lost`",
        ),
        (
            "const i32 B = 1\nstruct A { 1: required B x }",
            "2:24",
            "there is no type `B`",
        ),
        (
            "struct A { 1: required other.B x }",
            "1:24",
            "`other` is not included",
        ),
        (
            "include \"other.thrift\"",
            "1:9",
            "there is no `other.thrift`",
        ),
        ("struct A { 1: optional A x }", "1:8", "`A` holds itself"),
        (
            "struct A { 1: optional B b }\nstruct B { 1: optional A a }",
            "1:8",
            "holds itself",
        ),
        ("typedef A A", "1:11", "`A` holds itself"),
        (
            "struct B {}\nstruct A { 1: required set<B> x }",
            "2:28",
            "`B` cannot be a key",
        ),
        (
            "struct A { 1: required set<double> x }",
            "1:8",
            "cannot be keys",
        ),
        ("const i8 A = 128", "1:10", "does not fit its type"),
        ("const i32 A = \"x\"", "1:11", "does not fit its type"),
    ]);
}

#[test]
fn a_struct_may_hold_itself_in_a_list() {
    assert!(code("struct A { 1: optional list<A> x }").contains("Vec<A>"));
}

#[test]
fn comments_carry_over() {
    let code = code(
        "# not this\n// nor this\n/** Lost: another comes. */\n/**\n * Two lines, [a](b) and `[c]`.\n *\n * <end>\n */\n\
         struct A {\n /** The field's. */\n 1: required i32 x }",
    );
    for part in [
        "    /// Two lines, \\[a\\](b) and `[c]`.\n    ///\n    /// \\<end\\>\n    #[derive",
        "        /// The field's.\n        pub x: i32,",
    ] {
        assert!(code.contains(part), "{code}");
    }
    assert!(!code.contains("this") && !code.contains("Lost"), "{code}");
}

#[test]
fn words_that_are_keywords_in_rust_alone_are_names() {
    let code = code("struct A { 1: required i32 type }");
    assert!(code.contains("pub r#type: i32"), "{code}");
}

#[test]
fn no_part_of_an_idl_makes_the_generator_panic() {
    for path in idl_files() {
        let text = fs::read_to_string(&path).unwrap();
        for end in (0..text.len())
            .filter(|&end| text.is_char_boundary(end))
            .step_by(3)
        {
            let parts = [&text[..end], &text[end..]];
            for part in parts {
                let _ = stubgen::generate(&[("a.thrift".to_owned(), part.to_owned())]);
            }
        }
    }
}

/// Every IDL of the repository.
fn idl_files() -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["idl", "tests/idl"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            files.push(entry.unwrap().path());
        }
    }
    files.retain(|path| path.extension().is_some_and(|ending| ending == "thrift"));
    files.sort();
    assert!(files.len() >= 5, "{files:?}");
    files
}
