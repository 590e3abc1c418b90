//! Runs a target over its corpus and over what mutation makes of it, on any compiler.
//!
//! The same seed makes the same inputs. Inputs that were good join those that are changed further, so that
//! changes add up even though no coverage is seen.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use roundtable::clock;

use crate::allocation;
use crate::mutation::mutate;
use crate::samples::dice::Dice;
use crate::targets::Target;

/// Good inputs that are changed further, beside the corpus.
const GOOD: usize = 512;
/// An execution that takes longer is a finding.
const LONGEST: Duration = Duration::from_secs(20);

/// What one target did.
#[derive(Debug)]
pub struct Run {
    /// Times it read an input.
    pub executions: u64,
    /// How many inputs were good.
    pub accepted: u64,
    /// The most memory an execution took.
    pub taken: usize,
    /// How long it took.
    pub time: Duration,
    /// The input that broke a promise, where it was kept, and how.
    pub finding: Option<(PathBuf, String)>,
}

/// How long to go on.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// This many executions beyond the corpus,
    pub executions: u64,
    /// but no longer than this.
    pub seconds: Option<u64>,
    /// Where chance starts.
    pub seed: u64,
}

/// The input at work, for the alarm and the watch.
static AT_WORK: Mutex<Option<(&'static str, Vec<u8>)>> = Mutex::new(None);
/// Counts inputs, so that the watch sees whether one takes long.
static DONE: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// What the last panic said.
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Where this package lies.
pub fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The inputs kept for a target, in the order of their names.
pub fn corpus(target: &Target) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let folder = home().join("corpus").join(target.name);
    let mut files: Vec<PathBuf> = match fs::read_dir(folder) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<_>>()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    files.sort();
    files
        .into_iter()
        .map(|file| fs::read(&file).map(|bytes| (file, bytes)))
        .collect()
}

/// Writes the inputs that a target starts from into its corpus.
pub fn write_seeds(target: &Target) -> io::Result<usize> {
    let folder = home().join("corpus").join(target.name);
    fs::create_dir_all(&folder)?;
    let seeds = (target.seeds)();
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("seed-{number:02}")), seed)?;
    }
    Ok(seeds.len())
}

/// Has panics remembered, not shown; and inputs kept when memory or time runs out.
pub fn prepare() {
    panic::set_hook(Box::new(|panic| {
        SAID.with(|said| *said.borrow_mut() = panic.to_string());
    }));
    allocation::on_alarm(|| keep_and_say("takes too much memory"));
}

fn keep_and_say(what: &str) {
    let at_work = AT_WORK.try_lock();
    if let Some((name, bytes)) = at_work.as_ref().ok().and_then(|at_work| at_work.as_ref()) {
        match keep(name, bytes) {
            Ok(file) => eprintln!("{name}: {what}: {}", file.display()),
            Err(error) => eprintln!("{name}: {what}; the input cannot be kept: {error}"),
        }
    }
    // The program ends now; whoever counts results learns of it.
    println!("\ntest result: FAILED. 0 passed; 1 failed; 0 ignored");
}

fn keep(name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let folder = home().join("findings");
    fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{name}-{:08x}", crc32fast::hash(bytes)));
    fs::write(&file, bytes)?;
    Ok(file)
}

/// Runs a target.
///
/// # Errors
/// When its corpus cannot be read.
pub fn run(target: &'static Target, effort: Effort) -> io::Result<Run> {
    let mut inputs: Vec<Vec<u8>> = corpus(target)?
        .into_iter()
        .map(|(_, bytes)| bytes)
        .collect();
    if inputs.is_empty() {
        inputs = (target.seeds)();
    }
    let (finished, watched) = channel::<()>();
    let watch = thread::spawn(move || {
        let mut before = u64::MAX;
        // Each look finds another input at work, or the end.
        while watched.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
            let done = DONE.load(Relaxed);
            if done == before {
                keep_and_say("takes too long");
                std::process::exit(1);
            }
            before = done;
        }
    });
    let run = Worker::new(target, effort).run(inputs);
    drop(finished);
    let _ = watch.join();
    Ok(run)
}

struct Worker {
    target: &'static Target,
    effort: Effort,
    dice: Dice,
    run: Run,
}

impl Worker {
    fn new(target: &'static Target, effort: Effort) -> Worker {
        Worker {
            target,
            effort,
            dice: Dice(effort.seed ^ u64::from(crc32fast::hash(target.name.as_bytes()))),
            run: Run {
                executions: 0,
                accepted: 0,
                taken: 0,
                time: Duration::ZERO,
                finding: None,
            },
        }
    }

    fn run(mut self, mut inputs: Vec<Vec<u8>>) -> Run {
        let start = clock::now();
        let end = self
            .effort
            .seconds
            .map(|seconds| start + Duration::from_secs(seconds));
        let fixed = inputs.len();
        let all_good = (0..fixed).all(|number| self.execute(&inputs[number].clone()).is_some());
        let mut bytes = Vec::new();
        let mut left = if all_good { self.effort.executions } else { 0 };
        while left > 0 {
            left -= 1;
            // The clock is slow beside the fastest targets.
            if left.is_multiple_of(256) && end.is_some_and(|end| clock::now() > end) {
                break;
            }
            let from = self.dice.below(inputs.len());
            let other = self.dice.below(inputs.len());
            bytes.clone_from(&inputs[from]);
            let longest = self.target.longest;
            mutate(
                &mut bytes,
                &inputs[other],
                self.target.words,
                longest,
                &mut self.dice,
            );
            match self.execute(&bytes) {
                None => break,
                Some(true) => self.keep_good(&mut inputs, fixed, &bytes),
                Some(false) => {}
            }
        }
        self.run.time = clock::now() - start;
        self.run
    }

    /// Now and then a good input takes the place of another one.
    fn keep_good(&mut self, inputs: &mut Vec<Vec<u8>>, fixed: usize, bytes: &[u8]) {
        if inputs.len() < fixed + GOOD {
            inputs.push(bytes.to_vec());
        } else if self.dice.below(16) == 0 {
            let place = fixed + self.dice.below(GOOD);
            inputs[place] = bytes.to_vec();
        }
    }

    /// Whether the input was good; none when a promise was broken.
    fn execute(&mut self, bytes: &[u8]) -> Option<bool> {
        lay_out(self.target.name, bytes);
        let target = self.target;
        let done = panic::catch_unwind(AssertUnwindSafe(|| target.execute(bytes)));
        DONE.fetch_add(1, Relaxed);
        self.run.executions += 1;
        match done {
            Ok(execution) => {
                self.run.taken = self.run.taken.max(execution.taken);
                self.run.accepted += u64::from(execution.accepted);
                Some(execution.accepted)
            }
            Err(_) => {
                let said = SAID.with(|said| said.borrow().clone());
                let file = keep(target.name, bytes)
                    .unwrap_or_else(|error| PathBuf::from(format!("(not kept: {error})")));
                self.run.finding = Some((file, said));
                None
            }
        }
    }
}

fn lay_out(name: &'static str, bytes: &[u8]) {
    let mut at_work = AT_WORK
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let (at_name, at_bytes) = at_work.get_or_insert_default();
    *at_name = name;
    at_bytes.clear();
    at_bytes.extend_from_slice(bytes);
}

/// Reads the input in a file once, and shows what panics say.
///
/// # Errors
/// When the file cannot be read.
pub fn replay(target: &'static Target, file: &Path) -> io::Result<()> {
    let bytes = fs::read(file)?;
    lay_out(target.name, &bytes);
    let execution = target.execute(&bytes);
    let verdict = if execution.accepted {
        "good"
    } else {
        "refused"
    };
    println!(
        "{}: {verdict}, {} bytes of memory",
        file.display(),
        execution.taken
    );
    Ok(())
}
