//! Replaces a partition by one that has only the records that stay.

use uuid::Uuid;

use super::EXCHANGE_TIMEOUT_MILLIS;
use super::context::Context;
use super::error::RetentionError;
use super::session::{STATEMENT_TIMEOUT, Session, literal};
use super::tables::Table;
use crate::db::Row;
use crate::error::StoreError;
use crate::identifier::{self, quoted};
use crate::sql::Sql;
use crate::sqlstate::sqlstate;

/// SQLSTATE of a block that found other rules; a class that PostgreSQL does not use.
const RULES_CHANGED: &str = "AT001";
/// SQLSTATE of a block that found that records were changed since the walk.
const RECORDS_CHANGED: &str = "AT002";
/// A merge of partitions that is in progress copied records that leave now, and must notice that.
const COUNT_CHANGE: &str = "update control_plane.audit_log_maintenance set changes = changes + 1;";
/// Records that a statement copies.
const COPY_ROWS: usize = 2_000;

/// The exchange of a partition.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    pub(super) table: &'a Table,
    /// The name of the new table until it takes the partition's.
    pub(super) new: String,
    /// The name of the old table afterwards.
    pub(super) retired: String,
    /// The columns of the log, as a list in SQL.
    pub(super) columns: String,
    /// Records of the partition that leave.
    pub(super) expired: u64,
    /// Records of the partition that are copied.
    pub(super) kept: u64,
    /// [`changes`] before the walk.
    pub(super) changes: Option<i64>,
}

/// The columns of the log, in the order of the table.
pub(super) async fn columns(db: &mut Session) -> Result<String, StoreError> {
    let doing = "list the columns of the log";
    let sql = Sql::new(
        "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
          where attrelid = 'control_plane.audit_logs'::regclass and attnum > 0
            and not attisdropped and attgenerated = ''",
    );
    let rows = db.fetch(doing, sql).await?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound);
    row.and_then(|row| row.get(0)).map_err(StoreError::while_trying_to(doing))
}

/// How often the guard permitted a change of records, if this schema counts it. An erasure between the walk and the
/// exchange must not be undone by a copy from before it.
pub(super) async fn changes(db: &mut Session) -> Result<Option<i64>, StoreError> {
    let doing = "look up the number of changes of records";
    let exists = Sql::new("select to_regclass('control_plane.audit_log_maintenance') is not null");
    let is_counted = |row: &Row| row.get::<bool>(0);
    let rows = db.fetch(doing, exists).await?;
    let is_counted = rows.first().map(is_counted).transpose();
    if is_counted.map_err(StoreError::while_trying_to(doing))? != Some(true) {
        return Ok(None);
    }
    let sql = Sql::new("select changes from control_plane.audit_log_maintenance");
    let rows = db.fetch(doing, sql).await?;
    rows.first().map(|row| row.get(0)).transpose().map_err(StoreError::while_trying_to(doing))
}

impl Exchange<'_> {
    /// Creates the new table: like the log, with the bounds as a check, so that it can be attached without a scan,
    /// and with the triggers that are not cloned from the log.
    pub(super) async fn create(&self, db: &mut Session) -> Result<(), StoreError> {
        let new = self.new_sql();
        let (old, check) = (literal(&self.table.sql()), quoted(&self.check()));
        let statements = format!(
            "create table {new} (like control_plane.audit_logs including defaults \
                 including constraints including indexes including storage including comments);
             do $create$
             declare
                 statement text;
             begin
                 execute format('alter table {new} owner to %I',
                     (select pg_get_userbyid(relowner) from pg_class where oid = {old}::regclass));
                 execute 'alter table {new} add constraint {check} check ('
                     || pg_get_partition_constraintdef({old}::regclass) || ')';
                 for statement in
                     select replace(pg_get_triggerdef(t.oid), ' ON ' || {old}::regclass::text || ' ',
                                    ' ON {new} ')
                       from pg_trigger t
                      where t.tgrelid = {old}::regclass and not t.tgisinternal and t.tgparentid = 0
                        and t.tgtype & 1 = 0
                 loop
                     execute statement;
                 end loop;
                 for statement in
                     select format('revoke all on {new} from %s',
                                case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end)
                       from pg_class c cross join aclexplode(c.relacl) a
                      where c.oid = {new_literal}::regclass and a.grantee <> c.relowner
                 loop
                     execute statement;
                 end loop;
                 for statement in
                     select format('alter table {new} enable always trigger %I', tgname)
                       from pg_trigger
                      where tgrelid = {new_literal}::regclass and not tgisinternal
                 loop
                     execute statement;
                 end loop;
             end $create$",
            new_literal = literal(&new)
        );
        db.execute("create a partition for the records that stay", statements).await
    }

    /// Copies the records with these ids.
    pub(super) async fn copy(&self, db: &mut Session, kept: &[Uuid]) -> Result<(), RetentionError> {
        for ids in kept.chunks(COPY_ROWS) {
            let mut sql = Sql::new("insert into ");
            sql.push(&self.new_sql()).push(" (").push(&self.columns).push(") select ");
            sql.push(&self.columns).push(" from ").push(&self.table.sql());
            sql.push(" where id = any(").push_bind_array(ids.iter()).push(") returning 1::bigint");
            let copied = db.fetch("copy the records that stay", sql).await?.len();
            if copied != ids.len() {
                return Err(self.records_changed());
            }
        }
        Ok(())
    }

    /// Puts the new table in the place of the old one, in one statement that ends within
    /// [`EXCHANGE_TIMEOUT_MILLIS`] or does nothing. Records that were written since the walk are copied under the
    /// lock. The comment of the old table has the number of its records.
    pub(super) async fn swap(
        &self,
        db: &mut Session,
        context: &Context,
    ) -> Result<(), RetentionError> {
        let statements = format!(
            "set local statement_timeout = '{EXCHANGE_TIMEOUT_MILLIS}ms'; {}; \
             set local statement_timeout = '{STATEMENT_TIMEOUT}'",
            self.block(context)
        );
        let doing = "replace a partition";
        let run = sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(db.connection()).await;
        match run {
            Ok(_) => Ok(()),
            Err(error) => Err(match sqlstate(&error) {
                Some(RULES_CHANGED) => RetentionError::RulesChanged,
                Some(RECORDS_CHANGED) => self.records_changed(),
                _ => StoreError::while_trying_to(doing)(error).into(),
            }),
        }
    }

    fn block(&self, context: &Context) -> String {
        let (snapshot, ended) = (literal(&context.snapshot), literal(&context.ended));
        let Self { table, retired, columns, .. } = self;
        let total = self.expired + self.kept;
        let (new, old) = (self.new_sql(), table.sql());
        let (name, retired) = (quoted(&table.name), quoted(retired));
        let bounds = table.bounds.as_deref().unwrap_or_default();
        let version = literal(&context.version);
        let check = quoted(&self.check());
        let changes = self.changes_check();
        let count_change = self.changes.map_or("", |_| COUNT_CHANGE);
        format!(
            "do $exchange$
             declare
                 late bigint;
             begin
                 lock table control_plane.audit_log_retention_rules in share mode;
                 if control_plane.audit_log_retention_version() <> {version} then
                     raise exception 'rules changed' using errcode = '{RULES_CHANGED}';
                 end if;
                 lock table only control_plane.audit_logs, only {old} in access exclusive mode;
                 {changes}
                 insert into {new} ({columns}) select {columns} from {old}
                  where xact_id >= pg_snapshot_xmin({snapshot}::pg_snapshot)
                    and not pg_visible_in_snapshot(xact_id, {snapshot}::pg_snapshot)
                    and age(xmin) <= age({ended}::xid)
                     on conflict (id) do nothing;
                 get diagnostics late = row_count;
                 alter table control_plane.audit_logs detach partition {old};
                 alter table {old} rename to {retired};
                 alter table {new} rename to {name};
                 alter table control_plane.audit_logs attach partition {old} {bounds};
                 alter table {old} drop constraint {check};
                 {count_change}
                 execute format('comment on table control_plane.{retired} is %L',
                     {total} + late);
             end $exchange$"
        )
    }

    /// Raises an error when records were changed since the walk.
    fn changes_check(&self) -> String {
        self.changes.map_or_else(String::new, |changes| {
            format!(
                "if (select changes from control_plane.audit_log_maintenance) <> {changes} then
                     raise exception 'records changed' using errcode = '{RECORDS_CHANGED}';
                 end if;"
            )
        })
    }

    fn records_changed(&self) -> RetentionError {
        RetentionError::RecordsChanged { partition: self.table.name.clone() }
    }

    fn new_sql(&self) -> String {
        identifier::table(&self.new)
    }

    fn check(&self) -> String {
        format!("{}_bounds", self.new)
    }
}
