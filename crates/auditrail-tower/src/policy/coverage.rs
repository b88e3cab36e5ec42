//! Coverage: the mutating requests that no rule matches.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::compile::CompiledRule;

/// Maximum routes counted by name: callers choose the paths.
const ROUTES_MAX: usize = 1_000;
/// Maximum characters of a counted route.
const ROUTE_MAX_CHARS: usize = 200;
/// Safe methods (RFC 9110 §9.2.1).
const SAFE: [&str; 4] = ["GET", "HEAD", "OPTIONS", "TRACE"];

/// Counts requests by coverage.
#[derive(Debug)]
pub(crate) struct Coverage {
    covered: AtomicU64,
    uncovered: AtomicU64,
    unrouted: AtomicU64,
    ambiguous: AtomicU64,
    routes: Mutex<HashMap<(String, String), u64>>,
    used: Vec<AtomicBool>,
}

/// The route of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route<'a> {
    /// The route pattern of the framework, or the path if there is none.
    Known(&'a str),
    /// The application has no route for the request.
    None,
}

impl Coverage {
    pub(super) fn new(rules: usize) -> Self {
        Self {
            covered: AtomicU64::new(0),
            uncovered: AtomicU64::new(0),
            unrouted: AtomicU64::new(0),
            ambiguous: AtomicU64::new(0),
            routes: Mutex::default(),
            used: (0..rules).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    /// Whether requests with this method count: those that are not safe.
    pub(crate) fn counts(method: &str) -> bool {
        !SAFE.contains(&method)
    }

    /// Marks a rule that decided about a request as used.
    pub(crate) fn mark_used(&self, rule: usize) {
        if let Some(used) = self.used.get(rule).filter(|used| !used.load(Ordering::Relaxed)) {
            used.store(true, Ordering::Relaxed);
        }
    }

    /// Counts a request that a rule matches.
    pub(crate) fn count_covered(&self, method: &str) {
        if Self::counts(method) {
            self.covered.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a request that no rule matches, or that succeeded with a status that no rule matches.
    pub(crate) fn count_uncovered(&self, method: &str, route: Route<'_>) {
        if !Self::counts(method) {
            return;
        }
        let Route::Known(route) = route else {
            self.unrouted.fetch_add(1, Ordering::Relaxed);
            return;
        };
        self.uncovered.fetch_add(1, Ordering::Relaxed);
        let short = |text: &str| text.chars().take(ROUTE_MAX_CHARS).collect::<String>();
        let key = (short(method), short(route));
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        if routes.len() < ROUTES_MAX || routes.contains_key(&key) {
            *routes.entry(key).or_default() += 1;
        }
    }

    /// Counts a request, of any method, whose path has readings that match different rules; returns the new count.
    pub(crate) fn count_ambiguous(&self) -> u64 {
        self.ambiguous.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn ambiguous(&self) -> u64 {
        self.ambiguous.load(Ordering::Relaxed)
    }

    pub(crate) fn uncovered(&self) -> u64 {
        self.uncovered.load(Ordering::Relaxed)
    }

    pub(super) fn report(&self, rules: &[CompiledRule]) -> CoverageReport {
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut uncovered: Vec<Uncovered> = routes
            .into_iter()
            .map(|((method, route), requests)| Uncovered { method, route, requests })
            .collect();
        uncovered.sort_by(|a, b| {
            let by_route = || (&a.route, &a.method).cmp(&(&b.route, &b.method));
            b.requests.cmp(&a.requests).then_with(by_route)
        });
        let unused = rules.iter().zip(&self.used).filter(|(_, used)| !used.load(Ordering::Relaxed));
        CoverageReport {
            covered: self.covered.load(Ordering::Relaxed),
            uncovered_requests: self.uncovered(),
            uncovered,
            unrouted: self.unrouted.load(Ordering::Relaxed),
            ambiguous: self.ambiguous(),
            unused_rules: unused.map(|(rule, _)| rule.name.clone()).collect(),
        }
    }
}

/// The coverage since the policy was created. Displayed as a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CoverageReport {
    /// Mutating requests that a rule matches.
    pub covered: u64,
    /// Mutating requests that no rule matches, those that succeeded (below 400) with a status that no rule
    /// matches, and those with an ambiguous path that are not recorded and have no rule in some reading.
    pub uncovered_requests: u64,
    /// Their routes, most requests first; at most 1,000.
    pub uncovered: Vec<Uncovered>,
    /// Mutating requests without a route in the application (404, 405).
    pub unrouted: u64,
    /// Requests of any method whose path servers may read in ways that match different rules.
    pub ambiguous: u64,
    /// Rules that decided about no request.
    pub unused_rules: Vec<String>,
}

/// A mutating route that no rule matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Uncovered {
    /// The method.
    pub method: String,
    /// The route pattern of the framework, or the path; truncated to 200 characters.
    pub route: String,
    /// The number of requests.
    pub requests: u64,
}

impl CoverageReport {
    /// The message of [`Policy::assert_covered`](crate::Policy::assert_covered), if requests are uncovered.
    pub(super) fn complaint(&self) -> Option<String> {
        if self.uncovered_requests == 0 {
            return None;
        }
        let routes = self.uncovered.iter().map(|entry| {
            let Uncovered { method, route, requests } = entry;
            format!("{method} {route} ({requests})")
        });
        let routes: Vec<String> = routes.collect();
        Some(format!(
            "no rule matches: {}; give each a rule, or one with level = \"none\"",
            routes.join(", ")
        ))
    }
}

impl fmt::Display for CoverageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { covered, uncovered_requests, uncovered, unrouted, ambiguous, unused_rules } =
            self;
        let width = uncovered.iter().map(|entry| entry.method.chars().count()).max().unwrap_or(0);
        writeln!(f, "{:>10}  mutating requests", "REQUESTS")?;
        writeln!(f, "{covered:>10}  matched by a rule")?;
        writeln!(f, "{unrouted:>10}  without a route")?;
        writeln!(f, "{uncovered_requests:>10}  not matched by a rule")?;
        for Uncovered { method, route, requests } in uncovered {
            writeln!(f, "{requests:>10}    {method:<width$} {route}")?;
        }
        if *ambiguous > 0 {
            writeln!(f, "{ambiguous:>10}  with an ambiguous path")?;
        }
        for rule in unused_rules {
            writeln!(f, "{:>10}  rule not used: {rule}", "")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
