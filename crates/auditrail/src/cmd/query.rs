//! `query`: searches records.

use auditrail_core::{
    CursorKey, Filters, Order, Page, Position, Query, Record, Total, TotalRelation,
};
use serde_json::json;

use super::filters::{flag, note_excluded_day, pairs, with_flag_names};
use super::record_view::{print_long, print_records};
use crate::cli::{CountArg, OrderArg, QueryArgs};
use crate::clock;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{Output, safe};

/// Prints one page of records.
pub(super) fn run(cx: &Context, args: &QueryArgs) -> Result<Exit, Error> {
    let query = query(args)?;
    let page = cx.with_database(async |database| Ok(database.log().await?.page(&query).await?))?;
    note_excluded_day(cx.output, &args.filters);
    if cx.output.json {
        print_json(cx.output, args, &query, &page)?
    } else {
        print(cx.output, args, &query, &page)?
    }
    Ok(Exit::Success)
}

fn query(args: &QueryArgs) -> Result<Query, Error> {
    let mut pairs = pairs(&args.filters)?;
    pairs.push(("limit".to_owned(), args.limit.clone()));
    if args.order == OrderArg::Asc {
        pairs.push(("order".to_owned(), Order::OldestFirst.as_str().to_owned()));
    }
    if let Some(cursor) = &args.cursor {
        pairs.push(("cursor".to_owned(), cursor.clone()));
    }
    match args.count {
        CountArg::None => {}
        CountArg::Exact => pairs.push(("count".to_owned(), "exact".to_owned())),
        CountArg::Estimated => pairs.push(("count".to_owned(), "estimated".to_owned())),
    }
    Query::from_pairs(pairs, &CursorKey::public(), clock::now()).map_err(with_flag_names)
}

/// Prints one line per record on stdout, and the pagination and next command as a line on stderr.
fn print_json(
    output: Output,
    args: &QueryArgs,
    query: &Query,
    page: &Page<Record>,
) -> Result<(), Error> {
    for record in &page.data {
        let text = serde_json::to_string(record).map_err(|e| Error::stdout(e.into()))?;
        output.line(&safe::json(&text))?;
    }
    if page.pagination.has_more || page.pagination.total.is_some() {
        let cursor = page.pagination.next_cursor.as_deref();
        let next = cursor.map(|cursor| next_command(query, cursor, form(args)));
        output.note(&json!({"pagination": page.pagination, "next": next}).to_string());
    }
    Ok(())
}

fn print(
    output: Output,
    args: &QueryArgs,
    query: &Query,
    page: &Page<Record>,
) -> Result<(), Error> {
    let pagination = &page.pagination;
    let stopped_at = pagination.searched_back_to;
    if let Some(time) = stopped_at.filter(|_| page.data.is_empty()) {
        let side = if goes_back(query) { "after" } else { "before" };
        output.note(&format!("no matching records {side} {time}"))
    } else if page.data.is_empty() {
        output.note("no matching records")
    } else if args.long {
        print_long(output, &page.data)?
    } else {
        print_records(output, &page.data)?
    }
    if let Some(Total { count, relation }) = pagination.total() {
        let about = match relation {
            TotalRelation::Exact => "",
            TotalRelation::AtLeast => "more than ",
            TotalRelation::Estimated => "about ",
        };
        output.note(&format!("{about}{count} matching records in total"));
    }
    let command = |cursor: &str| next_command(query, cursor, form(args));
    if let Some(time) = stopped_at {
        let cursor = match query.position {
            Position::Before(_) => &pagination.prev_cursor,
            _ => &pagination.next_cursor,
        };
        let direction = if goes_back(query) { "back" } else { "up" };
        if let Some(cursor) = cursor {
            let command = command(cursor);
            output.note(&format!("searched {direction} to {time}; go on with: {command}"));
        }
    } else if let Some(cursor) = &pagination.next_cursor {
        output.note(&format!("next page: {}", command(cursor)));
    }
    Ok(())
}

/// Whether the page was searched from later to earlier times.
fn goes_back(query: &Query) -> bool {
    let is_reversed = matches!(query.position, Position::Before(_));
    (query.order == Order::NewestFirst) != is_reversed
}

/// The flag of the output's form.
const fn form(args: &QueryArgs) -> &'static str {
    if args.long { " --long" } else { "" }
}

/// The command for the next page. A cursor is bound to its filters, so relative times are replaced by
/// the absolute times they were resolved to.
fn next_command(query: &Query, cursor: &str, form: &str) -> String {
    let mut out = format!("auditrail query{form}");
    for (name, value) in query.filters.to_pairs() {
        let canonical = Filters::canonical_name(&name).unwrap_or_default();
        match canonical.strip_prefix("metadata.") {
            Some(key) => {
                out.push_str(&format!(" --metadata {}", shell_quoted(&format!("{key}={value}"))))
            }
            None => out.push_str(&format!(" {} {}", flag(&canonical), shell_quoted(&value))),
        }
    }
    if query.order != Order::default() {
        out.push_str(&format!(" --order {}", query.order.as_str()));
    }
    out.push_str(&format!(" --limit {} --cursor {cursor}", query.limit));
    out
}

/// Quotes text for a POSIX shell if necessary.
fn shell_quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
