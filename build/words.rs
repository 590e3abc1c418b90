//! Words that may not name anything.
//!
//! The Apache compiler refuses words that are keywords in one of its target languages; an IDL that
//! used one would build here and nowhere else.

/// Words of the language itself.
const KEYWORDS: &str = "namespace include cpp_include cpp_type php_namespace py_module \
    perl_package ruby_namespace smalltalk_category smalltalk_prefix xsd_all \
    xsd_optional xsd_nillable xsd_namespace xsd_attrs delphi_namespace const \
    typedef enum senum struct union exception service extends throws oneway async required \
    optional void bool byte i8 i16 i32 i64 double string binary slist uuid list set map true \
    false";

/// Words that are taken in some language the Apache compiler writes.
const RESERVED: &str = "BEGIN END __CLASS__ __DIR__ __FILE__ __FUNCTION__ __LINE__ __METHOD__ \
    __NAMESPACE__ abstract alias and args as assert begin break case catch class clone continue \
    declare def default del delete do dynamic elif else elseif elsif end enddeclare endfor \
    endforeach endif endswitch endwhile ensure except exec finally float for foreach from function \
    global goto if implements import in inline instanceof interface is lambda module native new \
    next nil not or package pass public print private protected raise redo rescue retry register \
    return self sizeof static super switch synchronized then this throw transient try undef unless \
    unsigned until use var virtual volatile when while with xor yield";

/// Rust keywords beyond those above; as names they need `r#`.
const RUST: &str = "await box dyn become crate enum extern false final fn gen impl let loop macro \
    match mod move mut override priv pub ref static struct trait true type typeof unsafe unsized \
    where";

/// Words that even `r#` does not make a Rust name.
const NEVER_RUST: &str = "crate Self _";

/// Why `word` may not be a name, if so.
pub fn refuse(word: &str) -> Option<&'static str> {
    let among = |list: &str| list.split_whitespace().any(|taken| taken == word);
    if among(KEYWORDS) {
        Some("is a keyword of the IDL")
    } else if among(RESERVED) {
        Some("is a keyword of a language the Apache compiler writes, which refuses it")
    } else if among(NEVER_RUST) {
        Some("cannot be a name in Rust")
    } else {
        None
    }
}

/// `word` as Rust writes it.
pub fn rust(word: &str) -> String {
    if RUST.split_whitespace().any(|taken| taken == word) {
        format!("r#{word}")
    } else {
        word.to_owned()
    }
}
