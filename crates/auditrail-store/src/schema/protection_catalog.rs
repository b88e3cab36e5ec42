//! Queries of `pg_catalog` for [`weaknesses`](super::protection::weaknesses), one per function. Objects are
//! returned as they are reported, in no order. Table names are qualified, function names have their argument types.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

/// Properties of a table.
pub(super) struct TableRow {
    pub(super) name: String,
    /// `permanent`, `unlogged` or `temporary`.
    pub(super) persistence: String,
    pub(super) has_row_security: bool,
}

/// The encoding of the database, such as `UTF8`.
pub(crate) async fn encoding(db: &mut PgConnection) -> Result<String, sqlx::Error> {
    sqlx::query_scalar("select pg_catalog.current_setting('server_encoding')").fetch_one(db).await
}

pub(super) async fn tables(
    db: &mut PgConnection,
    tables: &[String],
) -> Result<Vec<TableRow>, sqlx::Error> {
    sqlx::query(
        "select n.nspname || '.' || c.relname as name,
                case c.relpersistence when 'p' then 'permanent' when 'u' then 'unlogged'
                                      else 'temporary' end as persistence,
                c.relrowsecurity or c.relforcerowsecurity as has_row_security
           from pg_class c
           join pg_namespace n on n.oid = c.relnamespace
          where n.nspname || '.' || c.relname = any ($1)",
    )
    .bind(tables)
    .try_map(|row: PgRow| {
        Ok(TableRow {
            name: row.try_get("name")?,
            persistence: row.try_get("persistence")?,
            has_row_security: row.try_get("has_row_security")?,
        })
    })
    .fetch_all(db)
    .await
}

/// Columns whose collation is not that of their type, and the collation. It decides which texts are equal.
pub(super) async fn collations(
    db: &mut PgConnection,
    tables: &[String],
) -> Result<Vec<(String, String)>, sqlx::Error> {
    sqlx::query_as(
        "select 'column ' || n.nspname || '.' || c.relname || '.' || a.attname, l.collname::text
           from pg_attribute a
           join pg_type t on t.oid = a.atttypid
           join pg_collation l on l.oid = a.attcollation
           join pg_class c on c.oid = a.attrelid
           join pg_namespace n on n.oid = c.relnamespace
          where n.nspname || '.' || c.relname = any ($1) and a.attcollation <> t.typcollation",
    )
    .bind(tables)
    .fetch_all(db)
    .await
}

pub(super) async fn rules(
    db: &mut PgConnection,
    tables: &[String],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select 'rule ' || r.rulename || ' of ' || n.nspname || '.' || c.relname
           from pg_rewrite r
           join pg_class c on c.oid = r.ev_class
           join pg_namespace n on n.oid = c.relnamespace
          where n.nspname || '.' || c.relname = any ($1)",
    )
    .bind(tables)
    .fetch_all(db)
    .await
}

pub(super) async fn policies(
    db: &mut PgConnection,
    tables: &[String],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select 'policy ' || p.polname || ' of ' || n.nspname || '.' || c.relname
           from pg_policy p
           join pg_class c on c.oid = p.polrelid
           join pg_namespace n on n.oid = c.relnamespace
          where n.nspname || '.' || c.relname = any ($1)",
    )
    .bind(tables)
    .fetch_all(db)
    .await
}

/// The partitions of the tables in their schema, at any depth.
pub(super) async fn partitions(
    db: &mut PgConnection,
    schema: &str,
    tables: &[String],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select n.nspname || '.' || c.relname
           from pg_class p
           join pg_namespace pn on pn.oid = p.relnamespace
          cross join pg_partition_tree(p.oid) t
           join pg_class c on c.oid = t.relid
           join pg_namespace n on n.oid = c.relnamespace
          where pn.nspname || '.' || p.relname = any ($2) and t.level > 0 and n.nspname = $1",
    )
    .bind(schema)
    .bind(tables)
    .fetch_all(db)
    .await
}

/// Parents and children, except for partitions in the schema.
pub(super) async fn relatives(
    db: &mut PgConnection,
    schema: &str,
    tables: &[String],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "with related as (
             select c.oid, c.relispartition, n.nspname, n.nspname || '.' || c.relname as name
               from pg_class c join pg_namespace n on n.oid = c.relnamespace)
         select case when child.name = any ($2) then 'parent ' || parent.name || ' of ' || child.name
                     else 'child ' || child.name || ' of ' || parent.name end
           from pg_inherits i
           join related child on child.oid = i.inhrelid
           join related parent on parent.oid = i.inhparent
          where (child.name = any ($2) or parent.name = any ($2))
            and not (child.relispartition and child.nspname = $1 and parent.name = any ($2))",
    )
    .bind(schema)
    .bind(tables)
    .fetch_all(db)
    .await
}

/// Privileges on partitions and their columns, of roles other than their owners. Access to the table does not
/// need them, and they bypass what is granted there.
pub(super) async fn partition_privileges(
    db: &mut PgConnection,
    partitions: &[String],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "with granted as (
             select c.oid, c.relowner, '' as part, c.relacl as acl from pg_class c
             union all
             select c.oid, c.relowner, '.' || a.attname, a.attacl
               from pg_class c join pg_attribute a on a.attrelid = c.oid)
         select 'privilege ' || a.privilege_type || ' on '
                || case part when '' then '' else 'column ' end || n.nspname || '.' || c.relname || part
                || ' of ' || case a.grantee when 0 then 'PUBLIC' else pg_get_userbyid(a.grantee) end
           from granted g
           join pg_class c on c.oid = g.oid
           join pg_namespace n on n.oid = c.relnamespace
          cross join aclexplode(g.acl) a
          where n.nspname || '.' || c.relname = any ($1) and a.grantee <> g.relowner",
    )
    .bind(partitions)
    .fetch_all(db)
    .await
}

/// Objects that do not belong to the owner of the tracking table: the object, that owner and its own.
pub(super) async fn foreign_owners(
    db: &mut PgConnection,
    schema: &str,
    tables: &[String],
    functions: &[String],
) -> Result<Vec<(String, String, String)>, sqlx::Error> {
    sqlx::query_as(
        "with owned(object, owner) as (
             select 'schema ' || nspname, nspowner from pg_namespace where nspname = $1
             union all
             select 'table ' || n.nspname || '.' || c.relname, c.relowner
               from pg_class c join pg_namespace n on n.oid = c.relnamespace
              where n.nspname || '.' || c.relname = any ($2)
             union all
             select 'function ' || signature, owner from (
                 select n.nspname || '.' || p.proname || '('
                            || pg_get_function_identity_arguments(p.oid) || ')' as signature,
                        p.proowner as owner
                   from pg_proc p join pg_namespace n on n.oid = p.pronamespace
                  where n.nspname = $1) named
              where signature = any ($3))
         select owned.object, pg_get_userbyid(tracking.relowner)::text,
                pg_get_userbyid(owned.owner)::text
           from owned
           join pg_class tracking on tracking.relname = 'schema_migrations'
           join pg_namespace n on n.oid = tracking.relnamespace and n.nspname = $1
          where owned.owner <> tracking.relowner",
    )
    .bind(schema)
    .bind(tables)
    .bind(functions)
    .fetch_all(db)
    .await
}

/// Privileges on whole tables that `grants` prints for no role, and those of PUBLIC. A service may update the
/// position of the sequencer, and let the rows of the log grow.
pub(super) async fn table_privileges(
    db: &mut PgConnection,
    schema: &str,
    tables: &[String],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select 'privilege ' || a.privilege_type || ' on ' || n.nspname || '.' || c.relname || ' of '
                || case a.grantee when 0 then 'PUBLIC' else pg_get_userbyid(a.grantee) end
           from pg_class c
           join pg_namespace n on n.oid = c.relnamespace
          cross join aclexplode(c.relacl) a
          where (n.nspname || '.' || c.relname = any ($2)
                 or n.nspname = $1 and c.relname = 'schema_migrations')
            and a.grantee <> c.relowner
            and (a.grantee = 0 or a.privilege_type <> 'SELECT'
                 and (a.privilege_type <> 'INSERT'
                      or c.relname in ('schema_migrations', 'audit_log_maintenance',
                                       'audit_log_partition_work', 'audit_log_sequencer',
                                       'audit_log_retention_runs',
                                       'audit_log_retention_removals',
                                       'audit_log_text_index', 'audit_log_tree'))
                 and (a.privilege_type <> 'UPDATE'
                      or c.relname not in ('audit_log_sequencer', 'audit_log_retention_rules',
                                            'audit_log_text_index', 'audit_log_tree',
                                            'audit_log_bundles', 'audit_log_tiles',
                                            'audit_log_record_keys', 'audit_log_checkpoints',
                                            'audit_log_holds'))
                 and (a.privilege_type <> 'DELETE'
                      or c.relname not in ('audit_log_retention_rules', 'audit_log_checkpoints')))",
    )
    .bind(schema)
    .bind(tables)
    .fetch_all(db)
    .await
}

/// The same for columns. A service may update the time at which a key was revoked.
pub(super) async fn column_privileges(
    db: &mut PgConnection,
    schema: &str,
    tables: &[String],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select 'privilege ' || a.privilege_type || ' on column ' || n.nspname || '.' || c.relname || '.'
                || t.attname || ' of '
                || case a.grantee when 0 then 'PUBLIC' else pg_get_userbyid(a.grantee) end
           from pg_attribute t
           join pg_class c on c.oid = t.attrelid
           join pg_namespace n on n.oid = c.relnamespace
          cross join aclexplode(t.attacl) a
          where (n.nspname || '.' || c.relname = any ($2)
                 or n.nspname = $1 and c.relname = 'schema_migrations')
            and a.grantee <> c.relowner
            and (a.grantee = 0 or a.privilege_type <> 'SELECT'
                 and (a.privilege_type <> 'INSERT' or t.attname = 'xact_id'
                      or c.relname in ('schema_migrations', 'audit_log_maintenance'))
                 and (a.privilege_type <> 'UPDATE' or c.relname <> 'audit_api_keys'
                      or t.attname <> 'revoked_at'))",
    )
    .bind(schema)
    .bind(tables)
    .fetch_all(db)
    .await
}

/// Roles that may create objects in the schema.
pub(super) async fn schema_privileges(
    db: &mut PgConnection,
    schema: &str,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select 'privilege CREATE on schema ' || n.nspname || ' of '
                || case a.grantee when 0 then 'PUBLIC' else pg_get_userbyid(a.grantee) end
           from pg_namespace n
          cross join aclexplode(n.nspacl) a
          where n.nspname = $1 and a.grantee <> n.nspowner and a.privilege_type = 'CREATE'",
    )
    .bind(schema)
    .fetch_all(db)
    .await
}

/// Functions of these names that every role may execute. Without any grant, PUBLIC may.
pub(super) async fn public_functions(
    db: &mut PgConnection,
    schema: &str,
    names: &[&str],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select 'privilege EXECUTE on ' || n.nspname || '.' || p.proname || ' of PUBLIC'
           from pg_proc p
           join pg_namespace n on n.oid = p.pronamespace
          cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
          where n.nspname = $1 and p.proname = any ($2) and a.grantee = 0",
    )
    .bind(schema)
    .bind(names)
    .fetch_all(db)
    .await
}

/// Settings that open the guard, name an actor or switch triggers off, of this database, of roles and of the
/// configuration of the server, which this session has from its start.
pub(super) async fn settings(db: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "with assigned as (
             select lower(split_part(entry, '=', 1)) as name, entry, s.setrole, s.setdatabase
               from pg_db_role_setting s
              cross join unnest(s.setconfig) entry
              where s.setdatabase = 0
                 or s.setdatabase = (select oid from pg_database where datname = current_database()))
         select 'setting ' || entry
                || case when setrole <> 0 then ' of role ' || pg_get_userbyid(setrole) else '' end
                || case when setdatabase = 0 then '' when setrole = 0 then ' of database '
                        else ' in database ' end
                || case when setdatabase = 0 then '' else current_database() end
           from assigned
          where name like 'auditrail.%' and entry not like '%=' or name = 'session_replication_role'
         union all
         select 'setting ' || name || '=' || current_setting(name, true) || ' of the server'
           from unnest(array['auditrail.maintenance', 'auditrail.actor_type', 'auditrail.actor_id',
                             'auditrail.tenant_id', 'auditrail.request_id', 'auditrail.ip_address',
                             'auditrail.user_agent', 'auditrail.intent_id']) known(name)
          where current_setting(name, true) <> ''
            and not exists (select from assigned where assigned.name = known.name)",
    )
    .fetch_all(db)
    .await
}

/// Triggers that capture row changes but do not fire in a usual session, and when they do.
pub(super) async fn disabled_captures(
    db: &mut PgConnection,
    schema: &str,
) -> Result<Vec<(String, String)>, sqlx::Error> {
    sqlx::query_as(
        "select 'trigger ' || t.tgname || ' of ' || tn.nspname || '.' || c.relname,
                case t.tgenabled when 'D' then 'disabled' else 'replica' end
           from pg_trigger t
           join pg_class c on c.oid = t.tgrelid
           join pg_namespace tn on tn.oid = c.relnamespace
           join pg_proc p on p.oid = t.tgfoid
           join pg_namespace n on n.oid = p.pronamespace
          where n.nspname = $1 and p.proname = 'record_row_change' and t.tgenabled in ('D', 'R')",
    )
    .bind(schema)
    .fetch_all(db)
    .await
}

/// Tables that inherit from a captured one and are not captured: triggers are not inherited.
pub(super) async fn uncaptured_children(
    db: &mut PgConnection,
    schema: &str,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "with recursive captured as (
             select distinct t.tgrelid as oid
               from pg_trigger t
               join pg_proc p on p.oid = t.tgfoid
               join pg_namespace n on n.oid = p.pronamespace
              where n.nspname = $1 and p.proname = 'record_row_change'
         ), descendant as (
             select i.inhrelid as oid from pg_inherits i join captured c on c.oid = i.inhparent
             union select i.inhrelid from pg_inherits i join descendant d on d.oid = i.inhparent)
         select 'trigger audit_row_change of ' || n.nspname || '.' || c.relname
           from descendant d
           join pg_class c on c.oid = d.oid
           join pg_namespace n on n.oid = c.relnamespace
          where d.oid not in (select oid from captured)",
    )
    .bind(schema)
    .fetch_all(db)
    .await
}
