//! Which of our crates may use which, and who may speak SQL.

use cargo_metadata::{DependencyKind, Metadata};

/// One crate's use of another.
#[derive(Debug)]
pub(super) struct Edge {
    from: String,
    to: String,
    for_tests: bool,
}

/// Allowed uses between our crates, as the picture in ARCHITECTURE.md has them. No crate is added
/// without a line there and a line here.
const ALLOWED: &[(&str, &str)] = &[
    ("auditrail-in-transaction", "auditrail-core"),
    ("auditrail-store", "auditrail-core"),
    ("auditrail-store", "pg-pipeline"),
    ("auditrail", "auditrail-core"),
    ("auditrail", "auditrail-server"),
    ("auditrail", "auditrail-store"),
    ("auditrail", "local-postgres"),
    // It opens the connections it hands to the store, and sends no statement of its own.
    ("auditrail", "sqlx"),
    ("auditrail-client", "auditrail-core"),
    ("auditrail-server", "auditrail-core"),
    ("auditrail-server", "auditrail-store"),
    ("auditrail-bench", "auditrail-core"),
    ("auditrail-bench", "auditrail-sample"),
    ("auditrail-bench", "auditrail-store"),
    ("auditrail-bench", "auditrail-tower"),
    ("auditrail-bench", "local-postgres"),
    ("auditrail-bench", "xtask"),
    // The peer of a record in the caller's transaction: a hand-written INSERT.
    ("auditrail-bench", "sqlx"),
    ("auditrail-testkit", "auditrail-core"),
    ("auditrail-testkit", "auditrail-store"),
    ("auditrail-testkit", "local-postgres"),
    ("auditrail-tower", "auditrail-core"),
    ("example-gateway", "auditrail-client"),
    ("example-gateway", "auditrail-core"),
    ("example-gateway", "auditrail-tower"),
    ("xtask", "local-postgres"),
];

/// Allowed for tests only: those who need a database to try themselves on.
const ALLOWED_FOR_TESTS: &[(&str, &str)] = &[
    ("auditrail-in-transaction", "auditrail-testkit"),
    // Every driver at once.
    ("auditrail-in-transaction", "auditrail-in-transaction"),
    ("auditrail-store", "auditrail-testkit"),
    ("auditrail-server", "auditrail-testkit"),
    // The faults of the client are tried against the real service.
    ("auditrail-client", "auditrail-server"),
    ("auditrail-client", "auditrail-store"),
    ("auditrail-client", "auditrail-testkit"),
    // Locks that make the database slow on purpose.
    ("auditrail-server", "sqlx"),
    ("auditrail", "auditrail-testkit"),
    // Itself, with its feature.
    ("auditrail-tower", "auditrail-tower"),
];

/// Only these speak SQL; the first with one statement, that calls a function of the store's.
const SQL: [&str; 3] = ["auditrail-in-transaction", "auditrail-store", "auditrail-testkit"];

/// The uses in the workspace that have rules: between our crates, and of sqlx and its kin.
pub(super) fn of(metadata: &Metadata) -> Vec<Edge> {
    let ours = |name: &str| metadata.packages.iter().any(|package| package.name == name);
    let mut edges = Vec::new();
    for package in &metadata.packages {
        for dependency in &package.dependencies {
            if ours(&dependency.name) || speaks_sql(&dependency.name) {
                edges.push(Edge {
                    from: package.name.to_string(),
                    to: dependency.name.clone(),
                    for_tests: dependency.kind == DependencyKind::Development,
                });
            }
        }
    }
    edges
}

/// Complains about every use that is not in the tables.
pub(super) fn edges(edges: &[Edge]) -> Vec<String> {
    let wrong = edges.iter().filter(|edge| !is_allowed(edge));
    wrong
        .map(|Edge { from, to, for_tests }| {
            let how = if *for_tests { " (for tests)" } else { "" };
            format!("{from} may not use {to}{how}; see xtask/src/tidy/dependencies.rs")
        })
        .collect()
}

fn is_allowed(edge: &Edge) -> bool {
    let pair = (edge.from.as_str(), edge.to.as_str());
    ALLOWED.contains(&pair)
        || (edge.for_tests && ALLOWED_FOR_TESTS.contains(&pair))
        || (speaks_sql(pair.1) && SQL.contains(&pair.0))
}

fn speaks_sql(name: &str) -> bool {
    name == "sqlx" || name.ends_with("-sqlx") || name == "tokio-postgres"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(from: &str, to: &str, for_tests: bool) -> usize {
        edges(&[Edge { from: from.to_owned(), to: to.to_owned(), for_tests }]).len()
    }

    #[test]
    fn only_edges_of_the_picture_pass() {
        assert_eq!(complaints("auditrail-store", "auditrail-core", false), 0);
        assert_eq!(complaints("auditrail-core", "auditrail-store", false), 1);
        assert_eq!(complaints("xtask", "auditrail-testkit", true), 1);
    }

    #[test]
    fn the_testkit_is_for_tests_only() {
        assert_eq!(complaints("auditrail", "auditrail-testkit", true), 0);
        assert_eq!(complaints("auditrail", "auditrail-testkit", false), 1);
    }

    #[test]
    fn only_the_store_speaks_sql() {
        assert_eq!(complaints("auditrail-store", "jiff-sqlx", false), 0);
        assert_eq!(complaints("auditrail-core", "sqlx", false), 1);
        assert_eq!(complaints("xtask", "sqlx", false), 1);
        assert_eq!(complaints("xtask", "sqlx", true), 1);
    }
}
