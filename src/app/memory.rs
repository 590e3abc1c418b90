//! How much memory this process may use.

use std::fs;
use std::path::Path;

/// Bytes: what the machine has, or what its control group leaves it. Without word from the system: no limit.
pub fn allowed() -> usize {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let of_groups = groups.lines().filter_map(of_group);
    of_groups.chain(of_machine()).min().unwrap_or(usize::MAX)
}

/// By a line of `/proc/self/cgroup`, `NUMBER:CONTROLLERS:PATH`. In a container the path may be that of the host, and
/// the group itself lie at the root.
fn of_group(line: &str) -> Option<usize> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?);
    let (root, file) = match controllers {
        "" => ("/sys/fs/cgroup", "memory.max"),
        "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        _ => return None,
    };
    let below = Path::new(root).join(path.trim_start_matches('/'));
    let places = [below.as_path(), Path::new(root)];
    let read = |place: &Path| fs::read_to_string(place.join(file)).ok();
    let limits = places.iter().filter_map(|place| read(place));
    limits.filter_map(|text| text.trim().parse().ok()).min()
}

fn of_machine() -> Option<usize> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kilobytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed_is_what_a_machine_may_have() {
        assert!(allowed() > 1 << 20);
        assert_eq!(of_group("4:cpu:/x"), None);
        assert_eq!(of_group("nonsense"), None);
    }
}
