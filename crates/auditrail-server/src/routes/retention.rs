//! `/v1/retention/rules`: lists, sets and removes rules of retention.
//!
//! Requires the scope `admin`. An API key that is restricted to a tenant lists the rules that apply to its records,
//! but cannot change any: the log is evidence about that tenant too, so how long it is kept is for the operator to
//! decide. The service removes no records by these calls; a run of retention does, as the owner of the log.

pub(super) mod list;
pub(super) mod remove;
pub(super) mod set;

use axum::http::StatusCode;

use crate::auth::Principal;
use crate::problem::Problem;

/// Refuses a key that is restricted to a tenant.
fn check_unrestricted(principal: &Principal) -> Result<(), Problem> {
    match principal.tenant {
        None => Ok(()),
        Some(_) => {
            let detail = "an API key that is restricted to a tenant cannot change rules of retention; use one of all tenants";
            let title = "Tenant not allowed";
            Err(Problem::new(StatusCode::FORBIDDEN, "other_tenant", title, detail))
        }
    }
}
