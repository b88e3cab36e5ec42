//! The values of a field with a prefix, in order.

use std::time::Duration;

use auditrail_core::{RecordTime, StoredAddress, TenantId, ValueField, parse_network};

use super::deadline::{self, Deadline};
use super::driving_index::{ACTION, DrivingIndex};
use super::facets::ADDRESS;
use super::scan::Direction;
use super::summary::RECENT_OF_VALUE_MAX;
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::PgTime;

/// Which values to list.
#[derive(Clone, Copy, Debug)]
pub struct ValuesOptions<'a> {
    /// The field.
    pub field: ValueField,
    /// What the values start with, in this case. Wildcards of SQL have no meaning.
    pub prefix: &'a str,
    /// Of the records of this tenant alone: its newest [`RECENT_OF_VALUE_MAX`].
    pub tenant: Option<&'a TenantId>,
    /// Most values.
    pub limit: u16,
    /// Most distinct values that are visited in an index.
    pub visits: u32,
    /// How long listing may take.
    pub budget: Duration,
}

/// Values of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldValues {
    /// The values in the order of their index: actions by bytes, others in that of the database's language.
    pub values: Vec<String>,
    /// Whether more values with the prefix were found.
    pub has_more: bool,
    /// Whether everything was searched, up to the limit of values. If not, more values may exist.
    pub is_complete: bool,
    /// Whether only the newest records were searched.
    pub is_sampled: bool,
    /// The time of the oldest searched record, if older ones were not searched.
    pub since: Option<RecordTime>,
}

/// Lists the values; the connection is in a transaction with one snapshot.
pub(in crate::records) async fn values(
    mut db: Db<'_>,
    options: ValuesOptions<'_>,
) -> Result<FieldValues, StoreError> {
    let deadline = Deadline::after(options.budget);
    let is_sampled = options.tenant.is_some() || options.field == ValueField::IpAddress;
    deadline.limit(db.again()).await?;
    let listed = match deadline.left() {
        None => Ok(None),
        Some(_) if is_sampled => deadline::unless_timed_out(of_newest(db, options).await),
        Some(left) => deadline::unless_timed_out(by_index(db, options, left).await),
    };
    Ok(listed?.unwrap_or(FieldValues {
        values: Vec::new(),
        has_more: false,
        is_complete: false,
        is_sampled,
        since: None,
    }))
}

/// Lists the values by jumps through an index: one probe finds the next distinct value. Each probe reads every
/// partition.
///
/// In the order of a language, the values with a prefix are not adjacent. So the jumps go on until there are
/// enough values, or one of the bounds is reached.
async fn by_index(
    mut db: Db<'_>,
    options: ValuesOptions<'_>,
    left: Duration,
) -> Result<FieldValues, StoreError> {
    let sql = jumps(options, left);
    let doing = "list the values of a field";
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to(doing))?;
    let visited = rows.iter().map(|row| row.get(0)).collect::<Result<Vec<Option<String>>, _>>();
    let visited = visited.map_err(StoreError::while_trying_to("read a row"))?;
    let is_by_bytes = rows.first().map_or(Ok(true), |row| row.get(1));
    let is_by_bytes: bool = is_by_bytes.map_err(StoreError::while_trying_to("read a row"))?;
    let is_match = |value: &String| value.starts_with(options.prefix);
    let is_beyond = |value: &String| is_by_bytes && !is_match(value);
    let is_end = |last: &Option<String>| last.as_ref().is_none_or(is_beyond);
    let reached_end = visited.last().is_none_or(is_end);
    let mut values: Vec<String> = visited.into_iter().flatten().filter(is_match).collect();
    let has_more = values.len() > usize::from(options.limit);
    values.truncate(options.limit.into());
    let is_complete = reached_end || has_more;
    Ok(FieldValues { values, has_more, is_complete, is_sampled: false, since: None })
}

/// The statement of [`by_index`]: each visited value, then NULL if there is no other, and whether the index is in
/// the order of bytes.
fn jumps(options: ValuesOptions<'_>, left: Duration) -> Sql {
    let ValuesOptions { field, prefix, limit, visits, .. } = options;
    let mut sql = Sql::new("with recursive index_order (is_by_bytes) as (select ");
    push_is_by_bytes(&mut sql, field);
    sql.push("), visited (value, place, found) as (select value, 1, starts_with(value, ");
    sql.push_bind(prefix).push(")::int from (");
    push_first(&mut sql, field, ">=", |sql| {
        sql.push_bind(prefix);
    });
    sql.push(
        ") probe (value)
         union all
         select probe.value, visited.place + 1,
                visited.found + coalesce(starts_with(probe.value, ",
    );
    sql.push_bind(prefix)
        .push(")::int, 0) from visited cross join index_order cross join lateral (");
    push_first(&mut sql, field, ">", |sql| {
        sql.push("visited.value");
    });
    sql.push(
        ") probe (value)
          where visited.value is not null
            and (starts_with(visited.value, ",
    );
    sql.push_bind(prefix).push(") or not is_by_bytes) and visited.found <= ");
    sql.push_bind(i32::from(limit)).push(" and visited.place < ");
    sql.push_bind(i32::try_from(visits).unwrap_or(i32::MAX));
    // A statement timeout would lose what was found.
    sql.push(" and clock_timestamp() < statement_timestamp() + ");
    sql.push_bind(i64::try_from(left.as_millis()).unwrap_or(i64::MAX));
    sql.push(
        " * interval '0.8 milliseconds')
         select value, is_by_bytes from visited cross join index_order order by place",
    );
    sql
}

/// Adds a subquery of one row: the first value after `bound` in the order of the index, or NULL.
fn push_first(sql: &mut Sql, field: ValueField, after: &str, push_bound: impl Fn(&mut Sql)) {
    let column = match field {
        ValueField::Action => ACTION,
        other => other.as_str(),
    };
    if field == ValueField::TargetType {
        // The index has the type of the actor first, of which there are three.
        sql.push(
            "select min(of_kind.target_type) from unnest(array['user', 'system', 'api_key']) kind \
             cross join lateral (select target_type from control_plane.audit_logs \
             where actor_type = kind and target_type ",
        );
        sql.push(after).push(" ");
        push_bound(sql);
        sql.push(" order by target_type limit 1) of_kind");
        return;
    }
    sql.push("select (select ").push(column).push(" from control_plane.audit_logs where ");
    sql.push(column).push(" ").push(after).push(" ");
    push_bound(sql);
    sql.push(" order by ").push(column).push(" limit 1)");
}

/// Adds whether the index of the field is in the order of bytes: then all values with a prefix are adjacent.
///
/// The locale of a database is in several columns, depending on its provider and the version of PostgreSQL.
fn push_is_by_bytes(sql: &mut Sql, field: ValueField) {
    if field == ValueField::Action {
        sql.push("true");
        return;
    }
    sql.push(
        "(select case c.collprovider
                 when 'c' then c.collcollate in ('C', 'POSIX', 'C.UTF-8', 'C.utf8')
                 when 'd' then (
                     select case coalesce(to_jsonb(own) ->> 'datlocprovider', 'c')
                            when 'c' then own.datcollate in ('C', 'POSIX', 'C.UTF-8', 'C.utf8')
                            when 'b' then to_jsonb(own) ->> 'datlocale' in ('C', 'C.UTF-8')
                            else false end
                       from pg_catalog.pg_database own where own.datname = current_database())
                 else false end
            from pg_catalog.pg_attribute a join pg_catalog.pg_collation c on c.oid = a.attcollation
           where a.attrelid = 'control_plane.audit_logs'::regclass and a.attname = ",
    );
    sql.push_bind(field.as_str()).push("::name)");
}

/// Lists the values of the newest records, of a tenant or of all.
async fn of_newest(mut db: Db<'_>, options: ValuesOptions<'_>) -> Result<FieldValues, StoreError> {
    let sql = newest(options);
    let doing = "list the values of a field";
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to(doing))?;
    let read = |row: &Row| Ok((row.get(0)?, row.get(1)?));
    let sample = rows.first().map(read).transpose();
    let sample: Option<(i64, Option<PgTime>)> =
        sample.map_err(StoreError::while_trying_to("read a row"))?;
    let (records, oldest) = sample.unwrap_or_default();
    let is_truncated = records >= i64::from(RECENT_OF_VALUE_MAX);
    let values = rows.iter().map(|row| row.get(2)).collect::<Result<Vec<Option<String>>, _>>();
    let values = values.map_err(StoreError::while_trying_to("read a row"))?;
    let mut values: Vec<String> =
        values.into_iter().flatten().map(|value| shown(options.field, value)).collect();
    let has_more = values.len() > usize::from(options.limit);
    values.truncate(options.limit.into());
    let since = oldest.filter(|_| is_truncated).map(|PgTime(oldest)| oldest);
    Ok(FieldValues { values, has_more, is_complete: true, is_sampled: true, since })
}

/// PostgreSQL prints some IPv6 addresses in another form than a record has.
fn shown(field: ValueField, value: String) -> String {
    match (field, parse_network(&value)) {
        (ValueField::IpAddress, Ok(network)) => StoredAddress::from(network).to_string(),
        _ => value,
    }
}

/// The statement of [`of_newest`]: the number of records, the oldest time, and each value; one row without a
/// value if there is none.
fn newest(options: ValuesOptions<'_>) -> Sql {
    let index = match options.tenant {
        Some(tenant) => DrivingIndex::Text("tenant_id", tenant.as_str()),
        None => DrivingIndex::Time,
    };
    let value = match options.field {
        ValueField::IpAddress => ADDRESS,
        field => field.as_str(),
    };
    let mut sql = Sql::new("with newest as materialized (select created_at, ");
    sql.push(value).push(" as value from control_plane.audit_logs where true");
    index.push_condition(&mut sql);
    index.push_order(&mut sql, Direction::Older);
    sql.push("created_at desc limit ").push_bind(i64::from(RECENT_OF_VALUE_MAX));
    sql.push(
        ") select sample.records, sample.oldest, matches.value
             from (select count(*) as records, min(created_at) as oldest from newest) sample
             left join (select distinct value from newest where starts_with(value, ",
    );
    sql.push_bind(options.prefix).push(") order by value limit ");
    sql.push_bind(i64::from(options.limit) + 1).push(") matches on true order by matches.value");
    sql
}
