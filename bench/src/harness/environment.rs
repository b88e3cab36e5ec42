//! The machine and the versions of a run. A server that is not durable is refused.

use std::fs;

use crate::harness::psql::Database;
use xtask::error::{Error, Result};
use xtask::sh::Sh;

/// Settings without which a commit is not durable.
const DURABLE: [&str; 3] = ["fsync", "synchronous_commit", "full_page_writes"];
/// Other settings of the server that affect its speed.
const SHOWN: [&str; 5] =
    ["shared_buffers", "work_mem", "max_wal_size", "wal_level", "max_connections"];

/// For `Part::settings`: the machine, PostgreSQL and its settings, and the versions of those `tools`
/// (`node`, `python3`) that are installed.
///
/// # Errors
/// If the server may lose commits that it has acknowledged.
pub(crate) fn settings(database: Database<'_>, tools: &[&str]) -> Result<Vec<(String, String)>> {
    let show = |name: &str| database.sql(&format!("show {name}"));
    let mut all = machine();
    let version = show("server_version")?;
    // Without the suffix that a distribution adds.
    push(&mut all, "PostgreSQL", version.split_whitespace().next().unwrap_or_default());
    for name in DURABLE {
        let value = show(name)?;
        check_durable(name, value.trim())?;
        push(&mut all, name, &value);
    }
    for name in SHOWN {
        push(&mut all, name, &show(name)?);
    }
    all.extend(versions(tools));
    Ok(all)
}

/// The same for a part without a server.
pub(crate) fn without_database() -> Vec<(String, String)> {
    let mut all = machine();
    all.extend(versions(&[]));
    all
}

fn versions(tools: &[&str]) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for tool in [&["rustc"], tools].concat() {
        push(&mut all, tool, &version_of(tool));
    }
    all
}

fn push(all: &mut Vec<(String, String)>, name: &str, value: &str) {
    if !value.trim().is_empty() {
        all.push((name.to_owned(), value.trim().to_owned()));
    }
}

fn check_durable(name: &str, value: &str) -> Result<()> {
    match value {
        "on" => Ok(()),
        _ => Err(Error::Refused(format!(
            "`{name}` is {value}, so commits may be lost; measurements require a durable server"
        ))),
    }
}

/// Processor, memory, kernel and load, where /proc has them.
fn machine() -> Vec<(String, String)> {
    let mut all = Vec::new();
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    push(&mut all, "processor", field(&read("/proc/cpuinfo"), "model name"));
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    push(&mut all, "processors", &processors.to_string());
    push(&mut all, "memory", &gib(field(&read("/proc/meminfo"), "MemTotal")));
    push(&mut all, "kernel", &read("/proc/sys/kernel/osrelease"));
    let load = read("/proc/loadavg");
    push(&mut all, "load average at the start", load.split(' ').next().unwrap_or_default());
    all
}

/// The value of the first line `name: value`.
fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'));
    value.map_or("", |(_, value)| value.trim())
}

/// `24587904 kB` as `23.4 GiB`; empty for other texts.
fn gib(kib: &str) -> String {
    let number = kib.strip_suffix("kB").and_then(|kib| kib.trim().parse::<f64>().ok());
    number.map_or(String::new(), |kib| format!("{:.1} GiB", kib / 1_048_576.0))
}

/// The version that `tool --version` prints; empty if the tool is not installed.
fn version_of(tool: &str) -> String {
    if !Sh::new(tool).arg("--version").works() {
        return String::new();
    }
    let output = Sh::new(tool).arg("--version").read().unwrap_or_default();
    let version =
        output.split_whitespace().find(|word| word.contains(|c: char| c.is_ascii_digit()));
    version.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_that_may_lose_commits_is_refused() {
        assert!(check_durable("fsync", "on").is_ok());
        for (name, value) in [("fsync", "off"), ("synchronous_commit", "local")] {
            let refusal = check_durable(name, value).unwrap_err().to_string();
            assert!(refusal.starts_with(&format!("`{name}` is {value}")), "{refusal}");
        }
    }

    #[test]
    fn machine_is_read_from_proc() {
        let page = "processor\t: 0\nmodel name\t: Some CPU @ 2.5GHz\nmodel name\t: other\n";
        assert_eq!(field(page, "model name"), "Some CPU @ 2.5GHz");
        assert_eq!(field("", "model name"), "");
        assert_eq!(gib(field("MemTotal:       24587904 kB\n", "MemTotal")), "23.4 GiB");
        assert_eq!(gib(""), "");
    }

    #[test]
    fn version_of_missing_tool_is_empty() {
        assert!(version_of("rustc").starts_with("1."));
        assert_eq!(version_of("no-such-tool"), "");
    }
}
