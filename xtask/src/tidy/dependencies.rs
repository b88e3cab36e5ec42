//! Which crates of the workspace may depend on which, and which may depend on SQL drivers.

use cargo_metadata::{DependencyKind, Metadata};

/// A dependency of one crate on another.
#[derive(Debug)]
pub(super) struct Edge {
    from: String,
    to: String,
    for_tests: bool,
}

/// Allowed dependencies, as in ARCHITECTURE.md, to which every new edge is added too.
const ALLOWED: &[(&str, &str)] = &[
    ("auditrail-api", "auditrail-core"),
    ("auditrail-evidence", "auditrail-core"),
    ("auditrail-evidence", "tlog"),
    ("auditrail-in-transaction", "auditrail-core"),
    ("auditrail-signer", "tlog"),
    ("auditrail-witness", "tlog"),
    ("auditrail-store", "auditrail-core"),
    ("auditrail-store", "auditrail-evidence"),
    ("auditrail-store", "pg-pipeline"),
    ("auditrail-store", "tlog"),
    ("auditrail", "auditrail-core"),
    ("auditrail", "auditrail-evidence"),
    ("auditrail", "auditrail-witness"),
    ("auditrail", "tlog"),
    ("auditrail", "auditrail-server"),
    ("auditrail", "auditrail-signer"),
    ("auditrail", "auditrail-store"),
    ("auditrail", "local-postgres"),
    // Opens the connections of the store; sends no statements.
    ("auditrail", "sqlx"),
    ("auditrail-client", "auditrail-api"),
    ("auditrail-client", "auditrail-core"),
    ("auditrail-server", "auditrail-api"),
    ("auditrail-server", "auditrail-core"),
    ("auditrail-server", "auditrail-evidence"),
    ("auditrail-server", "auditrail-signer"),
    ("auditrail-server", "tlog"),
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
    ("example-axum", "auditrail-client"),
    ("example-axum", "auditrail-core"),
    ("example-axum", "auditrail-tower"),
    ("example-gateway", "auditrail-client"),
    ("example-gateway", "auditrail-core"),
    ("example-gateway", "auditrail-tower"),
    ("xtask", "local-postgres"),
];

/// Allowed for tests only.
const ALLOWED_FOR_TESTS: &[(&str, &str)] = &[
    // The record of a handler behind the layer.
    ("auditrail-in-transaction", "auditrail-tower"),
    ("auditrail-in-transaction", "auditrail-testkit"),
    // Every driver at once.
    ("auditrail-in-transaction", "auditrail-in-transaction"),
    ("auditrail-store", "auditrail-testkit"),
    ("auditrail-server", "auditrail-testkit"),
    // Failures of the client are tested against the real service.
    ("auditrail-client", "auditrail-server"),
    ("auditrail-client", "auditrail-store"),
    ("auditrail-client", "auditrail-testkit"),
    // Locks that make the database slow.
    ("auditrail-server", "sqlx"),
    ("auditrail", "auditrail-testkit"),
    // The examples are tested against the real service.
    ("example-axum", "auditrail-server"),
    ("example-axum", "auditrail-store"),
    ("example-axum", "auditrail-testkit"),
    ("example-gateway", "auditrail-server"),
    ("example-gateway", "auditrail-store"),
    ("example-gateway", "auditrail-testkit"),
    // Itself, with its feature.
    ("auditrail-tower", "auditrail-tower"),
];

/// The crates with SQL; the first has one statement, which calls a function of the migrations.
const SQL: [&str; 3] = ["auditrail-in-transaction", "auditrail-store", "auditrail-testkit"];

/// The dependencies that have rules: between crates of the workspace, and on SQL drivers.
pub(super) fn of(metadata: &Metadata) -> Vec<Edge> {
    let is_member = |name: &str| metadata.packages.iter().any(|package| package.name == name);
    let mut edges = Vec::new();
    for package in &metadata.packages {
        for dependency in &package.dependencies {
            if is_member(&dependency.name) || is_sql_driver(&dependency.name) {
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

/// Complaints about dependencies that are not allowed.
pub(super) fn edges(edges: &[Edge]) -> Vec<String> {
    edges
        .iter()
        .filter(|edge| !is_allowed(edge))
        .map(|Edge { from, to, for_tests }| {
            let scope = if *for_tests { " (for tests)" } else { "" };
            format!("{from} may not depend on {to}{scope}; see xtask/src/tidy/dependencies.rs")
        })
        .collect()
}

fn is_allowed(edge: &Edge) -> bool {
    let pair = (edge.from.as_str(), edge.to.as_str());
    ALLOWED.contains(&pair)
        || (edge.for_tests && ALLOWED_FOR_TESTS.contains(&pair))
        || (is_sql_driver(pair.1) && SQL.contains(&pair.0))
}

fn is_sql_driver(name: &str) -> bool {
    name == "sqlx" || name.ends_with("-sqlx") || name == "tokio-postgres"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(from: &str, to: &str, for_tests: bool) -> usize {
        edges(&[Edge { from: from.to_owned(), to: to.to_owned(), for_tests }]).len()
    }

    #[test]
    fn only_listed_edges_are_allowed() {
        assert_eq!(complaints("auditrail-store", "auditrail-core", false), 0);
        assert_eq!(complaints("auditrail-core", "auditrail-store", false), 1);
        assert_eq!(complaints("xtask", "auditrail-testkit", true), 1);
    }

    #[test]
    fn testkit_is_for_tests_only() {
        assert_eq!(complaints("auditrail", "auditrail-testkit", true), 0);
        assert_eq!(complaints("auditrail", "auditrail-testkit", false), 1);
    }

    #[test]
    fn only_store_depends_on_sql_drivers() {
        assert_eq!(complaints("auditrail-store", "jiff-sqlx", false), 0);
        assert_eq!(complaints("auditrail-core", "sqlx", false), 1);
        assert_eq!(complaints("xtask", "sqlx", false), 1);
        assert_eq!(complaints("xtask", "sqlx", true), 1);
    }
}
