//! The INSERT statements.

use auditrail_core::{Record, Target};
use ipnet::IpNet;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres, Row};
use uuid::Uuid;

use super::row::{self, columns};
use crate::error::StoreError;
use crate::wire::{JsonText, PgTime};

/// Writes one record unless its id is there already, and returns it as it is stored.
///
/// When another transaction is writing the same id, this waits to learn whether that one commits.
pub(crate) async fn one(
    db: &mut PgConnection,
    record: &Record,
) -> Result<Option<Record>, StoreError> {
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
    } = record;
    let written = sqlx::query(concat!(
        "insert into control_plane.audit_logs (",
        columns!(),
        ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         on conflict (id) do nothing returning ",
        columns!()
    ))
    .bind(id.as_uuid())
    .bind(actor.id())
    .bind(actor.actor_type().as_str())
    .bind(action.as_str())
    .bind(target_type.as_str())
    .bind(target_id.as_str())
    .bind(metadata.as_ref().map(|m| JsonText(m.as_str())))
    .bind(ip_address.map(|address| address.network()))
    .bind(user_agent.as_ref().map(AsRef::as_ref))
    .bind(PgTime(*created_at))
    .bind(tenant_id.as_ref().map(AsRef::as_ref))
    .bind(request_id.as_ref().map(AsRef::as_ref))
    .fetch_optional(db)
    .await
    .map_err(StoreError::while_trying_to("write a record"))?;
    written.as_ref().map(row::record).transpose()
}

/// Writes the records whose ids are not there yet, and returns the ids of those it wrote.
///
/// Of records with the same id the first is written.
pub(crate) async fn many(
    db: &mut PgConnection,
    columns: &Columns<'_>,
) -> Result<Vec<Uuid>, StoreError> {
    let statement = sqlx::query(concat!(
        "insert into control_plane.audit_logs (",
        columns!(),
        ") select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], \
         $6::text[], $7::jsonb[], $8::inet[], $9::text[], $10::timestamptz[], $11::text[], \
         $12::text[]) \
         on conflict (id) do nothing returning id"
    ));
    let written = columns
        .bind_to(statement)
        .fetch_all(db)
        .await
        .map_err(StoreError::while_trying_to("write records"))?;
    let ids = written.iter().map(|row| row.try_get(0));
    ids.collect::<Result<_, _>>()
        .map_err(StoreError::while_trying_to("read the ids of new records"))
}

/// Records by column, for statements that take one array for each.
#[derive(Debug, Default)]
pub(crate) struct Columns<'a> {
    ids: Vec<Uuid>,
    actor_ids: Vec<&'a str>,
    actor_types: Vec<&'a str>,
    actions: Vec<&'a str>,
    target_types: Vec<&'a str>,
    target_ids: Vec<&'a str>,
    metadata: Vec<Option<JsonText<'a>>>,
    ip_addresses: Vec<Option<IpNet>>,
    user_agents: Vec<Option<&'a str>>,
    created_at: Vec<PgTime>,
    tenant_ids: Vec<Option<&'a str>>,
    request_ids: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    /// Turns records into columns without copying text.
    pub(crate) fn of(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut columns = Self::default();
        for record in records {
            columns.push(record);
        }
        columns
    }

    /// The ids, in the order of the records.
    pub(crate) fn ids(&self) -> &[Uuid] {
        &self.ids
    }

    fn push(&mut self, record: &'a Record) {
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
        } = record;
        self.ids.push(*id.as_uuid());
        self.actor_ids.push(actor.id());
        self.actor_types.push(actor.actor_type().as_str());
        self.actions.push(action.as_str());
        self.target_types.push(target_type.as_str());
        self.target_ids.push(target_id.as_str());
        let metadata = metadata.as_ref().map(|m| JsonText(m.as_str()));
        self.metadata.push(metadata);
        self.ip_addresses.push(ip_address.map(|ip| ip.network()));
        self.user_agents.push(user_agent.as_ref().map(AsRef::as_ref));
        self.created_at.push(PgTime(*created_at));
        self.tenant_ids.push(tenant_id.as_ref().map(AsRef::as_ref));
        self.request_ids.push(request_id.as_ref().map(AsRef::as_ref));
    }

    /// Binds the twelve arrays as $1 to $12, in the order of the table's columns.
    pub(crate) fn bind_to<'q>(
        &self,
        statement: Query<'q, Postgres, PgArguments>,
    ) -> Query<'q, Postgres, PgArguments> {
        statement
            .bind(&self.ids)
            .bind(&self.actor_ids)
            .bind(&self.actor_types)
            .bind(&self.actions)
            .bind(&self.target_types)
            .bind(&self.target_ids)
            .bind(&self.metadata)
            .bind(&self.ip_addresses)
            .bind(&self.user_agents)
            .bind(&self.created_at)
            .bind(&self.tenant_ids)
            .bind(&self.request_ids)
    }
}
