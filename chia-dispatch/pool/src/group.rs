//! The process group of a worker.

use rustix::process::Pid;

/// Whether the leader is the only living process of its group. Where the system does not say, it is
/// not.
pub(super) fn is_alone(leader: Pid) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else { return false };
    let group = leader.as_raw_nonzero().get();
    let ids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    // The leader must be found: an empty directory says nothing.
    let living: Vec<i32> = ids.filter(|id: &i32| living_group(*id) == Some(group)).collect();
    living == [group]
}

/// The group of a process, unless it has ended: the fields of `/proc/PID/stat` in proc(5).
fn living_group(process: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before this may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let (state, _parent, group) = (fields.next()?, fields.next()?, fields.next()?);
    if state == "Z" { None } else { group.parse().ok() }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::*;

    fn sleeper(group: i32) -> std::process::Child {
        Command::new("sleep").arg("600").process_group(group).spawn().expect("it starts")
    }

    #[test]
    fn a_leader_is_alone_when_its_group_has_no_other_living_process() {
        let mut leader = sleeper(0);
        let pid = Pid::from_child(&leader);
        assert!(is_alone(pid));
        let mut other = sleeper(pid.as_raw_nonzero().get());
        assert!(!is_alone(pid));
        other.kill().expect("it lives");
        // Not waited for: a zombie is no living process.
        while living_group(other.id().cast_signed()).is_some() {
            std::thread::yield_now();
        }
        assert!(is_alone(pid));
        leader.kill().expect("it lives");
        leader.wait().expect("it is ours");
        other.wait().expect("it is ours");
        assert!(!is_alone(pid), "there is no leader");
    }
}
