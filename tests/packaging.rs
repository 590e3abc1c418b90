//! What is shipped beside the programs: completions that shells load, manual pages, units, the archive.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const PROGRAMS: [&str; 3] = ["client", "coordinator", "compute_node"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn client(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_client"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The output of a tool, or none if the machine lacks it, which is said.
fn tool(name: &str, arguments: &[&str]) -> Option<Output> {
    let output = Command::new(name).args(arguments).output();
    if output.is_err() {
        println!("skipped: no {name}");
    }
    output.ok()
}

fn well(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{error}");
    text
}

#[test]
fn bash_completes_commands_and_options() {
    for program in PROGRAMS {
        let script = client(&["completions", "bash", "--of", program]);
        let ask = format!(
            "{script}\nCOMP_WORDS=({program} --he) COMP_CWORD=1\n_{program} {program} --he {program}\necho ${{COMPREPLY[@]}}"
        );
        let Some(output) = tool("bash", &["--norc", "-c", &ask]) else {
            return;
        };
        let words = well(&output);
        assert!(words.contains("--help"), "{program}: {words}");
    }
    let script = client(&["completions", "bash"]);
    let ask = format!(
        "{script}\nCOMP_WORDS=(client re) COMP_CWORD=1\n_client client re client\necho ${{COMPREPLY[@]}}"
    );
    let words = tool("bash", &["--norc", "-c", &ask]).map(|output| well(&output));
    assert_eq!(words.unwrap_or_default().trim(), "resume report");
}

#[test]
fn zsh_loads_the_completions() {
    let folder = TempDir::new().unwrap();
    for program in PROGRAMS {
        let script = client(&["completions", "zsh", "--of", program]);
        assert!(
            script.starts_with(&format!("#compdef {program}")),
            "{program}"
        );
        fs::write(folder.path().join(format!("_{program}")), script).unwrap();
    }
    let load = format!(
        "fpath=({} $fpath); autoload -Uz compinit; compinit -u -d {}/dump; for p in {}; do (( $+_comps[$p] )) || exit 1; autoload +X _$p || exit 1; done",
        folder.path().display(),
        folder.path().display(),
        PROGRAMS.join(" ")
    );
    if let Some(output) = tool("zsh", &["-f", "-c", &load]) {
        well(&output);
    }
}

#[test]
fn every_program_and_command_has_a_page() {
    let folder = TempDir::new().unwrap();
    client(&["manual", folder.path().to_str().unwrap(), "--quiet"]);
    for page in [
        "client",
        "client-train",
        "client-report",
        "coordinator",
        "compute_node",
    ] {
        let text = fs::read_to_string(folder.path().join(format!("{page}.1")));
        let text = text.unwrap_or_else(|error| panic!("{page}: {error}"));
        assert!(
            text.contains(".SH SYNOPSIS") && text.contains("\\-\\-help"),
            "{page}"
        );
    }
}

#[test]
fn units_are_well_formed() {
    let folder = root().join("packaging/systemd");
    // The tool wants the programs to be there.
    let copy = TempDir::new().unwrap();
    let mut units = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let text = text
            .replace("/usr/bin/coordinator", env!("CARGO_BIN_EXE_coordinator"))
            .replace("/usr/bin/compute_node", env!("CARGO_BIN_EXE_compute_node"));
        let name = path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .replace('@', "@5106");
        let unit = copy.path().join(name);
        fs::write(&unit, text).unwrap();
        units.push(unit.to_str().unwrap().to_owned());
    }
    let arguments: Vec<&str> = ["verify", "--man=no"]
        .into_iter()
        .chain(units.iter().map(String::as_str))
        .collect();
    if let Some(output) = tool("systemd-analyze", &arguments) {
        let said = String::from_utf8_lossy(&output.stderr);
        let ours: Vec<&str> = said
            .lines()
            .filter(|line| line.contains("roundtable-"))
            .collect();
        assert!(ours.is_empty() && output.status.success(), "{said}");
    }
}

#[test]
fn the_image_has_folders_that_its_user_can_write() {
    let text = fs::read_to_string(root().join("packaging/Dockerfile")).unwrap();
    let user = text.lines().find_map(|line| line.strip_prefix("USER "));
    let user = user.expect("a user that is not root");
    for folder in ["/state", "/tmp"] {
        let owned = format!("--chown={user} /empty{folder} {folder}");
        assert!(text.contains(&owned), "{folder} is not {user}'s");
    }
    // Otherwise the build would be given gigabytes that it makes anew.
    let left_out = fs::read_to_string(root().join(".dockerignore")).unwrap();
    assert!(left_out.lines().any(|line| line == "**/target"));
}

#[test]
fn the_archive_holds_what_a_site_needs() {
    let out = TempDir::new().unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_client")).parent().unwrap();
    let bundle = root().join("packaging/bundle");
    let output = Command::new(bundle)
        .args([programs, out.path()])
        .output()
        .unwrap();
    let archive = well(&output);
    let listed = well(
        &Command::new("tar")
            .args(["-tzf", archive.trim()])
            .output()
            .unwrap(),
    );
    for part in [
        "bin/coordinator",
        "man/client.1",
        "completions/_client",
        "systemd/roundtable-node@.service",
        "idl/types.thrift",
        "LICENSE",
    ] {
        assert!(
            listed.lines().any(|line| line.ends_with(part)),
            "no {part} in {listed}"
        );
    }
}
