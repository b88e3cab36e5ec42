//! The INSERT statements.

use auditrail_core::{Record, RecordId};
use uuid::Uuid;

use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::key_version::ApiKeyVersion;
use crate::records::columns::{
    self, ColumnSink, arrays, bind_arrays, column_list, placeholders, put_columns,
};
use crate::sql::Sql;
use crate::value::{ToValue, Xid};

/// Writes one record unless its id is taken, and returns the stored row.
///
/// When another transaction is writing the same id, this waits for its end.
pub(crate) async fn one(mut db: Db<'_>, record: &Record) -> Result<Option<Record>, StoreError> {
    let sql = Sql::new(concat!(
        "insert into control_plane.audit_logs (",
        column_list!(),
        ") values (",
        placeholders!(),
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
    let Some(key) = key else {
        let sql = Sql::new(concat!(
            "insert into control_plane.audit_logs (",
            column_list!(),
            ") values (",
            placeholders!(),
            ") on conflict (id) do nothing"
        ));
        return bind_record(sql, record);
    };
    let sql = Sql::new(concat!(
        "with key as materialized (select from control_plane.audit_api_keys where ",
        auditrail_core::record_columns!(crate::records::columns::key_condition),
        " for share) insert into control_plane.audit_logs (",
        column_list!(),
        ") select ",
        placeholders!(),
        " from key on conflict (id) do nothing"
    ));
    bind_record(sql, record).bind(key.id).bind(Xid(key.written_by))
}

/// Binds the columns of a record to the next placeholders.
fn bind_record(sql: Sql, record: &Record) -> Sql {
    let mut bindings = Bindings(Some(sql));
    put_columns(record, &mut bindings);
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
    columns.bind_to(Sql::new(concat!(
        "insert into control_plane.audit_logs (",
        column_list!(),
        ") select * from unnest(",
        arrays!(),
        ") on conflict (id) do nothing returning id"
    )))
}

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
