//! Somebody who follows a page: types its commands in order, and compares what is printed with what it shows.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use roundtable::clock;

use super::commands::{COMMANDS, commands, is_commands};
use super::output::is_shown;
use super::page::{Block, Page};
use super::site;
use super::tables::{FAILS, INSTEAD, NOT_RUN};

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The comment with which a page has its reader end all programs.
const STOP: &str = "# Ctrl-C in every terminal first";

/// A coordinator or a node that a page started.
struct Program {
    child: Child,
    name: String,
    port: String,
    said: Receiver<String>,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A reader of one page, and what was found wrong.
pub struct Reader<'a> {
    page: &'a Page,
    ports: Vec<u16>,
    /// Ended before their folder is removed.
    programs: Vec<Program>,
    home: tempfile::TempDir,
    /// Whether the coordinator knows all nodes that were started.
    is_settled: bool,
    /// Whether a command of the last block could not be run here.
    is_skipping: bool,
    /// What the commands of the last block printed.
    said: String,
    pub faults: Vec<String>,
    pub skipped: Vec<String>,
}

impl<'a> Reader<'a> {
    pub fn of(page: &'a Page) -> Reader<'a> {
        let home = tempfile::tempdir().expect("a folder");
        let ports: Vec<u16> = (0..5).map(|_| free_port()).collect();
        site::furnish(home.path(), &ports);
        Reader {
            page,
            ports,
            programs: Vec::new(),
            home,
            is_settled: true,
            is_skipping: false,
            said: String::new(),
            faults: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// Goes through the page.
    pub fn follow(&mut self) {
        for block in self.page.blocks() {
            match is_commands(&block) {
                true => {
                    self.said.clear();
                    self.is_skipping = false;
                    if block.lines.iter().any(|line| line == STOP) {
                        self.programs.clear();
                    }
                    for (line, command) in commands(&block) {
                        self.type_in(line, &command);
                    }
                }
                false if self.is_skipping => {}
                false if matches!(&*block.language, "" | "sh") => self.compare(&block),
                false => {}
            }
        }
    }

    fn fault(&mut self, line: usize, what: &str) {
        self.faults
            .push(format!("{}:{line}: {what}", self.page.name));
    }

    /// Holds a block of output against what was said.
    fn compare(&mut self, block: &Block) {
        for program in &self.programs {
            self.said
                .extend(program.said.try_iter().map(|line| line + "\n"));
        }
        for missing in is_shown(&block.lines, &self.said) {
            let lines: Vec<&str> = self.said.lines().collect();
            let last = lines[lines.len().saturating_sub(20)..].join("\n");
            let what = format!("not printed: {missing}\n--- printed at the end:\n{last}");
            self.faults
                .push(format!("{}:{}: {what}", self.page.name, block.line));
        }
    }

    fn type_in(&mut self, line: usize, command: &str) {
        let begins = |(begin, _): &&(&str, &str)| command.starts_with(begin);
        if let Some((begin, reason)) = NOT_RUN.iter().find(begins) {
            self.skipped.push(format!("{begin}: {reason}"));
            return;
        }
        let first = command.split_whitespace().next().unwrap_or_default();
        if matches!(first, "python" | "curl") && !self.has_tool(command) {
            let begin = command.lines().next().unwrap_or_default();
            println!("skipped: {}:{line}: what `{begin}` needs", self.page.name);
            self.is_skipping = true;
            return;
        }
        if !COMMANDS.contains(&first) && !command.starts_with("cargo run") {
            self.fault(
                line,
                &format!("neither run nor listed as not to be run: {command}"),
            );
            return;
        }
        let text = self.in_place(command);
        let done = match first {
            "coordinator" | "compute_node" if !text.contains("--help") => self.start(&text),
            "kill" => {
                self.is_settled = false;
                self.run(&text, false)
            }
            _ => self.run(&text, FAILS.iter().any(|begin| command.starts_with(begin))),
        };
        if let Err(what) = done {
            self.fault(line, &format!("{command}\n--- as `{text}`: {what}"));
        }
    }

    /// Whether the machine has what a command of others needs.
    fn has_tool(&self, command: &str) -> bool {
        let look = match command {
            text if text.contains("torch") => "python -c 'import torch, safetensors'",
            text if text.contains("python") => "python -c 'import numpy'",
            _ => "curl --version",
        };
        let mut look = self.shell(look);
        look.stderr(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// The command with what the tables and the page's own programs put in the place of its words.
    fn in_place(&mut self, command: &str) -> String {
        let mut text = command.to_owned();
        for (said, instead, _) in INSTEAD {
            text = text.replace(said, instead);
        }
        for (at, port) in self.ports.iter().enumerate() {
            text = text.replace(&format!("{{{at}}}"), &port.to_string());
        }
        for name in ["coordinator", "compute_node"] {
            if let Some(program) = self.programs.iter().rfind(|program| program.name == name) {
                text = text.replace(&format!("{{{name}}}"), &program.child.id().to_string());
            }
        }
        if text.starts_with("client 127.0.0.1") || text.starts_with("client conformance") {
            self.have_a_coordinator();
            self.settle();
        }
        if text.contains("RUN") {
            let runs = self.runs(&text);
            let run = |at: usize| runs.get(at).cloned().unwrap_or("RUN".to_owned());
            text = text.replace("RUN_A", &run(0)).replace("RUN_B", &run(1));
            text = text.replace("RUN", &run(0));
        }
        text
    }

    /// The runs that a command can name, newest first.
    fn runs(&mut self, command: &str) -> Vec<String> {
        let words: Vec<&str> = command.split_whitespace().take(3).collect();
        let listed = self.shell(&format!("{} runs", words.join(" "))).output();
        let listed = listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let lines = listed.unwrap_or_default();
        let id = |line: &str| line.split_whitespace().next().map(str::to_owned);
        lines.lines().skip(1).filter_map(id).collect()
    }

    /// A page that asks a coordinator it did not start, as those of reference do, has one with two runs.
    fn have_a_coordinator(&mut self) {
        if self
            .programs
            .iter()
            .any(|program| program.name == "coordinator")
        {
            return;
        }
        let [first, second] = [self.ports[0], self.ports[1]];
        let started = self
            .start(&format!("compute_node {second} 0"))
            .and_then(|()| self.start(&format!("coordinator {first} 2")))
            .and_then(|()| {
                self.settle();
                self.run(&format!("client 127.0.0.1:{first} --rounds 2"), false)
            })
            .and_then(|()| self.run(&format!("client 127.0.0.1:{first} --rounds 3"), false));
        started.expect("a coordinator with two runs");
    }

    fn shell(&self, text: &str) -> Command {
        let programs = Path::new(env!("CARGO_BIN_EXE_client"))
            .parent()
            .expect("their folder");
        // The Python with PyTorch, where one is named, comes before others.
        let torch = std::env::var("ROUNDTABLE_TORCH_PYTHON").unwrap_or_default();
        let torch = Path::new(&torch).parent().unwrap_or(Path::new(""));
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", torch.display());
        let mut command = Command::new("bash");
        command
            .args(["-c", text])
            .current_dir(self.home.path())
            .env("HOME", self.home.path())
            .env(
                "PATH",
                format!("{}:{}", programs.display(), path.trim_start_matches(':')),
            )
            .env_remove("XDG_STATE_HOME")
            .stdin(Stdio::null());
        command
    }

    /// Starts a program that goes on, in the place of one that has its port, and waits until it listens.
    fn start(&mut self, text: &str) -> Result<(), String> {
        let mut words = text.split_whitespace();
        let name = words.next().unwrap_or_default().to_owned();
        let port = words.next().unwrap_or_default().to_owned();
        self.programs
            .retain(|program| program.port != port || port == "0");
        // Nobody starts a program so soon that its coordinator has not noticed the one before.
        self.is_settled = false;
        self.settle();
        let mut command = self.shell(&format!("exec 2>&1\nexec {text}"));
        let mut child = command.stdout(Stdio::piped()).spawn().expect("bash");
        let stdout = BufReader::new(child.stdout.take().expect("its output"));
        let (sender, said) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let program = Program {
            child,
            name,
            port,
            said,
        };
        let mut lines = String::new();
        while !lines.contains("listening on") {
            match program.said.recv_timeout(PATIENCE) {
                Ok(line) => lines = lines + &line + "\n",
                Err(_) => return Err(lines),
            }
        }
        self.said += &lines;
        self.programs.push(program);
        self.is_settled = false;
        Ok(())
    }

    /// Waits until the coordinator of the page knows which of its nodes are there.
    fn settle(&mut self) {
        let deadline = clock::now() + PATIENCE;
        let ask = format!("client 127.0.0.1:{} nodes", self.ports[0]);
        let (_open, never) = mpsc::channel::<()>();
        while !self.is_settled && clock::now() < deadline {
            self.programs
                .retain_mut(|program| matches!(program.child.try_wait(), Ok(None)));
            let count = |name| {
                self.programs
                    .iter()
                    .filter(|program| program.name == name)
                    .count()
            };
            let said = self.shell(&ask).stderr(Stdio::null()).output();
            let said = said.expect("bash").stdout;
            let listed = String::from_utf8_lossy(&said).into_owned();
            let up = listed
                .lines()
                .filter(|line| line.contains("  up  "))
                .count();
            self.is_settled = count("coordinator") == 0 || up == count("compute_node");
            let _ = never.recv_timeout(Duration::from_millis(20));
        }
        self.is_settled = true;
    }

    /// Runs a command to its end.
    fn run(&mut self, text: &str, fails: bool) -> Result<(), String> {
        let mut command = self.shell(&format!("exec 2>&1\n{text}"));
        let mut child = command
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("bash");
        let mut stdout = child.stdout.take().expect("its output");
        let (sender, ended) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stdout.read_to_end(&mut bytes);
            let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
        });
        let said = ended.recv_timeout(PATIENCE);
        if said.is_err() {
            let group = format!("-{}", child.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        }
        let status = child.wait().expect("its status");
        let said = said.map_err(|_| "it does not end".to_owned())?;
        self.said += &said;
        match status.success() != fails {
            true => Ok(()),
            false => Err(format!("{status}\n{said}")),
        }
    }
}

/// A port that nobody has, outside of those that the system gives to who asks for any.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = (std::process::id() % 1000) as u16 * 15;
    loop {
        let port = 15_000 + (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % 15_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
