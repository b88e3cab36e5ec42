//! A row of the table, and the record in it.

use auditrail_core::{
    Action, Actor, ActorId, ActorType, Metadata, Record, RecordId, RequestId, StoredAddress,
    Target, TargetId, TargetType, TenantId, UserAgent,
};
use ipnet::IpNet;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::db::Row;
use crate::error::StoreError;
use crate::value::PgTime;

/// The columns [`record`] reads, in its order.
macro_rules! column_list {
    () => {
        "id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, \
         user_agent, created_at, tenant_id, request_id"
    };
}
pub(crate) use column_list;

/// Reads a row of exactly [`column_list!`].
///
/// Text is taken as it is stored, whatever plain SQL may have written. A jsonb that is no object is
/// kept as it is too; jsonb `null` reads as none. For times see [`PgTime`].
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
    })
}

/// Only the table's own checks, once dropped, could let in what fails here.
fn actor(id: RecordId, actor_type: &str, actor_id: &str) -> Result<Actor, StoreError> {
    let corrupt = |source| StoreError::Corrupt { id, source };
    let actor_type: ActorType = actor_type.parse().map_err(corrupt)?;
    Actor::new(actor_type, ActorId::from_stored(actor_id)).map_err(corrupt)
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
        })
    }
}
