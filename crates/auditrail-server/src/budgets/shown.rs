//! Budgets in the headers of answers: `RateLimit-Policy` and `RateLimit`, as in
//! draft-ietf-httpapi-ratelimit-headers-10.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

use super::{Budget, Class, Standing};

/// What a policy says: `q` in `w` seconds.
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// How it stands: `r` is left, and in `t` seconds everything is back.
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The largest integer a header may hold (RFC 9651 §3.3.1).
const INTEGER_MAX: u64 = 999_999_999_999_999;

/// Where the standing of a request's key is put, to be shown in its answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown(Arc<Mutex<Option<Standing>>>);

impl Shown {
    pub(crate) fn put(&self, standing: Standing) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(standing);
    }

    fn get(&self) -> Option<Standing> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows the budget of the key in the answer, refused or not.
pub(crate) async fn layer(
    mut request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let shown = Shown::default();
    request.extensions_mut().insert(shown.clone());
    let mut response = next(request).await;
    if let Some(standing) = shown.get() {
        let headers = [(RATELIMIT_POLICY, policy(standing)), (RATELIMIT, state(standing))];
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
    }
    response
}

/// The unit is `requests` where nothing is said. The draft's registry has no `records`, but without
/// it a client would take them for requests.
fn policy(Standing { class, budget, .. }: Standing) -> String {
    let Budget { amount, window_seconds } = budget;
    let unit = match class {
        Class::Write => ";qu=\"records\"",
        Class::Query | Class::Export => "",
    };
    format!("\"{}\";q={amount};w={window_seconds}{unit}", class.as_str())
}

fn state(Standing { class, left, until_full, .. }: Standing) -> String {
    let seconds = whole_seconds(until_full).min(INTEGER_MAX);
    format!("\"{}\";r={left};t={seconds}", class.as_str())
}

/// Rounded up: who comes back then does not come too early.
pub(super) const fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add((time.subsec_nanos() > 0) as u64)
}
