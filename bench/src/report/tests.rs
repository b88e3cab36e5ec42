use std::path::PathBuf;

use super::targets::Outcome;
use super::*;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn committed_page_and_chart_match_committed_results() {
    let results = Results::committed(&root()).unwrap();
    assert!(!results.parts.is_empty());
    let words = Words::read(&root()).unwrap();
    let committed = |path| fs::read_to_string(root().join(path)).unwrap();
    let hint = "run `cargo xtask bench report`";
    assert!(committed(PAGE) == page::render(&results.parts, &words), "{PAGE} differs: {hint}");
    assert!(committed(CHART) == chart::render(&results.parts), "{CHART} differs: {hint}");
    assert!(committed(RESULTS) == results.json().unwrap(), "{RESULTS} differs: {hint}");
}

fn writes(ours: &[f64], fastify: &[f64]) -> Part {
    let settings = vec![("PostgreSQL".to_owned(), "15.18".to_owned())];
    let mut part = Part { name: "write".to_owned(), settings, ..Part::default() };
    part.notes.push("All on one machine.".to_owned());
    let workload = "single, 64 connections, TCP";
    for (ours, fastify) in ours.iter().zip(fastify) {
        part.add(workload, "auditrail", ("rate", "records/s"), *ours);
        part.add(workload, "fastify + pg", ("rate", "records/s"), *fastify);
        part.add(workload, "fastify + pg", ("p99", "ms"), 19.0);
    }
    part
}

fn line_of<'a>(page: &'a str, start: &str) -> &'a str {
    page.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {page}"))
}

#[test]
fn page_has_figures_verdicts_and_missing_parts() {
    let parts = [writes(&[25_000.0, 26_000.0, 24_000.0], &[6_000.0, 6_200.0, 6_100.0])];
    let page = page::render(&parts, &Words::default());
    let verdict = "| Single records on 64 connections, to fastify + pg | ≥ 4.00 \
                   | 4.17 (3.93–4.19) | met |";
    assert_eq!(line_of(&page, "| Single records on 64 connections, to fastify"), verdict);
    assert!(line_of(&page, "| P99 of single").ends_with("| – | not measured |"));
    assert!(line_of(&page, "| Written twice").ends_with("| – | not measured |"));
    let row = "| fastify + pg | 6,100 (6,000–6,200) | 19.0 (19.0–19.0) | 4.17 (3.93–4.19) |";
    assert_eq!(line_of(&page, "| fastify + pg"), row);
    for line in ["| PostgreSQL | 15.18 |", "cargo xtask bench write", "- All on one machine."] {
        assert_eq!(line_of(&page, line), line);
    }
}

#[test]
fn missed_target_has_a_paragraph_with_its_cause() {
    let parts = [writes(&[12_000.0], &[6_000.0])];
    let page = |words: &str| page::render(&parts, &Words::parse(words).unwrap());
    let lines = |page: &str| {
        let target = "Single records on 64 connections, to fastify";
        ["| ", "*"].map(|start| line_of(page, &format!("{start}{target}")).to_owned())
    };
    let [row, reason] = lines(&page(""));
    assert!(row.ends_with("| 2.00 | missed |"), "{row}");
    assert!(reason.ends_with("*: the cause is not known yet."), "{reason}");
    let [_, reason] = lines(&page("[causes]\nsingle-64-to-fastify = \"one lock\"\n"));
    assert!(reason.ends_with("*: one lock."), "{reason}");
    assert!(Words::parse("[causes]\nno-such-target = \"x\"\n").is_err());
}

#[test]
fn worst_search_counts_and_is_named() {
    let mut part = Part { name: "query".to_owned(), ..Part::default() };
    for (search, ours) in [("a (common), first page", 1.2), ("b (rare), first page", 2.6)] {
        let workload = format!("warm: {search}");
        part.add(&workload, "auditrail, 10,000,000 records", ("p99", "ms"), ours);
        part.add(&workload, "bare SQL, 10,000,000 records", ("p99", "ms"), 1.0);
    }
    let target = TARGETS.iter().find(|target| target.key == "list-to-bare-sql").unwrap();
    let outcome = target.evaluate(&[part]);
    assert_eq!(outcome.text(), "1 of 2; worst, b (rare), first: 2.60");
    assert!(!outcome.is_met());
}

#[test]
fn one_lost_record_misses_the_target() {
    let target = TARGETS.iter().find(|target| target.key == "lost").unwrap();
    let outcome = |rounds: &[f64]| {
        let mut part = Part { name: "loss".to_owned(), ..Part::default() };
        for lost in rounds {
            part.add("kill -9 of the server", "auditrail", ("lost", "records"), *lost);
        }
        target.evaluate(&[part])
    };
    assert!(outcome(&[0.0, 0.0, 0.0]).is_met());
    assert!(!outcome(&[0.0, 1.0, 0.0]).is_met());
    assert!(matches!(target.evaluate(&[]), Outcome::NotMeasured));
}

#[test]
fn many_searches_share_a_table_per_size() {
    let mut part = Part { name: "query".to_owned(), ..Part::default() };
    for search in 0..6 {
        for (side, ms) in [("auditrail", 1.5), ("bare SQL", 1.0)] {
            for size in ["1,000 records", "2,000 records"] {
                let workload = format!("warm: filter {search}, first page");
                part.add(&workload, &format!("{side}, {size}"), ("p50", "ms"), ms / 2.0);
                part.add(&workload, &format!("{side}, {size}"), ("p99", "ms"), ms);
                part.add(&workload, &format!("{side}, {size}"), ("max", "ms"), ms * 4.0);
            }
        }
    }
    let page = page::render(&[part], &Words::default());
    assert_eq!(page.matches("### Warm, 2,000 records\n").count(), 1);
    assert_eq!(page.matches("| filter 3, first page |").count(), 2);
    let row = "| filter 3, first page | 0.75 | 1.50 | 6.00 | 0.50 | 1.00 | 4.00 | 1.50 |";
    assert_eq!(line_of(&page, "| filter 3"), row);
}

#[test]
fn workloads_with_one_metric_share_a_table() {
    let mut part = Part { name: "serve".to_owned(), ..Part::default() };
    for (workload, mib) in [("idle", 14.0), ("under load", 22.5)] {
        part.add(workload, "auditrail serve", ("memory", "MiB"), mib);
        part.add(workload, "limit", ("memory", "MiB"), 32.0);
    }
    let page = page::render(&[part], &Words::default());
    assert!(page.contains("### Memory, MiB\n\n|  | auditrail serve | limit |\n"), "{page}");
    assert_eq!(line_of(&page, "| Under load"), "| Under load | 22.5 | 32.0 |");
}

#[test]
fn sides_are_compared_at_the_same_size() {
    let mut part = Part { name: "growth".to_owned(), ..Part::default() };
    let rates = [("0 records", 40.0, 50.0), ("1,000 records", 30.0, 10.0)];
    for (size, ours, copy) in rates {
        part.add("batches", &format!("auditrail, {size}"), ("rate", "records/s"), ours);
        part.add("batches", &format!("COPY, {size}"), ("rate", "records/s"), copy);
    }
    let page = page::render(&[part], &Words::default());
    assert_eq!(line_of(&page, "| COPY, 0 records"), "| COPY, 0 records | 50.0 | 0.80 |");
    assert_eq!(line_of(&page, "| COPY, 1,000"), "| COPY, 1,000 records | 10.0 | 3.00 |");
    assert_eq!(line_of(&page, "| auditrail, 1,000"), "| auditrail, 1,000 records | 30.0 | – |");
}

#[test]
fn chart_has_a_bar_per_side_and_names_missing_data() {
    let chart = chart::render(&[writes(&[25_000.0], &[6_000.0])]);
    assert_eq!(chart.matches("<rect").count(), 2);
    assert!(chart.contains("class=\"ours\" x=\"220\" y=\"52\" width=\"460.0\""), "{chart}");
    assert!(chart.contains(">fastify + pg<") && chart.contains(">25,000<"));
    assert!(chart.contains(">not measured<"));
}
