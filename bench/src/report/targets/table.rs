//! All targets, in the order of the report; workloads, sides and metrics are named as in the results.

use super::Bound::{AtLeast, AtMost, Never};
use super::{Selector, Target};
use crate::result::REQUEST_CPU;

const fn select(workload: &'static str, side: &'static str, metric: &'static str) -> Selector {
    Selector { workload, side, metric }
}

const OURS: &str = "auditrail";
const CPU: &str = REQUEST_CPU.0;
const SINGLE_1: &str = "single, 1 connection, TCP";
const SINGLE_64: &str = "single, 64 connections, TCP";
const BATCH: &str = "batches of 1,000, 2 connections, TCP";
const BATCH_BY_SOCKET: &str = "batches of 1,000, 2 connections, Unix socket";
const SINGLES: &str = "single, *, TCP";
const SINGLES_BY_SOCKET: &str = "single, *, Unix socket";
const DELAYED_1: &str = "single, 1 connection, TCP + 1 ms each way";
const DELAYED_64: &str = "single, 64 connections, TCP + 1 ms each way";
const BARE: &str = "bare axum handler";
const PGBENCH: &str = "pgbench, single-row INSERT";
const SEARCHES: &str = "warm: * page";
const HOSTILE: &str = "with hostile clients";
const AT_10M: &str = "auditrail, 10,000,000 records";

pub(in crate::report) const TARGETS: &[Target] = &[
    Target {
        key: "batch-to-copy",
        description: "batches of 1,000 over HTTP on 2 connections, to raw binary COPY on 2 connections",
        part: "write",
        ours: select(BATCH, OURS, "rate"),
        baseline: Some(select(BATCH, "COPY, 2 connections", "rate")),
        bound: AtLeast(0.85),
    },
    Target {
        key: "single-64-to-fastify",
        description: "single records on 64 connections, to fastify + pg",
        part: "write",
        ours: select(SINGLE_64, OURS, "rate"),
        baseline: Some(select(SINGLE_64, "fastify + pg", "rate")),
        bound: AtLeast(4.0),
    },
    Target {
        key: "single-64-to-axum",
        description: "single records on 64 connections, to a plain axum + sqlx handler",
        part: "write",
        ours: select(SINGLE_64, OURS, "rate"),
        baseline: Some(select(SINGLE_64, "axum + sqlx", "rate")),
        bound: AtLeast(3.0),
    },
    Target {
        key: "single-64-to-pgbench",
        description: "single records on 64 connections, to single-row INSERT by pgbench on 64",
        part: "write",
        ours: select(SINGLE_64, OURS, "rate"),
        baseline: Some(select(SINGLE_64, PGBENCH, "rate")),
        bound: AtLeast(2.5),
    },
    Target {
        key: "single-64-p99-to-fastify",
        description: "p99 of single records on 64 connections, to that of fastify + pg",
        part: "write",
        ours: select(SINGLE_64, OURS, "p99"),
        baseline: Some(select(SINGLE_64, "fastify + pg", "p99")),
        bound: AtMost(0.5),
    },
    Target {
        key: "single-1-to-pgbench",
        description: "single records on 1 connection, to single-row INSERT by pgbench on 1",
        part: "write",
        ours: select(SINGLE_1, OURS, "rate"),
        baseline: Some(select(SINGLE_1, PGBENCH, "rate")),
        bound: AtLeast(0.8),
    },
    Target {
        key: "tcp-to-unix",
        description: "single records over TCP, to the same over a Unix socket, 1, 4, 16 and 64 connections",
        part: "network",
        ours: select(SINGLES, OURS, "rate"),
        baseline: Some(select(SINGLES_BY_SOCKET, OURS, "rate")),
        bound: AtLeast(0.8),
    },
    Target {
        key: "tcp-to-unix-p99",
        description: "p99 of single records over TCP, to the same over a Unix socket",
        part: "network",
        ours: select(SINGLES, OURS, "p99"),
        baseline: Some(select(SINGLES_BY_SOCKET, OURS, "p99")),
        bound: AtMost(1.5),
    },
    Target {
        key: "tcp-to-unix-batches",
        description: "batches of 1,000 over TCP, to the same over a Unix socket",
        part: "network",
        ours: select(BATCH, OURS, "rate"),
        baseline: Some(select(BATCH_BY_SOCKET, OURS, "rate")),
        bound: AtLeast(0.9),
    },
    Target {
        key: "tcp-to-unix-import",
        description: "`auditrail import` over TCP, to the same over a Unix socket",
        part: "network",
        ours: select("import, TCP", OURS, "rate"),
        baseline: Some(select("import, Unix socket", OURS, "rate")),
        bound: AtLeast(0.9),
    },
    Target {
        key: "delayed-1",
        description: "p50 of single records on 1 connection, with 1 ms each way to PostgreSQL, ms",
        part: "network",
        ours: select(DELAYED_1, OURS, "p50"),
        baseline: None,
        bound: AtMost(7.0),
    },
    Target {
        key: "delayed-64-to-fastify",
        description: "single records on 64 connections, with 1 ms each way, to fastify + pg",
        part: "network",
        ours: select(DELAYED_64, OURS, "rate"),
        baseline: Some(select(DELAYED_64, "fastify + pg", "rate")),
        bound: AtLeast(3.0),
    },
    Target {
        key: "delayed-64-to-axum",
        description: "single records on 64 connections, with 1 ms each way, to axum + sqlx",
        part: "network",
        ours: select(DELAYED_64, OURS, "rate"),
        baseline: Some(select(DELAYED_64, "axum + sqlx", "rate")),
        bound: AtLeast(2.0),
    },
    Target {
        key: "floor-64",
        description: "processor time of a single record on 64 connections, to that of a bare axum handler",
        part: "floor",
        ours: select("single, 64 connections, *", OURS, CPU),
        baseline: Some(select("single, 64 connections, *", BARE, CPU)),
        bound: AtMost(1.8),
    },
    Target {
        key: "floor-4",
        description: "processor time of a single record on 4 connections, to that of a bare axum handler",
        part: "floor",
        ours: select("single, 4 connections, *", OURS, CPU),
        baseline: Some(select("single, 4 connections, *", BARE, CPU)),
        bound: AtMost(3.0),
    },
    Target {
        key: "transaction",
        description: "time of a transaction that also writes its record, to the same with a plain INSERT",
        part: "transaction",
        ours: select("*", OURS, "mean"),
        baseline: Some(select("*", "plain INSERT", "mean")),
        bound: AtMost(1.15),
    },
    Target {
        key: "layer",
        description: "processor time that the gateway layer adds to a request it records, µs",
        part: "layer",
        ours: select("a request that is recorded", OURS, "more than without"),
        baseline: None,
        bound: AtMost(5.0),
    },
    Target {
        key: "list-to-bare-sql",
        description: "p99 of a page, each filter, 10,000,000 records, to the bare SQL",
        part: "query",
        ours: select(SEARCHES, AT_10M, "p99"),
        baseline: Some(select(SEARCHES, "bare SQL, 10,000,000 records", "p99")),
        bound: AtMost(1.3),
    },
    Target {
        key: "list-to-100k",
        description: "p99 of a page, each filter, 10,000,000 records, to the same at 100,000",
        part: "query",
        ours: select(SEARCHES, AT_10M, "p99"),
        baseline: Some(select(SEARCHES, "auditrail, 100,000 records", "p99")),
        bound: AtMost(1.5),
    },
    Target {
        key: "import",
        description: "`auditrail import`, to `psql \\copy` of the same rows",
        part: "import",
        ours: select("*", "auditrail import", "rate"),
        baseline: Some(select("*", "psql \\copy", "rate")),
        bound: AtLeast(0.85),
    },
    Target {
        key: "growth",
        description: "ingest into 10,000,000 records, to ingest into none",
        part: "growth",
        ours: select("*", AT_10M, "rate"),
        baseline: Some(select("*", "auditrail, 0 records", "rate")),
        bound: AtLeast(0.8),
    },
    Target {
        key: "lost",
        description: "acknowledged and lost after kill -9",
        part: "loss",
        ours: select("*", OURS, "lost"),
        baseline: None,
        bound: Never,
    },
    Target {
        key: "doubled",
        description: "written twice after kill -9",
        part: "loss",
        ours: select("*", OURS, "doubled"),
        baseline: None,
        bound: Never,
    },
    Target {
        key: "soak-p99",
        description: "99th percentile of honest requests among hostile clients, to their quiet one",
        part: "soak",
        ours: select("* of 64 honest connections", HOSTILE, "p99"),
        baseline: Some(select("* of 64 honest connections", "quiet", "p99")),
        bound: AtMost(5.0),
    },
    Target {
        key: "soak-failed",
        description: "honest requests that fail among hostile clients",
        part: "soak",
        ours: select("64 honest connections", HOSTILE, "failed"),
        baseline: None,
        bound: Never,
    },
    Target {
        key: "soak-memory",
        description: "memory of the service among hostile clients, to its limit",
        part: "soak",
        ours: select("memory of the service", "auditrail serve", "memory"),
        baseline: Some(select("memory of the service", "limit", "memory")),
        bound: AtMost(1.0),
    },
    Target {
        key: "soak-drained",
        description: "seconds until all connections of hostile clients are closed",
        part: "soak",
        ours: select("after the hostile clients", "auditrail serve", "drained"),
        baseline: None,
        bound: AtMost(60.0),
    },
];
