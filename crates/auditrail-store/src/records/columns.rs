//! The columns of a record in SQL: lists of columns, values and rows.

pub(crate) mod lists;

use auditrail_core::{
    Action, Actor, ActorId, ActorName, ActorType, Metadata, Outcome, Record, RecordId, RecordedBy,
    RequestId, StoredAddress, Target, TargetId, TargetName, TargetType, TenantId, UserAgent,
    ValueError,
};
use ipnet::IpNet;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::db::Row;
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::{JsonText, PgTime, ToValue};
pub(crate) use lists::*;

/// Reads a row of exactly [`column_list!`].
///
/// Text is not validated, because plain SQL can write any. The same applies to a jsonb that is not an
/// object; jsonb `null` reads as none. For times see [`PgTime`].
pub(crate) fn record(row: &Row) -> Result<Record, StoreError> {
    let Columns {
        id,
        actor_id,
        actor_type,
        action,
        target_type,
        target_id,
        metadata,
        ip_address,
        user_agent,
        created_at,
        tenant_id,
        request_id,
        outcome,
        actor_name,
        target_name,
        recorded_by,
    } = Columns::read(row).map_err(StoreError::while_trying_to("read a row"))?;
    let id = RecordId::from(id);
    Ok(Record {
        id,
        actor: actor(id, actor_type, actor_id)?,
        action: Action::from_stored(action),
        target: Target::new(TargetType::from_stored(target_type), TargetId::from_stored(target_id)),
        metadata: metadata.and_then(Metadata::from_stored),
        ip_address: ip_address.map(StoredAddress::from),
        user_agent: user_agent.map(UserAgent::from_stored),
        created_at: created_at.0,
        tenant_id: tenant_id.map(TenantId::from_stored),
        request_id: request_id.map(RequestId::from_stored),
        outcome: outcome
            .map(Outcome::try_from)
            .transpose()
            .map_err(|source| corrupt(id, source))?,
        actor_name: actor_name.map(ActorName::from_stored),
        target_name: target_name.map(TargetName::from_stored),
        recorded_by: recorded_by.map(RecordedBy::from_stored),
    })
}

fn actor(id: RecordId, actor_type: &str, actor_id: &str) -> Result<Actor, StoreError> {
    let actor_type: ActorType = actor_type.parse().map_err(|source| corrupt(id, source))?;
    Actor::new(actor_type, ActorId::from_stored(actor_id)).map_err(|source| corrupt(id, source))
}

/// The check constraints of the table prevent an invalid actor or outcome, unless they were dropped.
const fn corrupt(id: RecordId, source: ValueError) -> StoreError {
    StoreError::Corrupt { id, source }
}

struct Columns<'r> {
    id: Uuid,
    actor_id: &'r str,
    actor_type: &'r str,
    action: &'r str,
    target_type: &'r str,
    target_id: &'r str,
    metadata: Option<Box<RawValue>>,
    ip_address: Option<IpNet>,
    user_agent: Option<&'r str>,
    created_at: PgTime,
    tenant_id: Option<&'r str>,
    request_id: Option<&'r str>,
    outcome: Option<&'r str>,
    actor_name: Option<&'r str>,
    target_name: Option<&'r str>,
    recorded_by: Option<&'r str>,
}

impl<'r> Columns<'r> {
    fn read(row: &'r Row) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.get(0)?,
            actor_id: row.get(1)?,
            actor_type: row.get(2)?,
            action: row.get(3)?,
            target_type: row.get(4)?,
            target_id: row.get(5)?,
            metadata: row.get(6)?,
            ip_address: row.get(7)?,
            user_agent: row.get(8)?,
            created_at: row.get(9)?,
            tenant_id: row.get(10)?,
            request_id: row.get(11)?,
            outcome: row.get(12)?,
            actor_name: row.get(13)?,
            target_name: row.get(14)?,
            recorded_by: row.get(15)?,
        })
    }
}

/// Receives the columns of a record, in the order of the table.
pub(crate) trait ColumnSink {
    fn required<T: ToValue>(&mut self, value: T);
    fn optional<T: ToValue>(&mut self, value: Option<T>);
}

/// Passes each column of a record but the writer to a sink.
pub(crate) fn put_own_columns(record: &Record, sink: &mut impl ColumnSink) {
    let Record {
        id,
        actor,
        action,
        target: Target { target_type, target_id },
        metadata,
        ip_address,
        user_agent,
        created_at,
        tenant_id,
        request_id,
        outcome,
        actor_name,
        target_name,
        recorded_by: _,
    } = record;
    sink.required(id.as_uuid());
    sink.required(actor.id());
    sink.required(actor.actor_type().as_str());
    sink.required(action.as_str());
    sink.required(target_type.as_str());
    sink.required(target_id.as_str());
    sink.optional(metadata.as_ref().map(|metadata| JsonText(metadata.as_str())));
    sink.optional(ip_address.map(|address| address.network()));
    sink.optional(text(user_agent));
    sink.required(PgTime(*created_at));
    sink.optional(text(tenant_id));
    sink.optional(text(request_id));
    sink.optional(outcome.map(Outcome::as_str));
    sink.optional(text(actor_name));
    sink.optional(text(target_name));
}

/// Binds an array for each column, in the order of the table.
pub(crate) fn bind_arrays(sql: Sql, records: &[&Record]) -> Sql {
    let records = || records.iter().copied();
    sql.bind_array(records().map(|r| r.id.as_uuid()))
        .bind_array(records().map(|r| r.actor.id()))
        .bind_array(records().map(|r| r.actor.actor_type().as_str()))
        .bind_array(records().map(|r| r.action.as_str()))
        .bind_array(records().map(|r| r.target.target_type.as_str()))
        .bind_array(records().map(|r| r.target.target_id.as_str()))
        .bind_optional_array(records().map(|r| r.metadata.as_ref().map(|m| JsonText(m.as_str()))))
        .bind_optional_array(records().map(|r| r.ip_address.map(|address| address.network())))
        .bind_optional_array(records().map(|r| text(&r.user_agent)))
        .bind_array(records().map(|r| PgTime(r.created_at)))
        .bind_optional_array(records().map(|r| text(&r.tenant_id)))
        .bind_optional_array(records().map(|r| text(&r.request_id)))
        .bind_optional_array(records().map(|r| r.outcome.map(Outcome::as_str)))
        .bind_optional_array(records().map(|r| text(&r.actor_name)))
        .bind_optional_array(records().map(|r| text(&r.target_name)))
        .bind_optional_array(records().map(|r| text(&r.recorded_by)))
}

fn text<T: AsRef<str>>(value: &Option<T>) -> Option<&str> {
    value.as_ref().map(AsRef::as_ref)
}

/// The approximate size of a record in memory, in bytes.
pub(crate) fn size_in_memory(record: &Record) -> usize {
    let Record {
        id: _,
        actor,
        action,
        target: Target { target_type, target_id },
        metadata,
        ip_address: _,
        user_agent,
        created_at: _,
        tenant_id,
        request_id,
        outcome: _,
        actor_name,
        target_name,
        recorded_by,
    } = record;
    let optional = [
        metadata.as_ref().map(Metadata::as_str),
        text(user_agent),
        text(tenant_id),
        text(request_id),
        text(actor_name),
        text(target_name),
        text(recorded_by),
    ];
    let required = [actor.id(), action.as_str(), target_type.as_str(), target_id.as_str()];
    let texts = required.into_iter().chain(optional.into_iter().flatten());
    size_of::<Record>() + texts.map(str::len).sum::<usize>()
}
