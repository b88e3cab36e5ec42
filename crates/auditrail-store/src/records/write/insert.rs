//! The INSERT statements.

use auditrail_core::{Record, Target};
use ipnet::IpNet;
use uuid::Uuid;

use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::key_version::ApiKeyVersion;
use crate::records::columns::{self, column_list};
use crate::sql::Sql;
use crate::value::{JsonText, PgTime, Xid};

/// Writes one record unless its id is there already, and returns it as it is stored.
///
/// When another transaction is writing the same id, this waits to learn whether that one commits.
pub(crate) async fn one(mut db: Db<'_>, record: &Record) -> Result<Option<Record>, StoreError> {
    let sql = Sql::new(concat!(
        "insert into control_plane.audit_logs (",
        column_list!(),
        ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         on conflict (id) do nothing returning ",
        column_list!()
    ));
    let written = db.fetch(&bind_record(sql, record)).await;
    let written = written.map_err(StoreError::while_trying_to("write a record"))?;
    written.first().map(columns::record).transpose()
}

/// Writes one record unless its id is there already or the key is at another version; says nothing but
/// how many rows it wrote. The key stays at its version until the transaction ends.
pub(crate) fn single_sql(record: &Record, key: Option<ApiKeyVersion>) -> Sql {
    let Some(key) = key else {
        let sql = Sql::new(concat!(
            "insert into control_plane.audit_logs (",
            column_list!(),
            ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
             on conflict (id) do nothing"
        ));
        return bind_record(sql, record);
    };
    let sql = Sql::new(concat!(
        "with key as materialized (select from control_plane.audit_api_keys \
                                    where id = $13 and xmin = $14 for share) \
         insert into control_plane.audit_logs (",
        column_list!(),
        ") select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 from key \
         on conflict (id) do nothing"
    ));
    bind_record(sql, record).bind(key.id).bind(Xid(key.written_by))
}

/// Binds the columns of a record to the next twelve placeholders.
fn bind_record(sql: Sql, record: &Record) -> Sql {
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
    sql.bind(id.as_uuid())
        .bind(actor.id())
        .bind(actor.actor_type().as_str())
        .bind(action.as_str())
        .bind(target_type.as_str())
        .bind(target_id.as_str())
        .bind_optional(metadata.as_ref().map(|m| JsonText(m.as_str())))
        .bind_optional(ip_address.map(|address| address.network()))
        .bind_optional(user_agent.as_ref().map(AsRef::<str>::as_ref))
        .bind(PgTime(*created_at))
        .bind_optional(tenant_id.as_ref().map(AsRef::<str>::as_ref))
        .bind_optional(request_id.as_ref().map(AsRef::<str>::as_ref))
}

/// Writes the records whose ids are not there yet, and returns the ids of those it wrote.
///
/// Of records with the same id the first is written.
pub(crate) async fn many(mut db: Db<'_>, columns: &Columns<'_>) -> Result<Vec<Uuid>, StoreError> {
    let written = db.fetch(&many_sql(columns)).await;
    read_ids(&written.map_err(StoreError::while_trying_to("write records"))?)
}

/// The statement of [`many`].
pub(crate) fn many_sql(columns: &Columns<'_>) -> Sql {
    columns.bind_to(Sql::new(concat!(
        "insert into control_plane.audit_logs (",
        column_list!(),
        ") select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], \
         $6::text[], $7::jsonb[], $8::inet[], $9::text[], $10::timestamptz[], $11::text[], \
         $12::text[]) \
         on conflict (id) do nothing returning id"
    )))
}

/// Reads the rows of [`many_sql`].
pub(crate) fn read_ids(written: &[Row]) -> Result<Vec<Uuid>, StoreError> {
    let ids = written.iter().map(|row| row.get(0));
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
    pub(crate) fn bind_to(&self, sql: Sql) -> Sql {
        sql.bind_array(&self.ids)
            .bind_array(self.actor_ids.iter().copied())
            .bind_array(self.actor_types.iter().copied())
            .bind_array(self.actions.iter().copied())
            .bind_array(self.target_types.iter().copied())
            .bind_array(self.target_ids.iter().copied())
            .bind_optional_array(self.metadata.iter().copied())
            .bind_optional_array(self.ip_addresses.iter().copied())
            .bind_optional_array(self.user_agents.iter().copied())
            .bind_array(self.created_at.iter().copied())
            .bind_optional_array(self.tenant_ids.iter().copied())
            .bind_optional_array(self.request_ids.iter().copied())
    }
}
