//! The messages and services of `idl/`, one module a file, made by `build.rs`.

include!(concat!(env!("OUT_DIR"), "/stubs.rs"));
