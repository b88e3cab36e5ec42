//! `/v1/holds`: lists, creates and releases holds. Requires the scope `admin` of a key of all tenants.

pub(super) mod create;
pub(super) mod list;
pub(super) mod release;

use auditrail_api::HoldDocument;
use auditrail_store::holds::Hold;

use crate::auth::Principal;
use crate::problem::Problem;

/// Refuses a key that is restricted to a tenant.
fn check_unrestricted(principal: &Principal) -> Result<(), Problem> {
    if principal.tenant.is_some() { Err(Problem::other_tenant()) } else { Ok(()) }
}

fn document(hold: Hold) -> HoldDocument {
    let Hold { id, name, reason, filters, created_at, created_by, released_at, released_by } = hold;
    HoldDocument {
        id: id.to_string(),
        name,
        reason,
        filters,
        created_at: created_at.to_string(),
        created_by,
        released_at: released_at.map(|at| at.to_string()),
        released_by,
    }
}
