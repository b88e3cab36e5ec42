//! `key`: API keys.

mod list;
mod request;

use auditrail_core::{
    ApiKey, ApiKeyId, ApiKeyName, RecordTime, RequestContext, ScopeSet, TenantId,
};
use auditrail_store::{IssuedApiKey, Revoked};
use serde::Serialize;

pub(super) use request::by_or_login;

use super::Context;
use crate::cli::{KeyCommand, KeyCreateArgs, KeyRevokeArgs};
use crate::clock;
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
    let (new, by) = request::to_create(args, clock::now())?;
    let issued = cx.with_database(async |database| {
        let keys = database.keys().await?;
        Ok(keys.create(&new, &by, &RequestContext::default()).await?)
    })?;
    let IssuedApiKey { key, secret } = &issued;
    // Told first: whoever loses the key on the way to its place knows what to revoke.
    cx.output.note(&format!("made the key {}, which may {}", key.id, key.scopes));
    match cx.output.json {
        true => cx.output.document(&CreatedDocument::new(key, secret.expose()))?,
        false => cx.output.line(secret.expose())?,
    }
    cx.output.warn("this key is not shown again; keep it where only its program can read it");
    Ok(Exit::Done)
}

fn revoke(cx: &Context, args: &KeyRevokeArgs) -> Result<Exit, Error> {
    let (id, by) = request::to_revoke(args)?;
    let revoked = cx.with_database(async |database| {
        let keys = database.keys().await?;
        Ok(keys.revoke(id, None, &by, &RequestContext::default()).await?)
    })?;
    let Some(revoked) = revoked else {
        return Err(Error::Failed {
            code: "unknown_key",
            detail: format!("there is no key {id}"),
            source: None,
            hint: Some("`auditrail key list` shows them"),
        });
    };
    if matches!(revoked, Revoked::Before(_)) {
        cx.output.note("it was revoked before");
    }
    match cx.output.json {
        true => cx.output.document(revoked.key())?,
        false => cx.output.line(&format!("revoked {id}"))?,
    }
    Ok(Exit::Done)
}

/// A new key as JSON: the only document that holds a key.
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
