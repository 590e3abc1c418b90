//! What the test puts in the place of what pages say, and what it does not run, each with the reason.

/// What a page says, what is run for it, and why. `{0}` to `{4}` are ports of this page alone.
pub const INSTEAD: &[(&str, &str, &str)] = &[
    ("cargo run --release --", "client", "the test has built it"),
    ("cargo run --release", "client", "the test has built it"),
    ("IP PORT", "127.0.0.1 {0}", "a placeholder"),
    ("HOST:PORT", "127.0.0.1:{0}", "a placeholder"),
    ("10.0.0.5", "127.0.0.1", "another machine"),
    ("5105", "{0}", "pages run at the same time"),
    ("5106", "{1}", "the same"),
    ("5107", "{2}", "the same"),
    ("5108", "{3}", "the same"),
    ("8105", "{4}", "the same"),
    ("2 --dashboard", "2 --dashboard 127.0.0.1:{4}", "the same"),
    (
        "client --dashboard",
        "client --dashboard 127.0.0.1:0",
        "the same",
    ),
    ("$(pgrep -n coordinator)", "{coordinator}", "the page's own"),
    (
        "$(pgrep -n compute_node)",
        "{compute_node}",
        "the page's own",
    ),
    ("~/.", "$HOME/.", "the test's own home"),
    ("/usr/local/share/man", "$HOME/man", "the same"),
    (
        "--model my-net",
        "--model softmax:64-10",
        "nodes here know no other",
    ),
    ("--epochs 300", "--epochs 20", "a shorter test"),
    ("rows=1000000", "rows=200000", "the same"),
    ("--participants 100000", "--participants 20000", "the same"),
    (
        "--participants 1000 ",
        "--participants 40 ",
        "few images here",
    ),
];

/// How a command begins that is not run, and why.
pub const NOT_RUN: &[(&str, &str)] = &[
    ("git clone", "the test has it"),
    ("cd roundtable", "the test is there"),
    ("export PATH=", "the test has set it"),
    ("cargo build", "the test is built by it"),
    ("cargo test", "this is it"),
    ("cargo bench", "hours; CONTRIBUTING.md"),
    ("cargo install", "it downloads"),
    ("pip install", "it downloads"),
    (
        "python examples/",
        "needs packages; tests/examples.rs runs them",
    ),
    ("tensorboard", "a program of others; it goes on"),
    ("docker", "needs a daemon, and downloads"),
    ("sudo", "changes the machine"),
    (
        "systemctl",
        "changes the machine; tests/packaging.rs has the units verified",
    ),
    ("journalctl", "reads the machine's log"),
    ("ssh", "takes another machine"),
    ("scp", "takes another machine"),
];

/// Options of others that stand alone in code, and whose they are.
pub const OF_OTHERS: &[(&str, &str)] = &[("--only", "cargo bench --bench papers")];

/// Commands that say no, as their page tells.
pub const FAILS: &[&str] = &[
    "client check broken.toml",
    "client 127.0.0.1 5105 --rounds 5 --seed 2",
];
