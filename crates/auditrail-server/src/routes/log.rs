//! `/v1/log`: the transparency log, in the form of <https://c2sp.org/tlog-tiles>.

pub(super) mod checkpoint;
pub(super) mod consistency;
pub(super) mod keys;
pub(super) mod tile;

use auditrail_store::{ApiKeyVersion, PgAuditLog, StoreError};
use axum::http::StatusCode;

use crate::app::App;
use crate::extract::Verifier;
use crate::problem::Problem;

/// Reads the log with a share of the database connections, and looks the key up again if it has changed.
async fn read<T, F>(
    app: &App,
    verifier: &mut Verifier,
    read: impl Fn(PgAuditLog, Option<ApiKeyVersion>) -> F,
) -> Result<T, Problem>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let found = loop {
        let _share = app.database_shares().read(verifier.share_holder()).await?;
        match read(app.log().clone(), verifier.principal().version).await {
            Err(StoreError::KeyChanged) => verifier.refresh().await?,
            found => break found?,
        }
    };
    verifier.set_verified();
    Ok(found)
}

/// The log has no checkpoint.
fn no_checkpoint() -> Problem {
    let detail = "the log has no signed checkpoint: the service has no signing key (AUDITRAIL_SIGNING_KEY_FILE, made by \
                  `auditrail log-key create`), or has not signed yet";
    Problem::new(StatusCode::NOT_FOUND, "no_checkpoint", "No checkpoint", detail)
}
