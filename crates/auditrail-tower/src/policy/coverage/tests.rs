use super::*;

fn coverage() -> Coverage {
    Coverage::new(0)
}

#[test]
fn only_methods_that_change_something_count() {
    let coverage = coverage();
    for method in ["GET", "HEAD", "OPTIONS", "TRACE", "POST", "PURGE"] {
        coverage.saw_covered(method);
        coverage.saw_uncovered(method, Route::Known("/a"));
        coverage.saw_uncovered(method, Route::None);
    }
    let report = coverage.report(&[]);
    assert_eq!((report.covered, report.uncovered_requests, report.unrouted), (2, 2, 2));
}

#[test]
fn memory_is_bounded_whatever_strangers_ask_for() {
    let coverage = coverage();
    for n in 0..ROUTES_MAX + 10 {
        coverage.saw_uncovered("POST", Route::Known(&format!("/{n}/{}", "x".repeat(10_000))));
    }
    coverage.saw_uncovered("POST", Route::Known(&format!("/0/{}", "x".repeat(10_000))));
    let report = coverage.report(&[]);
    assert_eq!(report.uncovered.len(), ROUTES_MAX);
    assert_eq!(report.uncovered_requests, ROUTES_MAX as u64 + 11);
    assert_eq!(report.uncovered.first().map(|seen| seen.requests), Some(2));
    let longest = report.uncovered.iter().map(|seen| seen.route.chars().count()).max();
    assert_eq!(longest, Some(ROUTE_MAX_CHARS));
}

#[test]
fn the_report_is_a_table_and_json() -> Result<(), serde_json::Error> {
    let coverage = coverage();
    coverage.saw_covered("POST");
    coverage.saw_uncovered("DELETE", Route::Known("/b"));
    coverage.saw_uncovered("POST", Route::Known("/a/{id}"));
    coverage.saw_uncovered("POST", Route::Known("/a/{id}"));
    let mut report = coverage.report(&[]);
    report.unused_rules.push("login".to_owned());
    let shown = "  REQUESTS  mutating requests
         1  a rule is about
         0  without a route
         3  no rule is about
         2    POST   /a/{id}
         1    DELETE /b
            rule not used: login
";
    assert_eq!(report.to_string(), shown);
    let json = serde_json::to_value(&report)?;
    assert_eq!(json["uncovered"][0]["route"], "/a/{id}");
    let complaint = report.complaint().unwrap_or_default();
    assert!(complaint.contains("POST /a/{id} (2), DELETE /b (1)"), "{complaint}");
    Ok(())
}
