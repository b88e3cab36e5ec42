//! Reads the layout of the table from the catalog.

use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::bound::Bound;

/// The expression of the estimated number of rows of the table `c`, as the planner estimates it: the density
/// of the last ANALYZE and the present size. Without statistics a page holds 20 records, as measured with
/// records of the samples.
macro_rules! estimated_rows {
    () => {
        "(pg_catalog.pg_relation_size(c.oid) / 8192.0
             * case when c.relpages > 0 then c.reltuples / c.relpages else 20 end)::int8"
    };
}

/// The layout of the log's table.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "layout", rename_all = "snake_case")]
pub enum Layout {
    /// One table, as before `auditrail partition adopt`.
    Plain {
        /// The estimated number of records.
        rows: i64,
        /// The size with indexes, in bytes.
        bytes: i64,
    },
    /// Partitioned by range of the id.
    Partitioned {
        /// The attached partitions: ranges in ascending order, then the default partition.
        partitions: Vec<Partition>,
    },
}

/// An attached partition.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Partition {
    /// The name of its table in the schema `control_plane`.
    pub name: String,
    /// Its role in the layout.
    pub kind: Kind,
    /// The first id of its range; `None` for the default partition.
    pub lower: Option<Bound>,
    /// The first id after its range; `None` for the default partition.
    pub upper: Option<Bound>,
    /// The estimated number of records: of the statistics, scaled to the present size of the table.
    pub rows: i64,
    /// The size with indexes, in bytes.
    pub bytes: i64,
}

/// The role of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The range up to the horizon, in which new ids arrive.
    Hot,
    /// A range of the past.
    Closed,
    /// The default partition: random ids, and ids before all ranges.
    Rest,
}

impl Layout {
    /// The partitions; none of a plain table.
    #[must_use]
    pub fn partitions(&self) -> &[Partition] {
        match self {
            Self::Plain { .. } => &[],
            Self::Partitioned { partitions } => partitions,
        }
    }

    /// The partition of this kind, the first one of several.
    #[must_use]
    pub fn first(&self, kind: Kind) -> Option<&Partition> {
        self.partitions().iter().find(|partition| partition.kind == kind)
    }
}

/// The layout; `None` if the table does not exist.
pub(super) async fn layout(db: &mut PgConnection) -> Result<Option<Layout>, sqlx::Error> {
    let Some((is_partitioned, rows, bytes)) = log(db).await? else {
        return Ok(None);
    };
    if is_partitioned {
        Ok(Some(Layout::Partitioned { partitions: partitions(db).await? }))
    } else {
        Ok(Some(Layout::Plain { rows, bytes }))
    }
}

/// Whether the log is partitioned, its estimated number of rows, and its size.
async fn log(db: &mut PgConnection) -> Result<Option<(bool, i64, i64)>, sqlx::Error> {
    let row = sqlx::query(concat!(
        "select c.relkind = 'p' as is_partitioned, ",
        estimated_rows!(),
        " as rows, pg_catalog.pg_total_relation_size(c.oid) as bytes
           from pg_catalog.pg_class c
          where c.oid = pg_catalog.to_regclass('control_plane.audit_logs')"
    ))
    .fetch_optional(db)
    .await?;
    row.map(|row| Ok((row.try_get("is_partitioned")?, row.try_get("rows")?, row.try_get("bytes")?)))
        .transpose()
}

/// The attached partitions, in the order of [`Layout::Partitioned`].
async fn partitions(db: &mut PgConnection) -> Result<Vec<Partition>, sqlx::Error> {
    sqlx::query(concat!(
        "with attached as (
             select c.oid, c.relname, c.reltuples, c.relpages,
                    pg_catalog.pg_get_expr(c.relpartbound, c.oid) as bound
               from pg_catalog.pg_inherits i
               join pg_catalog.pg_class c on c.oid = i.inhrelid
              where i.inhparent = pg_catalog.to_regclass('control_plane.audit_logs'))
         select c.relname::text as name, c.bound = 'DEFAULT' as is_default,
                substring(c.bound from 'FROM \\(''([0-9a-f-]{36})''\\)')::uuid as lower,
                substring(c.bound from 'TO \\(''([0-9a-f-]{36})''\\)')::uuid as upper, ",
        estimated_rows!(),
        " as rows, pg_catalog.pg_total_relation_size(c.oid) as bytes
           from attached c
          order by is_default, lower nulls first"
    ))
    .try_map(|row: PgRow| {
        let bound = |column| -> Result<Option<Bound>, sqlx::Error> {
            Ok(row.try_get::<Option<Uuid>, _>(column)?.and_then(Bound::from_id))
        };
        let upper = bound("upper")?;
        let kind = if row.try_get("is_default")? {
            Kind::Rest
        } else if upper == Some(Bound::HORIZON) {
            Kind::Hot
        } else {
            Kind::Closed
        };
        Ok(Partition {
            name: row.try_get("name")?,
            kind,
            lower: bound("lower")?,
            upper,
            rows: row.try_get("rows")?,
            bytes: row.try_get("bytes")?,
        })
    })
    .fetch_all(db)
    .await
}
