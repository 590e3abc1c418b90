//! Apache's compiler, where it is installed, reads every IDL and understands the same.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

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

#[test]
fn the_apache_compiler_reads_every_idl() {
    if Command::new("thrift").arg("-version").output().is_err() {
        println!("skipped: no Apache compiler; `apt-get install thrift-compiler` installs it");
        let required = env::var("ROUNDTABLE_PEERS").is_ok_and(|value| value == "required");
        assert!(!required, "the compiler is required");
        return;
    }
    let out = tempfile::tempdir().unwrap();
    for path in idl_files() {
        for language in ["json", "py", "js:node,es6", "java", "go", "cpp"] {
            let mut thrift = Command::new("thrift");
            thrift
                .args(["-strict", "--gen", language, "-out"])
                .arg(out.path());
            let result = thrift.arg(&path).output().unwrap();
            let said = String::from_utf8_lossy(&result.stderr);
            assert!(
                result.status.success(),
                "{}, {language}: {said}",
                path.display()
            );
        }
    }
    same_fields(out.path());
}

/// Compares what Apache's compiler understood with the structs, fields and methods in our stubs.
fn same_fields(folder: &Path) {
    let ours = fs::read_to_string(concat!(env!("OUT_DIR"), "/stubs.rs")).unwrap();
    let mut structs = 0;
    for name in ["types", "compute_node", "coordinator"] {
        let text = fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let tree: serde_json::Value = serde_json::from_str(&text).unwrap();
        let start = ours.find(&format!("pub mod {name} {{")).unwrap();
        let module = &ours[start..];
        let module = &module[..module.find("\n}\n").unwrap()];
        for each in tree["structs"].as_array().unwrap() {
            let struct_name = each["name"].as_str().unwrap();
            assert!(
                module.contains(&format!("pub struct {struct_name} {{")),
                "{struct_name}"
            );
            for field in each["fields"].as_array().unwrap() {
                let id = field["key"].as_i64().unwrap();
                let field = field["name"].as_str().unwrap();
                let read = format!(
                    "{id} => crate::wire::value::read_field(input, wire, &mut field_{id}, \"{struct_name}.{field}\")"
                );
                assert!(module.contains(&read), "{read}");
            }
            structs += 1;
        }
        for service in tree["services"].as_array().unwrap() {
            for method in service["functions"].as_array().unwrap() {
                let method = method["name"].as_str().unwrap();
                assert!(
                    module.contains(&format!("\"{method}\" => call.answer(")),
                    "{method}"
                );
            }
        }
    }
    assert!(structs > 40, "{structs}");
}
