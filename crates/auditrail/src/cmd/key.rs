//! `key`: manages API keys.

mod list;
mod request;

use auditrail_core::{
    ApiKey, ApiKeyId, ApiKeyName, RecordTime, RequestContext, ScopeSet, TenantId,
};
use auditrail_store::{IssuedApiKey, Revoked};
use serde::Serialize;

pub(super) use request::actor_or_login;

use crate::cli::{KeyCommand, KeyCreateArgs, KeyRevokeArgs};
use crate::clock;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Runs the subcommand.
pub(super) fn run(cx: &Context, command: &KeyCommand) -> Result<Exit, Error> {
    match command {
        KeyCommand::Create(args) => create(cx, args),
        KeyCommand::List => list::run(cx),
        KeyCommand::Revoke(args) => revoke(cx, args),
    }
}

fn create(cx: &Context, args: &KeyCreateArgs) -> Result<Exit, Error> {
    let (new_key, actor) = request::to_create(args, clock::now())?;
    let issued = cx.with_database(async |database| {
        let keys = database.keys().await?;
        Ok(keys.create(&new_key, &actor, &RequestContext::default()).await?)
    })?;
    let IssuedApiKey { key, secret } = &issued;
    // The id comes first, so that a key that gets lost afterwards can still be revoked.
    cx.output.note(&format!("created API key {} (scopes: {})", key.id, key.scopes));
    if cx.output.json {
        cx.output.document(&CreatedDocument::new(key, secret.expose()))?
    } else {
        cx.output.line(secret.expose())?
    }
    cx.output.warn("this key is shown only once; store it where only its client can read it");
    Ok(Exit::Success)
}

fn revoke(cx: &Context, args: &KeyRevokeArgs) -> Result<Exit, Error> {
    let (id, actor) = request::to_revoke(args)?;
    let revoked = cx.with_database(async |database| {
        let keys = database.keys().await?;
        Ok(keys.revoke(id, None, &actor, &RequestContext::default()).await?)
    })?;
    let Some(revoked) = revoked else {
        return Err(Error::Failed {
            code: "unknown_key",
            detail: format!("no API key with id {id}"),
            source: None,
            hint: Some("`auditrail key list` lists all keys"),
        });
    };
    if matches!(revoked, Revoked::Before(_)) {
        cx.output.note("already revoked");
    }
    if cx.output.json {
        cx.output.document(revoked.key())?
    } else {
        cx.output.line(&format!("revoked {id}"))?
    }
    Ok(Exit::Success)
}

/// A new key as JSON, the only output that contains the secret.
#[derive(Serialize)]
pub(super) struct CreatedDocument<'a> {
    id: ApiKeyId,
    key: &'a str,
    scopes: ScopeSet,
    tenant_id: &'a Option<TenantId>,
    name: &'a Option<ApiKeyName>,
    expires_at: Option<RecordTime>,
    created_at: RecordTime,
}

impl<'a> CreatedDocument<'a> {
    pub(super) fn new(key: &'a ApiKey, secret: &'a str) -> Self {
        let ApiKey {
            id,
            hint: _,
            name,
            scopes,
            tenant_id,
            created_at,
            created_by: _,
            expires_at,
            revoked_at: _,
        } = key;
        Self {
            id: *id,
            key: secret,
            scopes: *scopes,
            tenant_id,
            name,
            expires_at: *expires_at,
            created_at: *created_at,
        }
    }
}
