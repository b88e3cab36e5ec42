//! `tail`: follows the sequence of records.

mod source;

use std::cell::Cell;

use auditrail_core::{FeedItem, FeedPosition, Filters, RecordId, ValidationErrors, ValueError};

use super::filters::{filters, note_excluded_day};
use super::flags::parse_flag;
use super::record_view::line;
use crate::cli::TailArgs;
use crate::clock;
use crate::context::Context;
use crate::database::Database;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{Output, safe};
use source::Source;

/// Prints records until the limit, the head or a shutdown signal, which is a regular end.
pub(super) fn run(cx: &Context, args: &TailArgs) -> Result<Exit, Error> {
    let filters = filters(&args.filters, clock::now())?;
    let after = after(args)?;
    note_excluded_day(cx.output, &args.filters);
    // The position after the last printed record, for the end by a signal.
    let position = Cell::new(None);
    let outcome = cx.with_database(async |database| {
        follow(cx.output, args, database, &filters, after, &position).await
    });
    match (outcome, position.get()) {
        (Ok(()), _) => {}
        (Err(Error::Interrupted), Some(_)) => {}
        (Err(error), _) => return Err(error),
    }
    if let Some(position) = position.get() {
        note_position(cx.output, position);
    }
    Ok(Exit::Success)
}

async fn follow(
    output: Output,
    args: &TailArgs,
    database: &Database,
    filters: &Filters,
    after: Option<FeedPosition>,
    position: &Cell<Option<FeedPosition>>,
) -> Result<(), Error> {
    let mut source = Source::open(output, database, filters.clone(), after).await?;
    position.set(Some(source.position()));
    let end = if args.no_follow { source.head().await? } else { i64::MAX };
    let mut left = args.limit.unwrap_or(u64::MAX);
    while left > 0 && source.position().seq < end {
        let batch = source.next(left).await?;
        for item in &batch.items {
            print(output, item)?;
            position.set(Some(item.position()));
            left -= 1;
        }
        position.set(Some(batch.position));
        if !batch.has_more() && batch.position.seq < end {
            source.wait().await?;
        }
    }
    Ok(())
}

/// The position of `--after` and `--after-id`.
fn after(args: &TailArgs) -> Result<Option<FeedPosition>, Error> {
    let mut errors = Vec::new();
    let seq = parse_flag(&mut errors, "--after", args.after.as_ref(), |text| {
        let seq = text.parse::<i64>().ok().filter(|seq| *seq >= -1);
        seq.ok_or(ValueError::BadFormat { expected: "the seq of a record, or -1 for the start" })
    });
    let id = parse_flag(&mut errors, "--after-id", args.after_id.as_ref(), str::parse::<RecordId>);
    match ValidationErrors::new(errors) {
        Some(errors) => Err(Error::Invalid(errors)),
        None => Ok(seq.map(|seq| FeedPosition { seq, id })),
    }
}

fn print(output: Output, item: &FeedItem) -> Result<(), Error> {
    if output.json {
        let text = serde_json::to_string(item).map_err(|e| Error::stdout(e.into()))?;
        return output.line(&safe::json(&text));
    }
    output.line(&format!("{:>8}  {}", item.seq, line(&item.record)))
}

fn note_position(output: Output, FeedPosition { seq, id }: FeedPosition) {
    if output.json {
        let position = serde_json::json!({"position": {"seq": seq, "id": id}});
        output.note(&position.to_string());
    } else {
        let id = id.map(|id| format!(" --after-id {id}")).unwrap_or_default();
        output.note(&format!("to continue: auditrail tail --after {seq}{id}"));
    }
}
