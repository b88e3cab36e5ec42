use super::*;

fn coverage() -> Coverage {
    Coverage::new(0)
}

#[test]
fn safe_methods_do_not_count() {
    let coverage = coverage();
    for method in ["GET", "HEAD", "OPTIONS", "TRACE", "POST", "PURGE"] {
        coverage.count_covered(method);
        coverage.count_uncovered(method, Route::Known("/a"));
        coverage.count_uncovered(method, Route::None);
    }
    let report = coverage.report(&[]);
    assert_eq!((report.covered, report.uncovered_requests, report.unrouted), (2, 2, 2));
}

#[test]
fn counted_routes_are_bounded() {
    let coverage = coverage();
    for n in 0..ROUTES_MAX + 10 {
        coverage.count_uncovered("POST", Route::Known(&format!("/{n}/{}", "x".repeat(10_000))));
    }
    coverage.count_uncovered("POST", Route::Known(&format!("/0/{}", "x".repeat(10_000))));
    let report = coverage.report(&[]);
    assert_eq!(report.uncovered.len(), ROUTES_MAX);
    assert_eq!(report.uncovered_requests, ROUTES_MAX as u64 + 11);
    assert_eq!(report.uncovered.first().map(|entry| entry.requests), Some(2));
    let longest = report.uncovered.iter().map(|entry| entry.route.chars().count()).max();
    assert_eq!(longest, Some(ROUTE_MAX_CHARS));
}

#[test]
fn the_report_is_a_table_and_json() -> Result<(), serde_json::Error> {
    let coverage = coverage();
    coverage.count_covered("POST");
    coverage.count_uncovered("DELETE", Route::Known("/b"));
    coverage.count_uncovered("POST", Route::Known("/a/{id}"));
    coverage.count_uncovered("POST", Route::Known("/a/{id}"));
    let mut report = coverage.report(&[]);
    report.unused_rules.push("login".to_owned());
    let shown = "  REQUESTS  mutating requests
         1  matched by a rule
         0  without a route
         3  not matched by a rule
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
