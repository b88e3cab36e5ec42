//! The INSERT statements.

use auditrail_core::{Record, RecordId, RecordedBy};
use uuid::Uuid;

use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::key_version::ApiKeyVersion;
use crate::records::columns::{
    self, ColumnSink, arrays, bind_arrays, column_list, columns_or_role, own_column_list,
    own_placeholders, placeholders, put_own_columns,
};
use crate::sql::Sql;
use crate::value::{ToValue, Xid};

/// Writes one record of the role of the session unless its id is taken, and returns the stored row.
///
/// When another transaction is writing the same id, this waits for its end.
pub(crate) async fn one(mut db: Db<'_>, record: &Record) -> Result<Option<Record>, StoreError> {
    let sql = Sql::new(concat!(
        "insert into control_plane.audit_logs (",
        own_column_list!(),
        ") values (",
        own_placeholders!(),
        ") on conflict (id) do nothing returning ",
        column_list!()
    ));
    db.fetch(&bind_record(sql, record))
        .await
        .map_err(StoreError::while_trying_to("write a record"))?
        .first()
        .map(columns::record)
        .transpose()
}

/// Writes one record unless its id is taken or the key is at another version. Returns no row, only the
/// number of them. The key is locked until the transaction ends.
pub(crate) fn single_sql(record: &Record, key: Option<ApiKeyVersion>) -> Sql {
    let text = match (key, &record.recorded_by) {
        (None, None) => single!("", own_column_list!(), own_placeholders!(), ""),
        (None, Some(_)) => single!("", column_list!(), placeholders!(), ""),
        (Some(_), None) => {
            single!(locked_key!(), own_column_list!(), own_placeholders!(), " from key")
        }
        (Some(_), Some(_)) => single!(locked_key!(), column_list!(), placeholders!(), " from key"),
    };
    let sql = bind_record(Sql::new(text), record);
    match key {
        Some(key) => sql.bind(key.id).bind(Xid(key.written_by)),
        None => sql,
    }
}

macro_rules! single {
    ($with:expr, $columns:expr, $values:expr, $from:expr) => {
        concat!(
            $with,
            "insert into control_plane.audit_logs (",
            $columns,
            ") select ",
            $values,
            $from,
            " on conflict (id) do nothing"
        )
    };
}
use single;

macro_rules! locked_key {
    () => {
        concat!(
            "with key as materialized (select from control_plane.audit_api_keys where ",
            auditrail_core::record_columns!(crate::records::columns::key_condition),
            " for share) "
        )
    };
}
use locked_key;

/// Binds the columns of a record to the next placeholders.
fn bind_record(sql: Sql, record: &Record) -> Sql {
    let mut bindings = Bindings(Some(sql));
    put_own_columns(record, &mut bindings);
    bindings.optional(record.recorded_by.as_ref().map(RecordedBy::as_str));
    bindings.0.unwrap_or_default()
}

struct Bindings(Option<Sql>);

impl ColumnSink for Bindings {
    fn required<T: ToValue>(&mut self, value: T) {
        self.0 = self.0.take().map(|sql| sql.bind(value));
    }

    fn optional<T: ToValue>(&mut self, value: Option<T>) {
        self.0 = self.0.take().map(|sql| sql.bind_optional(value));
    }
}

/// Writes the records whose ids are not taken, and returns the ids of the written ones.
///
/// Of records with the same id the first is written.
pub(crate) async fn many(mut db: Db<'_>, columns: &Columns<'_>) -> Result<Vec<Uuid>, StoreError> {
    let rows =
        db.fetch(&many_sql(columns)).await.map_err(StoreError::while_trying_to("write records"))?;
    read_ids(&rows)
}

/// The statement of [`many`].
pub(crate) fn many_sql(columns: &Columns<'_>) -> Sql {
    let has_writers = columns.records.iter().any(|record| record.recorded_by.is_some());
    columns.bind_to(Sql::new(if has_writers {
        several!(column_list!(), columns_or_role!())
    } else {
        several!(own_column_list!(), own_column_list!())
    }))
}

macro_rules! several {
    ($columns:expr, $values:expr) => {
        concat!(
            "insert into control_plane.audit_logs (",
            $columns,
            ") select ",
            $values,
            " from unnest(",
            arrays!(),
            ") as input (",
            column_list!(),
            ") on conflict (id) do nothing returning id"
        )
    };
}
use several;

/// Reads the rows of [`many_sql`].
pub(crate) fn read_ids(rows: &[Row]) -> Result<Vec<Uuid>, StoreError> {
    rows.iter()
        .map(|row| row.get(0))
        .collect::<Result<_, _>>()
        .map_err(StoreError::while_trying_to("read the ids of new records"))
}

/// Records as the arguments of statements with one array per column.
#[derive(Debug, Default)]
pub(crate) struct Columns<'a> {
    records: Vec<&'a Record>,
}

impl<'a> Columns<'a> {
    pub(crate) fn of(records: impl IntoIterator<Item = &'a Record>) -> Self {
        Self { records: records.into_iter().collect() }
    }

    /// The id of a record, by its index.
    pub(crate) fn id(&self, index: usize) -> RecordId {
        self.records[index].id
    }

    /// Binds an array for each column, from `$1` on.
    pub(crate) fn bind_to(&self, sql: Sql) -> Sql {
        bind_arrays(sql, &self.records)
    }
}
