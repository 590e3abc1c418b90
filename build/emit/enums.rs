//! Enums: open, so that a value a newer peer sends is kept and can be sent on.

use super::super::syntax::{Definition, EnumValue};
use super::{doc, put};

/// A newtype over the number with a constant for every value.
pub fn put_enum(out: &mut String, definition: &Definition, values: &[EnumValue]) {
    let name = &definition.name.text;
    doc::put_doc(out, 4, &definition.doc, &format!("Enum `{name}`."));
    put!(
        out,
        "    #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]"
    );
    put!(out, "    pub struct {name}(pub i32);\n");
    put!(out, "    impl {name} {{");
    for value in values {
        let EnumValue {
            name: each,
            value: number,
            doc: lines,
        } = value;
        doc::put_doc(out, 8, lines, &format!("Value {number}."));
        put!(
            out,
            "        pub const {}: {name} = {name}({number});",
            each.text
        );
    }
    put!(out, "        /// Every value the IDL names, in its order.");
    let all: Vec<String> = values
        .iter()
        .map(|each| format!("Self::{}", each.name.text))
        .collect();
    put!(
        out,
        "        pub const ALL: &'static [{name}] = &[{}];\n",
        all.join(", ")
    );
    put!(
        out,
        "        /// The name, if the IDL has one for this value."
    );
    put!(
        out,
        "        pub const fn name(self) -> Option<&'static str> {{"
    );
    put!(out, "            match self {{");
    for each in values {
        let each = &each.name.text;
        put!(out, "                Self::{each} => Some({each:?}),");
    }
    put!(
        out,
        "                _ => None,\n            }}\n        }}\n    }}\n"
    );
    put_traits(out, name);
}

fn put_traits(out: &mut String, name: &str) {
    let code = r#"
    impl ::std::fmt::Debug for NAME {
        fn fmt(&self, out: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match self.name() {
                Some(name) => out.write_str(name),
                None => write!(out, "NAME({})", self.0),
            }
        }
    }

    impl ::std::fmt::Display for NAME {
        fn fmt(&self, out: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            ::std::fmt::Debug::fmt(self, out)
        }
    }

    impl crate::wire::value::Value for NAME {
        const TYPE: ::thrift::protocol::TType = ::thrift::protocol::TType::I32;

        fn read(input: &mut dyn ::thrift::protocol::TInputProtocol) -> ::thrift::Result<Self> {
            input.read_i32().map(Self)
        }

        fn write(&self, output: &mut dyn ::thrift::protocol::TOutputProtocol) -> ::thrift::Result<()> {
            output.write_i32(self.0)
        }
    }
"#;
    out.push_str(code.trim_start_matches('\n').replace("NAME", name).as_str());
}
