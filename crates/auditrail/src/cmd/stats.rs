//! `stats`: counts matching records, as `GET /v1/audit-logs/stats` does.

use auditrail_core::{Interval, ValidationErrors};
use auditrail_server::stats::{STATS_TOP, Stats, document};
use auditrail_store::SummaryOptions;

use super::filters::{filters, note_excluded_day};
use super::flags::parse_flag;
use crate::cli::StatsArgs;
use crate::clock;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::output::table::{Column, TextTable};

/// Prints the counts.
pub(super) fn run(cx: &Context, args: &StatsArgs) -> Result<Exit, Error> {
    let filters = filters(&args.filters, clock::now())?;
    note_excluded_day(cx.output, &args.filters);
    let options = SummaryOptions { top: STATS_TOP, interval: interval(args)?, recent: true };
    let summary = cx.with_database(async |database| {
        Ok(database.log().await?.summary(&filters, options).await?)
    })?;
    let stats = document(summary);
    if cx.output.json {
        cx.output.document(&stats)?
    } else {
        print(cx.output, &stats)?
    }
    Ok(Exit::Success)
}

fn interval(args: &StatsArgs) -> Result<Option<Interval>, Error> {
    let mut errors = Vec::new();
    let interval =
        parse_flag(&mut errors, "--interval", args.interval.as_ref(), str::parse::<Interval>);
    match ValidationErrors::new(errors) {
        Some(errors) => Err(Error::Invalid(errors)),
        None => Ok(interval),
    }
}

/// Prints the total, then a table for each kind of count.
fn print(output: Output, stats: &Stats) -> Result<(), Error> {
    let records = if stats.total == 1 { "record" } else { "records" };
    match &stats.since {
        Some(since) => {
            output.line(&format!("{} {records}, the newest ones, since {since}", stats.total))?
        }
        None => output.line(&format!("{} {records}", stats.total))?,
    }
    let actors = stats.actors.iter().map(|actor| {
        let is_system = actor.actor_type == "system";
        let id = format!("{}:{}", actor.actor_type, actor.actor_id);
        (if is_system { actor.actor_type.clone() } else { id }, actor.count)
    });
    let actions = stats.actions.iter().map(|action| (action.action.clone(), action.count));
    let targets = stats
        .targets
        .iter()
        .map(|target| (format!("{}:{}", target.target_type, target.target_id), target.count));
    let buckets = stats.buckets.iter().map(|bucket| (start(&bucket.start), bucket.count));
    print_counts(output, stats.interval.as_str(), buckets)?;
    print_counts(output, "actor", actors)?;
    print_counts(output, "action", actions)?;
    print_counts(output, "target", targets)
}

/// A table of counts, after an empty line; nothing if there are none.
fn print_counts(
    output: Output,
    name: &'static str,
    counts: impl Iterator<Item = (String, u64)>,
) -> Result<(), Error> {
    let mut table = TextTable::new(output, [Column::whole("records", 7), Column::new(name, 20)]);
    let mut is_empty = true;
    for (text, count) in counts {
        table.row([format!("{count:>7}"), text]);
        is_empty = false;
    }
    if is_empty {
        return Ok(());
    }
    output.line("")?;
    table.print()
}

/// The start of a bucket, which is a whole minute, without fractions of a second.
fn start(time: &str) -> String {
    time.replace(".000000", "")
}
