//! Runs targets on any compiler: `fuzz --executions 1000000 all`. See `README.md`.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use roundtable_fuzz::driver::{self, Effort, Run};
use roundtable_fuzz::targets::{self, Target, folder};

const USAGE: &str = "\
usage: fuzz [--executions N] [--seconds N] [--seed N] all|TARGET...
       fuzz replay TARGET FILE...   read files once, and show what happens
       fuzz seeds                   write the inputs that targets start from
       fuzz list                    show the targets";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["list"] => {
            targets::ALL
                .iter()
                .for_each(|target| println!("{}", target.name));
            Ok(true)
        }
        ["seeds"] => seeds().map(|()| true),
        ["replay", target, ref files @ ..] => replay(target, files).map(|()| true),
        _ => fuzz(&words),
    };
    folder::clear();
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn seeds() -> io::Result<()> {
    for target in targets::ALL {
        println!("{}: {} inputs", target.name, driver::write_seeds(target)?);
    }
    Ok(())
}

fn replay(target: &str, files: &[&str]) -> io::Result<()> {
    let target = found(target)?;
    files
        .iter()
        .try_for_each(|file| driver::replay(target, Path::new(file)))
}

fn found(name: &str) -> io::Result<&'static Target> {
    targets::named(name).ok_or_else(|| wrong(&format!("there is no target `{name}`")))
}

fn wrong(what: &str) -> io::Error {
    io::Error::other(format!("{what}\n{USAGE}"))
}

/// Runs what is asked for; whether nothing was found.
fn fuzz(words: &[&str]) -> io::Result<bool> {
    let mut effort = Effort {
        executions: 100_000,
        seconds: None,
        seed: 1,
    };
    let mut asked = Vec::new();
    let mut words = words.iter();
    while let Some(&word) = words.next() {
        let mut number = || {
            let next = words.next().and_then(|text| text.parse::<u64>().ok());
            next.ok_or_else(|| wrong(&format!("behind {word} comes a number")))
        };
        match word {
            "--executions" => effort.executions = number()?,
            "--seconds" => effort.seconds = Some(number()?),
            "--seed" => effort.seed = number()?,
            "all" => asked.extend(targets::ALL),
            name => asked.push(found(name)?),
        }
    }
    if asked.is_empty() {
        return Err(wrong("no target"));
    }
    driver::prepare();
    println!("target             executions  seconds   a second   good  most memory");
    let mut failed = 0;
    for target in &asked {
        let run = driver::run(target, effort)?;
        show(target, &run);
        failed += usize::from(run.finding.is_some());
    }
    // As cargo says it, so that whoever counts tests counts targets.
    let (word, passed) = (
        if failed == 0 { "ok" } else { "FAILED" },
        asked.len() - failed,
    );
    println!("\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored");
    Ok(failed == 0)
}

fn show(target: &Target, run: &Run) {
    let seconds = run.time.as_secs_f64();
    println!(
        "{:18} {:10} {seconds:8.1} {:10.0} {:5.1}% {:12}",
        target.name,
        run.executions,
        run.executions as f64 / seconds.max(1e-9),
        100.0 * run.accepted as f64 / run.executions.max(1) as f64,
        run.taken
    );
    if let Some((file, said)) = &run.finding {
        println!("FOUND by {}: {said}", target.name);
        println!("  again: fuzz replay {} {}", target.name, file.display());
    }
}
