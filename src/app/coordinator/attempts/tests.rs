//! Tests of what is remembered of attempts.

use super::*;

fn run() -> RunId {
    RunId("r".to_owned())
}

fn dispatch(id: u64) -> Command {
    Command::Dispatch {
        attempt: AttemptId(id),
        node: NodeId(1),
        run: run(),
        work: Work::Train {
            round: 1,
            shards: [4, 5].into(),
        },
        may_refuse: false,
        audited: false,
        limit: Duration::ZERO,
    }
}

fn note(attempts: &Attempts, at: u64, said: Said, commands: &[Command], failed: Option<&str>) {
    let failed = |_| failed.map(Arc::from);
    attempts.note(Time(at), said, commands, failed, |_| "n:1".into());
}

fn outcomes(attempts: &Attempts) -> Vec<&'static str> {
    let (all, _) = attempts.since(&run(), 0, usize::MAX);
    let mut all: Vec<_> = all
        .iter()
        .map(|one| (one.number, one.outcome.name()))
        .collect();
    all.sort_unstable();
    all.into_iter().map(|(_, name)| name).collect()
}

#[test]
fn each_end_has_its_name() {
    let attempts = Attempts::default();
    let all: Vec<Command> = (1..=8).map(dispatch).collect();
    note(&attempts, 0, Said::Nothing, &all, None);
    let id = AttemptId;
    note(&attempts, 1, Said::Answered(id(1)), &[], None);
    note(
        &attempts,
        2,
        Said::Answered(id(2)),
        &[Command::Discard(id(2))],
        None,
    );
    note(&attempts, 3, Said::Refused(id(3)), &[], None);
    note(&attempts, 4, Said::Failed(id(4), "gone".into()), &[], None);
    let cancel = |of| [Command::Cancel(id(of), NodeId(1))];
    note(&attempts, 5, Said::Nothing, &cancel(5), None);
    note(&attempts, 6, Said::Nothing, &cancel(6), None);
    note(
        &attempts,
        7,
        Said::Answered(id(6)),
        &[Command::Discard(id(6))],
        None,
    );
    note(&attempts, 8, Said::Nothing, &cancel(7), Some("silent"));
    let mut ends = Outcome::ENDS.to_vec();
    ends.extend(["failed", "running"]);
    assert_eq!(outcomes(&attempts), ends);
    assert_eq!(attempts.tally().ends, [1, 1, 1, 2, 2, 1]);
    // What was closed on fails too, and that is no news.
    note(
        &attempts,
        9,
        Said::Failed(id(5), "closed".into()),
        &[],
        None,
    );
    assert_eq!(outcomes(&attempts), ends);
}

#[test]
fn whoever_asks_gets_what_changed_since() {
    let attempts = Attempts::default();
    note(
        &attempts,
        0,
        Said::Nothing,
        &[dispatch(1), dispatch(2)],
        None,
    );
    let (first, reached) = attempts.since(&run(), 0, 1);
    assert_eq!((first.len(), first[0].number, reached), (1, 1, 1));
    let (second, reached) = attempts.since(&run(), reached, 10);
    assert_eq!((second.len(), second[0].number, reached), (1, 2, 2));
    note(&attempts, 5, Said::Answered(AttemptId(1)), &[], None);
    let (changed, reached) = attempts.since(&run(), reached, 10);
    assert_eq!((changed[0].number, changed[0].ended), (1, Some(Time(5))));
    assert_eq!(attempts.since(&run(), reached, 10).0.len(), 0);
    assert_eq!(
        attempts.since(&run(), 1_000, 10).0.len(),
        2,
        "another life's number"
    );
}

#[test]
fn rings_are_bounded_and_go_with_their_runs() {
    let attempts = Attempts::default();
    note(&attempts, 0, Said::Nothing, &[dispatch(0)], None);
    for id in 1..=KEPT as u64 {
        note(&attempts, id, Said::Nothing, &[dispatch(id)], None);
        note(&attempts, id, Said::Answered(AttemptId(id)), &[], None);
    }
    assert_eq!(outcomes(&attempts).len(), KEPT);
    note(&attempts, 9, Said::Answered(AttemptId(0)), &[], None);
    let ended = attempts.tally().ends[0];
    assert_eq!(ended, KEPT as u64 + 1, "counted, though forgotten");
    note(&attempts, 0, Said::Nothing, &[Command::Forget(run())], None);
    assert_eq!(outcomes(&attempts).len(), 0);
}
