//! Which mutating requests no rule knew.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::compile::Compiled;

/// Most routes that are remembered by name; paths come from strangers.
const ROUTES_MAX: usize = 1_000;
/// Most characters of a route that is remembered.
const ROUTE_MAX_CHARS: usize = 200;
/// Methods that change nothing (RFC 9110 §9.2.1).
const SAFE: [&str; 4] = ["GET", "HEAD", "OPTIONS", "TRACE"];

/// Counts what was seen.
#[derive(Debug)]
pub(crate) struct Coverage {
    covered: AtomicU64,
    uncovered: AtomicU64,
    unrouted: AtomicU64,
    routes: Mutex<HashMap<(String, String), u64>>,
    used: Vec<AtomicBool>,
}

/// Where a request went.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route<'a> {
    /// A route of the framework, or the path where it says none.
    Known(&'a str),
    /// Nowhere: the application has no route for it.
    None,
}

impl Coverage {
    pub(super) fn new(rules: usize) -> Self {
        Self {
            covered: AtomicU64::new(0),
            uncovered: AtomicU64::new(0),
            unrouted: AtomicU64::new(0),
            routes: Mutex::default(),
            used: (0..rules).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    /// Whether requests of this method count at all.
    pub(crate) fn counts(method: &str) -> bool {
        !SAFE.contains(&method)
    }

    /// A rule decided about a request.
    pub(crate) fn used(&self, rule: usize) {
        if let Some(used) = self.used.get(rule).filter(|used| !used.load(Ordering::Relaxed)) {
            used.store(true, Ordering::Relaxed);
        }
    }

    /// A request that a rule is about has ended.
    pub(crate) fn saw_covered(&self, method: &str) {
        if Self::counts(method) {
            self.covered.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A request that no rule is about has ended, or one that succeeded with a status that none is about.
    pub(crate) fn saw_uncovered(&self, method: &str, route: Route<'_>) {
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

    pub(crate) fn uncovered(&self) -> u64 {
        self.uncovered.load(Ordering::Relaxed)
    }

    pub(super) fn report(&self, rules: &[Compiled]) -> CoverageReport {
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
            unused_rules: unused.map(|(rule, _)| rule.name.clone()).collect(),
        }
    }
}

/// What was seen since the policy was made. Shown as a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CoverageReport {
    /// Requests with a mutating method that a rule is about.
    pub covered: u64,
    /// Requests with a mutating method that no rule is about, and those that succeeded with a status
    /// (below 400) that none is about.
    pub uncovered_requests: u64,
    /// The routes of these, most requests first; at most 1,000 of them.
    pub uncovered: Vec<Uncovered>,
    /// Requests with a mutating method that the application has no route for (404, 405).
    pub unrouted: u64,
    /// Rules that decided about no request.
    pub unused_rules: Vec<String>,
}

/// A route that changes things and that no rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Uncovered {
    /// The method.
    pub method: String,
    /// The route of the framework, or the path where it says none; at most 200 characters of it.
    pub route: String,
    /// How many requests it had.
    pub requests: u64,
}

impl CoverageReport {
    /// What [`Policy::assert_covered`](crate::Policy::assert_covered) complains about.
    pub(super) fn complaint(&self) -> Option<String> {
        if self.uncovered_requests == 0 {
            return None;
        }
        let named = self.uncovered.iter().map(|seen| {
            let Uncovered { method, route, requests } = seen;
            format!("{method} {route} ({requests})")
        });
        let named: Vec<String> = named.collect();
        Some(format!(
            "no rule is about: {}; give each a rule, or one with level = \"none\"",
            named.join(", ")
        ))
    }
}

impl fmt::Display for CoverageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { covered, uncovered_requests, uncovered, unrouted, unused_rules } = self;
        let width = uncovered.iter().map(|seen| seen.method.chars().count()).max().unwrap_or(0);
        writeln!(f, "{:>10}  mutating requests", "REQUESTS")?;
        writeln!(f, "{covered:>10}  a rule is about")?;
        writeln!(f, "{unrouted:>10}  without a route")?;
        writeln!(f, "{uncovered_requests:>10}  no rule is about")?;
        for Uncovered { method, route, requests } in uncovered {
            writeln!(f, "{requests:>10}    {method:<width$} {route}")?;
        }
        for rule in unused_rules {
            writeln!(f, "{:>10}  rule not used: {rule}", "")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
