//! `key list`: prints all API keys.

use auditrail_core::limits::PAGE_SIZE_MAX;
use auditrail_core::{ApiKey, ApiKeyState, PageSize};
use auditrail_store::PgApiKeys;
use jiff::Timestamp;

use crate::clock;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::table::{Column, TextTable, Tone};
use crate::output::{Output, safe};

/// Prints every key, oldest first.
pub(super) fn run(cx: &Context) -> Result<Exit, Error> {
    let keys = cx.with_database(async |database| all(&database.keys().await?).await)?;
    if cx.output.json {
        print_json(cx.output, &keys)?
    } else {
        print(cx.output, &keys, clock::now())?
    }
    Ok(Exit::Success)
}

/// Reads all pages. An installation has hundreds of keys of a few hundred bytes each, so they fit in
/// memory.
async fn all(keys: &PgApiKeys) -> Result<Vec<ApiKey>, Error> {
    let size = PageSize::new(PAGE_SIZE_MAX)
        .map_err(|error| Error::failed("page_size", error.to_string()))?;
    let mut api_keys: Vec<ApiKey> = Vec::new();
    loop {
        let page = keys.list(None, api_keys.last().map(|key| key.id), size).await?;
        api_keys.extend(page.keys);
        if !page.has_more {
            return Ok(api_keys);
        }
    }
}

fn print_json(output: Output, keys: &[ApiKey]) -> Result<(), Error> {
    for key in keys {
        let text = serde_json::to_string(key).map_err(|e| Error::stdout(e.into()))?;
        output.line(&safe::json(&text))?;
    }
    Ok(())
}

fn print(output: Output, keys: &[ApiKey], now: Timestamp) -> Result<(), Error> {
    if keys.is_empty() {
        output.note("no API keys");
        return Ok(());
    }
    let columns = [
        Column::whole("id", 36),
        Column::new("state", 7),
        Column::optional("name", 12, 6),
        Column::optional("scopes", 24, 5),
        Column::optional("tenant", 12, 4),
        Column::optional("expires", 20, 3),
        Column::optional("key", 14, 2),
        Column::optional("created", 20, 1),
        Column::optional("by", 12, 0),
    ];
    let mut table = TextTable::new(output, columns);
    for key in keys {
        table.toned_row(row(key, now));
    }
    table.print()
}

fn row(key: &ApiKey, now: Timestamp) -> [(String, Tone); 9] {
    let ApiKey {
        id,
        hint,
        name,
        scopes,
        tenant_id,
        created_at,
        created_by,
        expires_at,
        revoked_at: _,
    } = key;
    let plain = |text: String| (text, Tone::Plain);
    let state = key.state(now);
    let tone = match state {
        ApiKeyState::Active => Tone::Good,
        ApiKeyState::Expired => Tone::Notice,
        ApiKeyState::Revoked => Tone::Bad,
    };
    let expires = expires_at.map(|end| format!("{:.0}", end.timestamp()));
    [
        plain(id.to_string()),
        (state.as_str().to_owned(), tone),
        plain(name.as_ref().map(ToString::to_string).unwrap_or_default()),
        plain(scopes.to_string()),
        plain(tenant_id.as_ref().map(ToString::to_string).unwrap_or_default()),
        plain(expires.unwrap_or_default()),
        plain(format!("{hint}…")),
        plain(format!("{:.0}", created_at.timestamp())),
        plain(created_by.to_string()),
    ]
}
