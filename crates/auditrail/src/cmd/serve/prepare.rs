//! Prepares the database before the service accepts requests: its schema and the bootstrap key.

use std::path::PathBuf;

use auditrail_core::{ApiKeyEnv, NewApiKey, RequestContext, Scope, ScopeSet};
use auditrail_signer::create;
use auditrail_store::{IssuedApiKey, PgApiKeys};

use crate::cmd::key::actor_or_login;
use crate::cmd::log_key::{self, record_new};
use crate::cmd::migrate::ProgressReport;
use crate::config::ServerSettings;
use crate::context::Context;
use crate::database::Database;
use crate::error::Error;

/// Migrates the private database, and with `migrate` any other; otherwise checks that no migration is
/// pending and that the history is consistent.
pub(super) async fn schema(cx: &Context, database: &Database, migrate: bool) -> Result<(), Error> {
    let runner = database.runner(cx.settings.lock_timeout).await?;
    if migrate || database.is_private() {
        let mut report = ProgressReport::new(cx.output, "applying");
        runner.up(None, &mut |event| report.event(event)).await?;
        return Ok(());
    }
    let status = runner.status().await?;
    if let Some(problem) = status.problems.first() {
        return Err(Error::VerificationFailed { detail: problem.to_string() });
    }
    match status.pending() {
        0 => Ok(()),
        pending => Err(Error::Pending {
            detail: format!("{pending} migrations are pending in {}", database.description()),
        }),
    }
}

/// Creates a key with every scope, unless the database has or had a key.
///
/// Every scope, because no scope includes another. This grants nothing new: the user who starts a
/// private PostgreSQL is its superuser.
pub(super) async fn bootstrap_key(keys: &PgApiKeys) -> Result<Option<IssuedApiKey>, Error> {
    let scopes =
        ScopeSet::new(Scope::ALL).map_err(|error| Error::failed("scopes", error.to_string()))?;
    let new_key = NewApiKey {
        env: ApiKeyEnv::default(),
        name: "first key".parse().ok(),
        scopes,
        tenant_id: None,
        expires_at: None,
    };
    let actor = actor_or_login(None)?;
    Ok(keys.create_first(&new_key, &actor, &RequestContext::default()).await?)
}

/// The file of the key that signs checkpoints: that of the settings, which must be there, or the one of the private
/// PostgreSQL, which is created. None with a database URL and without the setting.
pub(super) async fn signing_key(
    cx: &Context,
    settings: &ServerSettings,
    database: &Database,
) -> Result<Option<PathBuf>, Error> {
    let path = match (&settings.signing_key_file, log_key::private_path(cx)) {
        (Some(path), _) => path.clone(),
        (None, Some(path)) => {
            if !path.exists() {
                let verifier = create(&path, &log_key::default_origin(database).await?)?;
                record_new(database, &actor_or_login(None)?, &path, &verifier).await?;
            }
            path
        }
        (None, None) => {
            tracing::info!("no checkpoints are signed: AUDITRAIL_SIGNING_KEY_FILE is not set");
            return Ok(None);
        }
    };
    log_key::check(&path)?;
    Ok(Some(path))
}
