//! The dashboard of the real programs over plain sockets: pages, health, metrics, events, what may be done and by whom.

mod programs;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use programs::watched::{TOKEN, Watched};
use programs::{PATIENCE, dial};
use roundtable::app::coordinator::dashboard::metrics::METRICS;
use roundtable::clock;
use roundtable::wire::stubs::coordinator::{Plan, SubmitRequest};
use serde_json::Value;

/// Asks for a run and says its id.
fn submit(watched: &Watched, key: &str, rounds: i32) -> String {
    let plan = Plan {
        rounds: Some(rounds),
        ..Plan::default()
    };
    let request = SubmitRequest {
        key: key.to_owned(),
        plan,
    };
    let deadline = clock::now() + PATIENCE;
    let reply = dial(&watched.program).call("submit", deadline, |to| to.submit(&request));
    reply.expect("a run").run
}

/// Waits until a run has ended.
fn until_ended(watched: &Watched) {
    let mut events = watched.events("", "");
    events.find("runs", |data| {
        let rows = data["rows"].as_array().expect("rows");
        rows.iter()
            .any(|row| row["state"] != "running")
            .then_some(())
    });
}

#[test]
fn the_page_is_whole_and_browsers_are_kept_careful() {
    let watched = Watched::start(&[]);
    assert!(watched.url.ends_with(&format!("/?token={TOKEN}")));
    let page = watched.get("/");
    assert_eq!(page.status, 200, "{page:?}");
    for header in [
        "Connection: close",
        "Content-Type: text/html; charset=utf-8",
        "X-Content-Type-Options: nosniff",
        "Referrer-Policy: no-referrer",
        "Cache-Control: no-store",
    ] {
        assert!(page.has(header), "{header}: {}", page.head);
    }
    assert!(
        page.head
            .contains("Content-Security-Policy: default-src 'none'; script-src 'self';")
    );
    // Everything the page asks for is there, and nothing comes from elsewhere.
    let mut seen = 0;
    for part in page
        .body
        .split(['"', ' '])
        .filter(|part| part.ends_with(".js") || part.ends_with(".css") || part.ends_with(".svg"))
    {
        let file = watched.get(&format!("/{part}"));
        assert_eq!(file.status, 200, "{part}");
        assert!(
            !file.body.contains("innerHTML"),
            "{part}: foreign text stays text"
        );
        let imports = file
            .body
            .lines()
            .filter_map(|line| line.strip_prefix("import ")?.split("\"./").nth(1));
        for import in imports.filter_map(|rest| rest.split('"').next()) {
            assert_eq!(watched.get(&format!("/{import}")).status, 200, "{import}");
            seen += 1;
        }
    }
    assert!(seen >= 4, "the scripts are modules");
    assert!(!page.body.contains("//"), "no address of another host");
    let head = watched.ask("HEAD", "/", "");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert!(head.has(&format!("Content-Length: {}", page.body.len())));
    assert_eq!(watched.get("/nothing").status, 404);
}

#[test]
fn ready_is_whoever_has_a_node() {
    let watched = Watched::start(&[]);
    assert_eq!(watched.get("/healthz").status, 200);
    let unready = watched.get("/readyz");
    assert_eq!(
        (unready.status, &*unready.body),
        (503, "no compute node is known\n")
    );
    let mut node = watched.node(&["0"]);
    watched.until("/readyz", 200);
    node.kill();
    let gone = watched.until("/readyz", 503);
    assert_eq!(gone.body, "none of 1 compute nodes is up\n");
}

/// Names and kinds of metrics as the text says, after checking that it keeps the rules of its format.
fn exported(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let (name, help) = line
            .strip_prefix("# HELP ")
            .and_then(|rest| rest.split_once(' '))
            .unwrap_or_else(|| panic!("no HELP: {line}"));
        assert!(!help.is_empty());
        let kind = lines
            .next()
            .and_then(|line| line.strip_prefix(&format!("# TYPE {name} ")))
            .expect("a TYPE");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
        assert!(
            name.starts_with("roundtable_") && !name.contains("milli"),
            "{name}"
        );
        let mut samples = std::collections::BTreeSet::new();
        while let Some(sample) = lines.next_if(|line| !line.starts_with('#')) {
            let (series, value) = sample.rsplit_once(' ').expect("a value");
            assert!(value.parse::<f64>().is_ok() || value == "+Inf", "{sample}");
            assert!(series.starts_with(name), "{sample} among {name}");
            assert!(samples.insert(series), "twice: {series}");
        }
        assert!(found.iter().all(|(known, _)| known != name), "{name} twice");
        found.push((name.to_owned(), kind.to_owned()));
    }
    found
}

#[test]
fn metrics_keep_the_rules_and_are_all_documented() {
    let watched = Watched::start(&[]);
    let _node = watched.node(&["0"]);
    watched.until("/readyz", 200);
    let run = submit(&watched, "measured", 3);
    until_ended(&watched);
    let answer = watched.get("/metrics");
    assert!(answer.has("Content-Type: text/plain; version=0.0.4; charset=utf-8"));
    let table: Vec<_> = METRICS
        .iter()
        .map(|m| (m.name.to_owned(), m.kind.to_owned()))
        .collect();
    assert_eq!(exported(&answer.body), table);
    for line in [
        "roundtable_nodes{state=\"up\"} 1",
        "roundtable_runs{state=\"succeeded\"} 1",
        &format!("roundtable_run_rounds_finished{{run=\"{run}\"}} 3"),
        "roundtable_attempts_in_flight 0",
    ] {
        assert!(
            answer.body.lines().any(|known| known == line),
            "{line} in {}",
            answer.body
        );
    }
    let counted = answer
        .body
        .lines()
        .find_map(|line| line.strip_prefix("roundtable_attempts_total{outcome=\"counted\"} "));
    assert_eq!(
        answer
            .body
            .lines()
            .find_map(|line| line.strip_prefix("roundtable_attempt_duration_seconds_count ")),
        counted
    );
    check_with_promtool(&answer.body);
}

#[test]
fn the_page_on_metrics_lists_what_is_exported() {
    let page = include_str!("../docs/metrics.md");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let listed: Vec<Vec<String>> = rows
        .map(|row| row.split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect();
    let listed: Vec<_> = listed
        .iter()
        .map(|cells| (&*cells[1], &*cells[2], &*cells[4], &*cells[5]))
        .collect();
    let names: Vec<_> = METRICS
        .iter()
        .map(|metric| format!("`{}`", metric.name))
        .collect();
    let labels: Vec<_> = METRICS
        .iter()
        .map(|metric| {
            metric
                .labels
                .iter()
                .map(|label| format!("`{label}`"))
                .collect::<Vec<_>>()
                .join(", ")
        })
        .collect();
    let exported: Vec<_> = METRICS
        .iter()
        .zip(names.iter().zip(&labels))
        .map(|(metric, (name, labels))| (&**name, metric.kind, &**labels, metric.help))
        .collect();
    assert_eq!(listed, exported);
}

fn check_with_promtool(text: &str) {
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = started else {
        println!("skipped: promtool, of Prometheus, checks the metrics too");
        return;
    };
    child
        .stdin
        .take()
        .expect("its input")
        .write_all(text.as_bytes())
        .expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Numbers of the rounds in a series event.
fn rounds(data: &Value) -> Vec<u64> {
    let rounds = data["rounds"].as_array().expect("rounds");
    rounds
        .iter()
        .map(|round| round[0].as_u64().expect("a number"))
        .collect()
}

#[test]
fn events_go_on_after_an_id() {
    let watched = Watched::start(&[]);
    let _node = watched.node(&["1", "--load-delay", "5ms"]);
    watched.until("/readyz", 200);
    let run = submit(&watched, "followed", 30);
    let query = format!("runs={run}");
    let mut events = watched.events(&query, "");
    let mut seen = Vec::new();
    while seen.len() < 5 {
        seen.extend(events.find("series", |data| Some(rounds(data))));
    }
    // The id comes with the last event of a look.
    while !events.id.starts_with(&run) {
        seen.extend(events.find("series", |data| Some(rounds(data))));
    }
    let id = events.id.clone();
    drop(events);
    let mut again = watched.events(&query, &format!("Last-Event-ID: {id}\r\n"));
    let first = again.find("nodes", |data| data["rows"].as_array().map(Vec::len));
    assert_eq!(first, 1, "nodes are told whole");
    let told: u64 = id
        .split(':')
        .nth(1)
        .and_then(|entry| entry.parse().ok())
        .expect("a number");
    while seen.last() != Some(&30) {
        let next = again.find("series", |data| Some(rounds(data)));
        // Entry 1 is that the run was accepted, so round 1 is entry 2.
        assert!(next.iter().all(|round| *round >= told), "{next:?}: {id}");
        let last = seen.last().copied();
        seen.extend(next.into_iter().filter(|round| Some(*round) > last));
    }
    assert_eq!(seen, (1..=30).collect::<Vec<u64>>());
}

#[test]
fn what_happened_to_attempts_is_told() {
    let watched = Watched::start(&["--heartbeat", "100ms"]);
    let slow = &["1", "--load-delay", "20ms"][..];
    let (_node, mut dying) = (watched.node(slow), watched.node(slow));
    let deadline = clock::now() + PATIENCE;
    while !watched
        .get("/metrics")
        .body
        .contains("roundtable_nodes{state=\"up\"} 2")
    {
        assert!(clock::now() < deadline, "two nodes");
    }
    let run = submit(&watched, "attempted", 1_000);
    let mut events = watched.events(&format!("runs={run}"), "");
    let has = |data: &Value, outcome: &str| {
        let rows = data["rows"].as_array().expect("rows");
        rows.iter().find(|row| row[8] == outcome).cloned()
    };
    let counted = events.find("attempts", |data| has(data, "counted"));
    assert!(counted[7].as_f64() >= counted[6].as_f64(), "{counted}");
    let lost = dying.address.to_string();
    dying.kill();
    let failed = events.find("attempts", |data| has(data, "failed"));
    assert_eq!(failed[1], lost.as_str(), "{failed}");
    assert!(failed[9].as_str().is_some_and(|reason| !reason.is_empty()));
}

#[test]
fn only_the_token_cancels() {
    let watched = Watched::start(&[]);
    let _node = watched.node(&["1", "--load-delay", "20ms"]);
    watched.until("/readyz", 200);
    let run = submit(&watched, "endless", 100_000);
    let cancel = format!("/runs/{run}/cancel");
    let own = format!("Origin: http://{}\r\n", watched.dashboard);
    for (answer, status) in [
        (watched.act(&cancel, "wrong-token", ""), 401),
        (watched.act(&format!("{cancel}?token={TOKEN}"), "", ""), 401),
        (
            watched.act(&cancel, TOKEN, "Origin: http://elsewhere.example\r\n"),
            403,
        ),
        (watched.ask("GET", &cancel, ""), 404),
        (watched.act("/runs/unknown/cancel", TOKEN, ""), 404),
        (
            watched.act(&format!("/runs/{run}/resume"), TOKEN, &own),
            409,
        ),
        (watched.act("/", TOKEN, ""), 405),
        (watched.act(&format!("/runs/{run}/delete"), TOKEN, ""), 404),
    ] {
        assert_eq!(answer.status, status, "{answer:?}");
    }
    assert!(
        watched
            .get("/metrics")
            .body
            .contains("roundtable_runs{state=\"running\"} 1")
    );
    assert_eq!(watched.act(&cancel, TOKEN, &own).status, 200);
    assert!(
        watched
            .get("/metrics")
            .body
            .contains("roundtable_runs{state=\"cancelled\"} 1")
    );
}

#[test]
fn hostile_requests_are_refused_and_the_others_served() {
    let watched = Watched::start(&[]);
    // A peer that dribbles is cut off in total; meanwhile the others.
    let mut slow = watched.connect();
    slow.write_all(b"GET / HTTP/1.1\r\n").expect("a line");
    let silent: Vec<_> = (0..300).map(|_| watched.connect()).collect();
    let long = "x".repeat(20 << 10);
    for (request, status) in [
        (
            format!(
                "GET /{long} HTTP/1.1\r\nHost: {}\r\n\r\n",
                watched.dashboard
            ),
            431,
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n"),
            431,
        ),
        ("BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 405),
        ("\u{16}\u{3}\u{1}\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        (
            "GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n".to_owned(),
            421,
        ),
        (
            "POST /runs/a/cancel HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n"
                .to_owned(),
            413,
        ),
        ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 200),
    ] {
        assert_eq!(
            watched.send(request.as_bytes()).status,
            status,
            "{:.60}",
            request
        );
    }
    drop(silent);
    let mut said = String::new();
    let _ = slow.read_to_string(&mut said);
    // It may have had to make room for the crowd; if not it is told.
    assert!(
        said.is_empty() || said.starts_with("HTTP/1.1 408 "),
        "{said}"
    );
    assert_eq!(watched.get("/healthz").status, 200);
}

#[test]
fn the_end_of_the_coordinator_ends_its_streams() {
    let mut watched = Watched::start(&[]);
    let mut events = watched.events("", "");
    events.find("hello", |_| Some(()));
    watched.program.signal("INT");
    while events.next().is_some() {}
    assert_eq!(watched.program.wait().code(), Some(0));
}

#[test]
fn a_cluster_of_its_own_has_one_too() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_client"))
        .args(["--dashboard", "127.0.0.1:0", "--rounds", "1000000"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a client");
    let lines = BufReader::new(child.stderr.take().expect("its words")).lines();
    let url = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("dashboard at http://").map(str::to_owned));
    let url = url.expect("where it is");
    let (address, _) = url.split_once("/?token=").expect("a token");
    let mut stream = std::net::TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    stream
        .write_all(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        .expect("a request");
    let mut said = String::new();
    stream.read_to_string(&mut said).expect("an answer");
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{said}");
    child.kill().expect("it can be killed");
    child.wait().expect("it is gone");
}

#[test]
fn a_taken_port_and_a_wrong_token_are_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    for (arguments, code, says) in [
        (["--dashboard", &address], 1, "cannot listen on"),
        (["--dashboard-token", "short"], 2, "8 to 128 letters"),
        (["--dashboard", "nowhere"], 2, "nowhere"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_coordinator"))
            .args(["0", "2", "--nodes", "none"])
            .args(arguments)
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(says), "{said}");
    }
}
