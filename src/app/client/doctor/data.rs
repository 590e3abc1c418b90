//! Whether a data spec is right, and where its rows would be looked for.

use super::finding::Finding;
use crate::app::client::options;
use crate::wire::stubs::coordinator::{NodeState, NodeStatus};

const CHECK: &str = "data";

/// What can be said of a spec from here; whether files are there, only those who open them know.
pub(super) fn look(spec: &str, nodes: &[NodeStatus]) -> Finding {
    if let Err(wrong) = options::data(spec) {
        let hint = "`client train --help` lists what data may be";
        return Finding::problem(CHECK, format!("`{spec}`: {wrong}"), hint);
    }
    match spec.split([':', ',']).next().unwrap_or(spec) {
        "path" => Finding::ok(
            CHECK,
            format!(
                "`{spec}` is well formed. Its files are looked for below the --data-root of the coordinator and, the same, \
                 below that of every node, on their machines; not on this one"
            ),
        ),
        "ship" => Finding::ok(
            CHECK,
            format!(
                "`{spec}` is well formed. Its files are looked for below the --data-root of the coordinator, on its machine; \
                 nodes get the rows from there"
            ),
        ),
        "private" => private(spec, nodes),
        _ => Finding::ok(
            CHECK,
            format!("`{spec}` is well formed, and takes no files"),
        ),
    }
}

fn private(spec: &str, nodes: &[NodeStatus]) -> Finding {
    let up = nodes.iter().filter(|node| node.state == NodeState::UP);
    let hosting = up.filter(|node| node.hosted.iter().flatten().next().is_some());
    match hosting.count() {
        0 => Finding::problem(
            CHECK,
            format!("`{spec}`: no node that is up hosts private rows"),
            "start nodes with --data PATH; the rows never leave them",
        ),
        some => Finding::ok(
            CHECK,
            format!("`{spec}`: {some} nodes that are up host private rows"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn specs_are_told_apart() {
        assert_eq!(look("builtin:digits", &[]).level, Level::Ok);
        let path = look("path:rows.csv", &[]);
        assert_eq!(path.level, Level::Ok);
        assert!(path.found.contains("every node"), "{path:?}");
        let wrong = look("builtin:nothing", &[]);
        assert_eq!(wrong.level, Level::Problem);
        assert!(wrong.found.contains("digits"), "{wrong:?}");
        assert_eq!(look("private:", &[]).level, Level::Problem);
    }
}
