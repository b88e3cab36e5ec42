//! Workloads over TCP and over a Unix socket in one table, side by side.

use super::{capital, cell_of, of, ratios, table, unique, workloads};
use crate::harness::transport::Transport;
use crate::result::{Figure, Part};

/// The metrics of the table with their units; those without figures are left out.
const METRICS: [(&str, &str); 3] = [("rate", "records/s"), ("p50", "ms"), ("p99", "ms")];
/// How the workloads of either connection end; see [`Transport::workload`].
const ENDS: [Transport; 2] = [Transport::Tcp, Transport::Unix];

/// The figures of Auditrail for a workload over both connections.
struct Pair<'a> {
    /// Its name without the connection.
    workload: &'a str,
    side: &'a str,
    tcp: Vec<&'a Figure>,
    unix: Vec<&'a Figure>,
}

/// The table with its title; empty if no workload has both.
pub(super) fn table_of(part: &Part) -> String {
    let pairs = pairs(part);
    let shown = |metric: &str| {
        pairs
            .iter()
            .any(|pair| find(&pair.tcp, metric).is_some() && find(&pair.unix, metric).is_some())
    };
    let metrics: Vec<_> = METRICS.into_iter().filter(|(metric, _)| shown(metric)).collect();
    if metrics.is_empty() {
        return String::new();
    }
    let mut head = vec![String::new()];
    for (metric, unit) in &metrics {
        head.extend(ENDS.map(|transport| format!("{}: {metric}, {unit}", transport.name())));
        head.push(format!("ratio of {metric}"));
    }
    let row = |pair: &Pair<'_>| {
        let mut row = vec![capital(&format!("{}, {}", pair.workload, pair.side))];
        for (metric, _) in &metrics {
            let figures = [find(&pair.tcp, metric), find(&pair.unix, metric)];
            row.extend(figures.map(|figure| figure.map_or_else(none, cell_of)));
            row.push(match figures {
                [Some(tcp), Some(unix)] => ratios(tcp, unix),
                _ => none(),
            });
        }
        row
    };
    let rows: Vec<_> = pairs.iter().map(row).collect();
    format!("### TCP beside a Unix socket\n\n{}\n", table(&head, &rows))
}

/// The workloads that are complete in this table: those with one side.
pub(super) fn shown(part: &Part) -> Vec<&str> {
    let pairs = pairs(part);
    let is_shown = |workload: &&str| {
        let sides = unique(of(part, workload).iter().map(|figure| figure.side.as_str()));
        let figures = pairs.iter().flat_map(|pair| pair.tcp.iter().chain(&pair.unix));
        sides.len() == 1 && figures.into_iter().any(|figure| figure.workload == *workload)
    };
    workloads(part).into_iter().filter(is_shown).collect()
}

fn pairs(part: &Part) -> Vec<Pair<'_>> {
    let of_side = |workload: &str, side: &str| -> Vec<&Figure> {
        of(part, workload).into_iter().filter(|figure| figure.side == side).collect()
    };
    let [tcp, unix] = ENDS.map(|transport| transport.workload(""));
    let mut pairs = Vec::new();
    for name in workloads(part) {
        let Some(workload) = name.strip_suffix(&tcp) else {
            continue;
        };
        let sides = unique(of(part, name).iter().map(|figure| figure.side.as_str()));
        for side in sides.into_iter().filter(|side| side.starts_with("auditrail")) {
            let by_unix = of_side(&format!("{workload}{unix}"), side);
            if !by_unix.is_empty() {
                pairs.push(Pair { workload, side, tcp: of_side(name, side), unix: by_unix });
            }
        }
    }
    pairs
}

fn find<'a>(figures: &[&'a Figure], metric: &str) -> Option<&'a Figure> {
    figures.iter().copied().find(|figure| figure.metric == metric)
}

fn none() -> String {
    "–".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part() -> Part {
        let mut part = Part::default();
        for (workload, rate) in [("single, TCP", 90.0), ("single, Unix socket", 100.0)] {
            part.add(workload, "auditrail", ("rate", "records/s"), rate);
            part.add(workload, "auditrail", ("p99", "ms"), 200.0 / rate);
        }
        part.add("single, TCP + 1 ms each way", "auditrail", ("rate", "records/s"), 9.0);
        part
    }

    #[test]
    fn both_connections_are_in_one_row() {
        let page = table_of(&part());
        let row = "| Single, auditrail | 90.0 | 100 | 0.90 | 2.22 | 2.00 | 1.11 |";
        assert!(page.contains(row), "{page}");
        assert!(page.contains("TCP: rate, records/s | Unix socket: rate, records/s"), "{page}");
        assert_eq!(shown(&part()), ["single, TCP", "single, Unix socket"]);
    }

    #[test]
    fn part_with_one_connection_has_no_table() {
        let mut part = part();
        part.figures.retain(|figure| !figure.workload.ends_with("Unix socket"));
        assert_eq!(table_of(&part), "");
        assert!(shown(&part).is_empty());
    }
}
