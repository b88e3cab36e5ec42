//! Processor time and memory of a process tree, from /proc; without it there are no figures.

use std::collections::HashMap;
use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::measure;

/// A process and its descendants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tree {
    root: u32,
}

impl Tree {
    pub(crate) const fn of(root: u32) -> Self {
        Self { root }
    }

    /// This process and its descendants.
    pub(crate) fn own() -> Self {
        Self { root: std::process::id() }
    }

    /// Processor time in seconds, including descendants that have exited, whose time is added to their
    /// parent's. It never decreases, so differences are meaningful.
    pub(crate) fn cpu_seconds(self) -> Option<f64> {
        let processes = Processes::read();
        let of = |pid: &u32| processes.by_pid.get(pid).map(|process| process.ticks);
        let ticks: Vec<u64> = processes.tree(self.root).iter().filter_map(of).collect();
        #[expect(clippy::cast_precision_loss, reason = "a hundred ticks a second fit")]
        let seconds =
            ticks.iter().sum::<u64>() as f64 / rustix::param::clock_ticks_per_second() as f64;
        (!ticks.is_empty()).then_some(seconds)
    }

    /// The sum of the processes' peak memory, in MiB: an upper bound, because shared pages count repeatedly
    /// and peaks may occur at different times.
    pub(crate) fn peak_mib(self) -> Option<f64> {
        let pids = Processes::read().tree(self.root);
        let kib: u64 = pids.iter().map(|pid| measure::peak_kib(*pid)).sum();
        #[expect(clippy::cast_precision_loss, reason = "memory in KiB is far below 2^52")]
        let mib = kib as f64 / 1_024.0;
        (kib > 0).then_some(mib)
    }

    /// Sends SIGKILL to all. The root comes first, so that it cannot restart its children.
    pub(crate) fn kill(self) {
        for pid in Processes::read().tree(self.root) {
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                // It may have exited already.
                let _has_exited = kill_process(pid, Signal::KILL).is_err();
            }
        }
    }
}

/// A snapshot of all processes.
#[derive(Debug, Default)]
struct Processes {
    by_pid: HashMap<u32, Process>,
}

#[derive(Debug, PartialEq)]
struct Process {
    parent: u32,
    /// Its own, and those of its exited children.
    ticks: u64,
}

impl Processes {
    fn read() -> Self {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let stat = |pid| fs::read_to_string(format!("/proc/{pid}/stat")).ok();
        let by_pid = pids.filter_map(|pid| Some((pid, process(&stat(pid)?)?))).collect();
        Self { by_pid }
    }

    /// The root and its descendants, the root first.
    fn tree(&self, root: u32) -> Vec<u32> {
        let mut tree: Vec<u32> =
            self.by_pid.contains_key(&root).then_some(root).into_iter().collect();
        let mut next = 0;
        while let Some(parent) = tree.get(next).copied() {
            let children = self.by_pid.iter().filter(|(_, process)| process.parent == parent);
            tree.extend(children.map(|(pid, _)| *pid));
            next += 1;
        }
        tree
    }
}

/// Parses `/proc/PID/stat`. The second field is the name in brackets, which may contain anything; the
/// fourth is the parent, and the fourteenth to seventeenth are its own ticks and its children's.
fn process(stat: &str) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // The time of a zombie is not yet added to its parent.
    let (parent, ticks) = (fields.get(1)?, fields.get(11..15)?);
    let ticks = ticks.iter().map(|ticks| ticks.parse::<u64>().ok()).sum::<Option<u64>>()?;
    Some(Process { parent: parent.parse().ok()?, ticks })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn process_names_may_contain_brackets() {
        let line = "77 (a) (b c) S 12 77 77 0 -1 4194560 100 200 0 0 10 20 3 4 20 0 1 0 500";
        assert_eq!(process(line), Some(Process { parent: 12, ticks: 37 }));
        assert_eq!(process("77 (x) S 12 77"), None);
        assert_eq!(process(""), None);
    }

    #[test]
    fn tree_has_root_and_descendants() {
        let one = |(pid, parent)| (pid, Process { parent, ticks: 1 });
        let all = [(1, 0), (2, 1), (3, 2), (4, 2), (5, 1)].map(one);
        let processes = Processes { by_pid: all.into_iter().collect() };
        let mut tree = processes.tree(2);
        assert_eq!(tree[0], 2);
        tree.sort_unstable();
        assert_eq!(tree, [2, 3, 4]);
        assert_eq!(processes.tree(9), [0_u32; 0]);
    }

    #[test]
    fn kill_reaches_descendants() {
        let mut shell = Command::new("sh");
        let mut shell = shell.args(["-c", "sleep 600 & wait"]).spawn().unwrap();
        let tree = Tree::of(shell.id());
        while Processes::read().tree(shell.id()).len() < 2 {
            std::thread::yield_now();
        }
        let sleeper = Processes::read().tree(shell.id())[1];
        tree.kill();
        shell.wait().unwrap();
        let has_ended = || {
            let stat = fs::read_to_string(format!("/proc/{sleeper}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        while !has_ended() {
            std::thread::yield_now();
        }
        assert_eq!(Processes::read().tree(shell.id()), [0_u32; 0]);
    }
}
