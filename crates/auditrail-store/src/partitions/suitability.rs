//! Whether the table can be partitioned.

use sqlx::PgConnection;

use super::definition::Definition;
use super::error::PartitionError;
use super::name;
use super::properties::functions_of_row_type;

/// Checks that the table can be partitioned.
///
/// # Errors
/// [`PartitionError::Unsuitable`] with every reason.
pub(super) async fn check(
    db: &mut PgConnection,
    definition: &Definition,
) -> Result<(), PartitionError> {
    let failed = || PartitionError::while_trying_to("read what depends on the table");
    let mut reasons = dependents(db).await.map_err(failed())?;
    reasons.extend(relatives(db).await.map_err(failed())?);
    reasons.extend(constraints(db).await.map_err(failed())?);
    reasons.extend(filtered_publications(db).await.map_err(failed())?);
    for index in &definition.indexes {
        if !index.is_valid {
            reasons.push(format!("index {} is invalid: its build was interrupted", index.name));
        } else if index.is_unique && !index.is_primary {
            reasons
                .push(format!("index {} is unique, which no partitioned table allows", index.name));
        }
    }
    reasons.sort();
    if reasons.is_empty() { Ok(()) } else { Err(PartitionError::Unsuitable { reasons }) }
}

/// Views, functions, foreign keys and other objects that name the table or its row type. They would follow
/// the old table when it is renamed. The log's own functions are created again.
async fn dependents(db: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(concat!(
        "select distinct pg_catalog.pg_describe_object(d.classid, d.objid, 0) || ' depends on the table'
           from pg_catalog.pg_class c
           join pg_catalog.pg_type t on t.oid = c.reltype
           join pg_catalog.pg_depend d
             on d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = c.oid
             or d.refclassid = 'pg_catalog.pg_type'::regclass and d.refobjid in (t.oid, t.typarray)
          where c.oid = pg_catalog.to_regclass('control_plane.audit_logs') and d.deptype = 'n'
            and not (d.classid = 'pg_catalog.pg_proc'::regclass and d.objid in (",
        functions_of_row_type!(),
        "))
            and d.classid not in ('pg_catalog.pg_trigger'::regclass, 'pg_catalog.pg_policy'::regclass)
            and not (d.classid = 'pg_catalog.pg_constraint'::regclass
                     and (select k.conrelid from pg_catalog.pg_constraint k where k.oid = d.objid)
                         = c.oid)"
    ))
    .fetch_all(db)
    .await
}

/// Tables that inherit from it or from which it inherits.
async fn relatives(db: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select 'table ' || i.inhrelid::regclass::text || ' inherits from ' || i.inhparent::regclass::text
           from pg_catalog.pg_inherits i
          where pg_catalog.to_regclass('control_plane.audit_logs') in (i.inhrelid, i.inhparent)",
    )
    .fetch_all(db)
    .await
}

/// Constraints other than checks, not-null and the primary key.
async fn constraints(db: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select 'constraint ' || k.conname || ' is no check'
           from pg_catalog.pg_constraint k
          where k.conrelid = pg_catalog.to_regclass('control_plane.audit_logs')
            and k.contype not in ('c', 'n', 'p', 't')",
    )
    .fetch_all(db)
    .await
}

/// Publications with a row filter or a list of columns, since PostgreSQL 15.
async fn filtered_publications(db: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select 'publication ' || p.pubname || ' has a row filter or a list of columns'
           from pg_catalog.pg_publication_rel r
           join pg_catalog.pg_publication p on p.oid = r.prpubid
          cross join lateral to_jsonb(r) row
          where r.prrelid = pg_catalog.to_regclass('control_plane.audit_logs')
            and (row ->> 'prqual' is not null or row ->> 'prattrs' is not null)",
    )
    .fetch_all(db)
    .await
}

/// How long a role is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Session,
    Transaction,
}

/// Becomes the owner of the table, for the session or the current transaction: everything that is created
/// from then on belongs to the owner. Also checks that Citus does not distribute the table.
///
/// # Errors
/// [`PartitionError::NotMigrated`], [`PartitionError::NotOwner`] or [`PartitionError::Citus`].
pub(super) async fn become_owner(
    db: &mut PgConnection,
    scope: Scope,
) -> Result<(), PartitionError> {
    let failed = || PartitionError::while_trying_to("read the owner of the table");
    let Some((role, owner, is_member)) = owner(db).await.map_err(failed())? else {
        return Err(PartitionError::NotMigrated);
    };
    if !is_member {
        return Err(PartitionError::NotOwner { role, owner });
    }
    if is_distributed(db).await.map_err(failed())? {
        return Err(PartitionError::Citus);
    }
    if role == owner {
        return Ok(());
    }
    let scope = match scope {
        Scope::Session => "session",
        Scope::Transaction => "local",
    };
    let sql = format!("set {scope} role {}", name::quoted(&owner));
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(db).await.map_err(failed())?;
    Ok(())
}

/// The present role, the owner of the table, and whether the role may act as the owner.
async fn owner(db: &mut PgConnection) -> Result<Option<(String, String, bool)>, sqlx::Error> {
    sqlx::query_as(
        "select current_user::text, pg_catalog.pg_get_userbyid(c.relowner)::text,
                pg_catalog.pg_has_role(current_user, c.relowner, 'MEMBER')
           from pg_catalog.pg_class c
          where c.oid = pg_catalog.to_regclass('control_plane.audit_logs')",
    )
    .fetch_optional(db)
    .await
}

/// Whether Citus manages the table. Its catalog is in the schema `pg_catalog`.
async fn is_distributed(db: &mut PgConnection) -> Result<bool, sqlx::Error> {
    if !has_citus(db).await? {
        return Ok(false);
    }
    sqlx::query_scalar(
        "select exists (select from pg_catalog.pg_dist_partition
                         where logicalrelid = pg_catalog.to_regclass('control_plane.audit_logs'))",
    )
    .fetch_one(db)
    .await
}

async fn has_citus(db: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select pg_catalog.to_regclass('pg_catalog.pg_dist_partition') is not null")
        .fetch_one(db)
        .await
}
