//! `partition status`: prints the partitions.

use auditrail_store::partitions::{Bound, Kind, Layout, Limits, Partition, layout};
use sqlx::{Connection, PgConnection};

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::output::table::{Column, TextTable};

/// Prints the layout.
pub(super) fn run(cx: &Context) -> Result<Exit, Error> {
    let output = cx.output;
    let layout = cx.with_database(async |database| {
        database.check_connection().await?;
        let mut db = PgConnection::connect_with(database.options())
            .await
            .map_err(|source| database.unreachable(source))?;
        Ok(layout(&mut db).await?)
    })?;
    if output.json {
        output.document(&layout)?;
        return Ok(Exit::Success);
    }
    match &layout {
        Layout::Plain { rows, .. } => {
            output.line(&format!("the table is not partitioned; it has about {rows} records"))?;
            output.note("`auditrail partition adopt` partitions it while records are written");
        }
        Layout::Partitioned { partitions } => {
            print(output, partitions)?;
            warn(output, partitions);
        }
    }
    Ok(Exit::Success)
}

fn print(output: Output, partitions: &[Partition]) -> Result<(), Error> {
    let columns = [
        Column::whole("partition", 30),
        Column::new("kind", 6),
        Column::new("from", 20),
        Column::new("to", 20),
        Column::new("records", 10),
        Column::new("size", 10),
    ];
    let mut table = TextTable::new(output, columns);
    for partition in partitions {
        let kind = match partition.kind {
            Kind::Hot => "hot",
            Kind::Closed => "closed",
            Kind::Rest => "rest",
        };
        table.row([
            partition.name.clone(),
            kind.to_owned(),
            time(partition.lower),
            time(partition.upper),
            format!("~{}", partition.rows),
            format!("{:.1} MiB", partition.bytes as f64 / f64::from(1 << 20)),
        ]);
    }
    table.print()
}

fn time(bound: Option<Bound>) -> String {
    bound.and_then(Bound::time).map(|time| format!("{time:.0}")).unwrap_or_default()
}

/// Warns when maintenance is behind.
fn warn(output: Output, partitions: &[Partition]) {
    let limits = Limits::default();
    let hot = partitions.iter().find(|partition| partition.kind == Kind::Hot);
    let closed = partitions.iter().filter(|partition| partition.kind == Kind::Closed).count();
    if hot.is_some_and(|hot| hot.rows > 2 * limits.hot_rows) {
        output
            .warn("the partition of new records is over-full; `auditrail partition run` closes it");
    }
    if closed > limits.attached {
        output.warn("many partitions are attached; `auditrail partition run` merges them");
    }
}
