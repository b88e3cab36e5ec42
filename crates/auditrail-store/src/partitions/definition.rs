//! What a table consists of beside its columns, read from the catalog, so that it can be created again for
//! another table.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::name;

/// The indexes, checks and triggers of a table.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    /// The table, qualified.
    table: String,
    pub(super) indexes: Vec<Index>,
    pub(super) checks: Vec<Check>,
    pub(super) triggers: Vec<Trigger>,
}

/// An index.
#[derive(Clone, Debug)]
pub(super) struct Index {
    pub(super) name: String,
    pub(super) is_primary: bool,
    pub(super) is_unique: bool,
    pub(super) is_valid: bool,
    /// The definition from `USING` on, which names no table.
    body: String,
}

/// A CHECK constraint.
#[derive(Clone, Debug)]
pub(super) struct Check {
    pub(super) name: String,
    /// As `pg_get_constraintdef` prints it.
    definition: String,
    pub(super) is_inheritable: bool,
}

/// A trigger that is no clone of one of the parent.
#[derive(Clone, Debug)]
pub(super) struct Trigger {
    pub(super) name: String,
    /// As `pg_get_triggerdef` prints it.
    definition: String,
    /// The clause of ALTER TABLE that sets when it fires.
    firing: &'static str,
    pub(super) is_row: bool,
    pub(super) is_guard: bool,
}

impl Definition {
    /// Reads the definition of a table of the log's schema.
    pub(super) async fn read(db: &mut PgConnection, table: &str) -> Result<Self, sqlx::Error> {
        let table = name::table(table);
        Ok(Self {
            indexes: indexes(db, &table).await?,
            checks: checks(db, &table).await?,
            triggers: triggers(db, &table).await?,
            table,
        })
    }

    /// The statements that create the guard of a partition: the triggers of each statement, which
    /// PostgreSQL does not clone.
    pub(super) fn guard(&self, partition: &str) -> Vec<String> {
        let guard = self.triggers.iter().filter(|trigger| trigger.is_guard && !trigger.is_row);
        guard.flat_map(|trigger| self.create_trigger(trigger, partition)).collect()
    }

    /// The statements that create a trigger on another table.
    pub(super) fn create_trigger(&self, trigger: &Trigger, table: &str) -> [String; 2] {
        let table = name::table(table);
        // With an empty search path the catalog prints the name qualified, and quoted only if necessary.
        let own = format!(" ON {} ", self.table.replace('"', ""));
        let create = trigger.definition.replacen(&own, &format!(" ON {table} "), 1);
        let enable = format!(
            "alter table {table} {} trigger {}",
            trigger.firing,
            name::quoted(&trigger.name)
        );
        [create, enable]
    }
}

impl Index {
    /// The statement that creates it as `name` on another table.
    pub(super) fn create(&self, name: &str, table: &str) -> String {
        let (name, table) = (name::quoted(name), name::table(table));
        if self.is_primary {
            return format!("alter table {table} add constraint {name} primary key (id)");
        }
        let unique = if self.is_unique { "unique " } else { "" };
        format!("create {unique}index {name} on {table} {}", self.body)
    }
}

impl Check {
    /// The statement that adds it to another table, as a constraint that partitions inherit.
    pub(super) fn add(&self, table: &str) -> String {
        let definition = self.definition.replacen(" NO INHERIT", "", 1);
        format!(
            "alter table {} add constraint {} {definition}",
            name::table(table),
            name::quoted(&self.name)
        )
    }
}

async fn indexes(db: &mut PgConnection, table: &str) -> Result<Vec<Index>, sqlx::Error> {
    sqlx::query(
        "select i.relname::text as name, x.indisprimary as is_primary, x.indisunique as is_unique,
                x.indisvalid and x.indisready as is_valid,
                substr(d.definition, strpos(d.definition, ' USING ') + 1) as body
           from pg_catalog.pg_index x
           join pg_catalog.pg_class i on i.oid = x.indexrelid
          cross join lateral pg_catalog.pg_get_indexdef(x.indexrelid) d(definition)
          where x.indrelid = pg_catalog.to_regclass($1)
          order by x.indisprimary desc, i.relname",
    )
    .bind(table)
    .try_map(|row: PgRow| {
        Ok(Index {
            name: row.try_get("name")?,
            is_primary: row.try_get("is_primary")?,
            is_unique: row.try_get("is_unique")?,
            is_valid: row.try_get("is_valid")?,
            body: row.try_get("body")?,
        })
    })
    .fetch_all(db)
    .await
}

async fn checks(db: &mut PgConnection, table: &str) -> Result<Vec<Check>, sqlx::Error> {
    sqlx::query(
        "select k.conname::text as name, pg_catalog.pg_get_constraintdef(k.oid) as definition,
                not k.connoinherit as is_inheritable
           from pg_catalog.pg_constraint k
          where k.conrelid = pg_catalog.to_regclass($1) and k.contype = 'c' and k.conname <> all ($2)
          order by k.conname",
    )
    .bind(table)
    .bind([name::REST_IDS, name::ADOPTION])
    .try_map(|row: PgRow| {
        Ok(Check {
            name: row.try_get("name")?,
            definition: row.try_get("definition")?,
            is_inheritable: row.try_get("is_inheritable")?,
        })
    })
    .fetch_all(db)
    .await
}

async fn triggers(db: &mut PgConnection, table: &str) -> Result<Vec<Trigger>, sqlx::Error> {
    sqlx::query(
        "select t.tgname::text as name, pg_catalog.pg_get_triggerdef(t.oid) as definition,
                t.tgenabled::text as enabled, (t.tgtype & 1) = 1 as is_row,
                t.tgfoid = pg_catalog.to_regprocedure('control_plane.refuse_audit_log_change()')
                    as is_guard
           from pg_catalog.pg_trigger t
          where t.tgrelid = pg_catalog.to_regclass($1) and not t.tgisinternal and t.tgparentid = 0
          order by t.tgname",
    )
    .bind(table)
    .try_map(|row: PgRow| {
        Ok(Trigger {
            name: row.try_get("name")?,
            definition: row.try_get("definition")?,
            firing: firing(row.try_get("enabled")?),
            is_row: row.try_get("is_row")?,
            is_guard: row.try_get::<Option<bool>, _>("is_guard")? == Some(true),
        })
    })
    .fetch_all(db)
    .await
}

/// The clause for a value of `tgenabled`.
fn firing(enabled: &str) -> &'static str {
    match enabled {
        "A" => "enable always",
        "R" => "enable replica",
        "D" => "disable",
        _ => "enable",
    }
}
