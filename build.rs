//! Makes the Thrift stubs: every `idl/*.thrift` becomes one Rust module in `$OUT_DIR/stubs.rs`.
//!
//! The generator is ours (see `build/mod.rs`), so a plain `cargo build` needs no Thrift compiler.
//! A second file, `probe.rs`, is made from `tests/idl/` and holds one of every construct for tests.

use std::path::{Path, PathBuf};
use std::{env, fs, io, process};

#[path = "build/mod.rs"]
mod stubgen;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");
    for (folder, name) in [("idl", "stubs.rs"), ("tests/idl", "probe.rs")] {
        if let Err(problem) = generate(Path::new(folder), name) {
            eprintln!("{problem}");
            process::exit(1);
        }
    }
}

/// Writes the stubs of all files in `folder` to `$OUT_DIR/name`.
fn generate(folder: &Path, name: &str) -> Result<(), String> {
    let mut sources = Vec::new();
    for path in idl_files(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        println!("cargo:rerun-if-changed={}", path.display());
        let text =
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        sources.push((path.to_string_lossy().replace('\\', "/"), text));
    }
    let code = stubgen::generate(&sources).map_err(|error| error.to_string())?;
    let out = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?;
    let path = PathBuf::from(out).join(name);
    fs::write(&path, code).map_err(|error| format!("{}: {error}", path.display()))
}

/// The IDL files of a folder in name order. A folder that is not there (a packaged crate comes
/// without tests) has none.
fn idl_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    // Only what is there may be watched: for a missing path cargo runs this every time.
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "thrift")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
