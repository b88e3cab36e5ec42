//! Response headers of rate limits: `RateLimit-Policy` and `RateLimit`, as in
//! draft-ietf-httpapi-ratelimit-headers-10.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

use crate::rate_limit::{BudgetClass, QuotaStatus, ReportedQuota, whole_seconds};

/// The policy: `q` units per `w` seconds.
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// The current state: `r` units are left, and all are available again in `t` seconds.
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The largest integer in a structured header (RFC 9651 §3.3.1).
const INTEGER_MAX: u64 = 999_999_999_999_999;

/// Adds the quota status of the API key to the response, whether the request was admitted or not.
pub(super) async fn layer(
    mut request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let quota = ReportedQuota::default();
    request.extensions_mut().insert(quota.clone());
    let mut response = next(request).await;
    if let Some(status) = quota.get() {
        let headers = [(RATELIMIT_POLICY, policy(status)), (RATELIMIT, state(status))];
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
    }
    response
}

/// The default unit is `requests`. The draft's registry has no `records`, but without it clients would
/// take the numbers for requests.
fn policy(QuotaStatus { class, budget, .. }: QuotaStatus) -> String {
    let unit = match class {
        BudgetClass::Write => ";qu=\"records\"",
        BudgetClass::Query | BudgetClass::Export => "",
    };
    let (amount, window) = (budget.amount(), budget.window().as_secs());
    format!("\"{}\";q={amount};w={window}{unit}", class.as_str())
}

fn state(QuotaStatus { class, remaining, until_full, .. }: QuotaStatus) -> String {
    let seconds = whole_seconds(until_full).min(INTEGER_MAX);
    format!("\"{}\";r={remaining};t={seconds}", class.as_str())
}
