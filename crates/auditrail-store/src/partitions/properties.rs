//! What else belongs to the table of the log: comment, privileges, policies, publications and the
//! functions that return its row type. Each function returns the statements that create these for the table
//! `control_plane.audit_logs` again. They are read before the table is renamed.

use sqlx::PgConnection;

/// A query of the functions of the log's schema whose result or arguments have the row type of the table.
macro_rules! functions_of_row_type {
    () => {
        "select distinct p.oid
           from pg_catalog.pg_class c
           join pg_catalog.pg_type t on t.oid = c.reltype
           join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
            and d.refobjid in (t.oid, t.typarray) and d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
           join pg_catalog.pg_proc p on p.oid = d.objid and p.pronamespace = c.relnamespace
          where c.oid = pg_catalog.to_regclass('control_plane.audit_logs')"
    };
}
pub(super) use functions_of_row_type;

/// The statements that give a new table of the log's name the properties of the present one, which is named
/// `old` by then.
pub(super) async fn statements(
    db: &mut PgConnection,
    old: &str,
) -> Result<Vec<String>, sqlx::Error> {
    let mut all = comment(db).await?;
    all.extend(privileges(db).await?);
    all.extend(row_security(db).await?);
    all.extend(policies(db, old).await?);
    all.extend(publications(db, old).await?);
    all.extend(functions(db).await?);
    Ok(all)
}

async fn comment(db: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select format('comment on table control_plane.audit_logs is %L',
                       pg_catalog.obj_description(c.oid, 'pg_class'))
           from pg_catalog.pg_class c
          where c.oid = pg_catalog.to_regclass('control_plane.audit_logs')",
    )
    .fetch_all(db)
    .await
}

/// Privileges on the table and its columns. Those of default privileges are revoked first.
async fn privileges(db: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let granted: Vec<String> = sqlx::query_scalar(
        "with granted as (
             select c.relowner, a.grantee, a.is_grantable, a.privilege_type as privilege
               from pg_catalog.pg_class c
              cross join pg_catalog.aclexplode(c.relacl) a
              where c.oid = pg_catalog.to_regclass('control_plane.audit_logs')
             union all
             select c.relowner, a.grantee, a.is_grantable,
                    format('%s (%I)', a.privilege_type, t.attname)
               from pg_catalog.pg_class c
               join pg_catalog.pg_attribute t on t.attrelid = c.oid
              cross join pg_catalog.aclexplode(t.attacl) a
              where c.oid = pg_catalog.to_regclass('control_plane.audit_logs'))
         select format('grant %s on control_plane.audit_logs to %s%s', privilege,
                       case grantee when 0 then 'public'
                                    else quote_ident(pg_catalog.pg_get_userbyid(grantee)) end,
                       case when is_grantable then ' with grant option' else '' end)
           from granted
          where grantee <> relowner",
    )
    .fetch_all(db)
    .await?;
    let mut all = vec![revoke("audit_logs")];
    all.extend(granted);
    Ok(all)
}

/// A block that revokes the privileges of all roles but the owner on a table of the log's schema: records
/// are written and read through the log, which alone has privileges.
pub(super) fn revoke(table: &str) -> String {
    format!(
        "do $revoke$
         declare
             other name;
         begin
             for other in
                 select distinct a.grantee::regrole::name
                   from pg_catalog.pg_class c
                  cross join lateral (
                      select grantee from pg_catalog.aclexplode(c.relacl)
                      union
                      select x.grantee from pg_catalog.pg_attribute t
                       cross join pg_catalog.aclexplode(t.attacl) x where t.attrelid = c.oid) a
                  where c.oid = 'control_plane.{table}'::pg_catalog.regclass
                    and a.grantee not in (0, c.relowner)
             loop
                 execute format('revoke all on control_plane.{table} from %I', other);
             end loop;
             revoke all on control_plane.{table} from public;
         end
         $revoke$"
    )
}

async fn row_security(db: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select format('alter table control_plane.audit_logs %s row level security', setting)
           from pg_catalog.pg_class c
          cross join lateral (values ('enable', c.relrowsecurity), ('force', c.relforcerowsecurity))
                as s(setting, is_on)
          where c.oid = pg_catalog.to_regclass('control_plane.audit_logs') and s.is_on",
    )
    .fetch_all(db)
    .await
}

async fn policies(db: &mut PgConnection, old: &str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select statement
           from pg_catalog.pg_policy p
          cross join lateral (values
              (1, format('drop policy %I on control_plane.%I', p.polname, $1)),
              (2, format('create policy %I on control_plane.audit_logs as %s for %s to %s%s%s',
                         p.polname,
                         case when p.polpermissive then 'permissive' else 'restrictive' end,
                         case p.polcmd when 'r' then 'select' when 'a' then 'insert'
                                       when 'w' then 'update' when 'd' then 'delete' else 'all' end,
                         (select string_agg(case role when 0 then 'public'
                                            else quote_ident(pg_catalog.pg_get_userbyid(role)) end, ', ')
                            from unnest(p.polroles) role),
                         ' using (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')',
                         ' with check (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')')))
                as s(place, statement)
          where p.polrelid = pg_catalog.to_regclass('control_plane.audit_logs')
          order by p.polname, s.place",
    )
    .bind(old)
    .fetch_all(db)
    .await
}

/// A publication of the log publishes its partitions, so it no longer needs the old table.
async fn publications(db: &mut PgConnection, old: &str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select statement
           from pg_catalog.pg_publication_rel r
           join pg_catalog.pg_publication p on p.oid = r.prpubid
          cross join lateral (values
              (1, format('alter publication %I drop table control_plane.%I', p.pubname, $1)),
              (2, format('alter publication %I add table control_plane.audit_logs', p.pubname)))
                as s(place, statement)
          where r.prrelid = pg_catalog.to_regclass('control_plane.audit_logs')
          order by p.pubname, s.place",
    )
    .bind(old)
    .fetch_all(db)
    .await
}

/// The functions of the log's schema whose result or arguments have the row type of the table, such as
/// `record_audit_log`: the row type follows a rename of the table, so they are created again. Only a function
/// that was dropped can change its result type. Without any grant, PUBLIC may execute a function.
async fn functions(db: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(concat!(
        "with typed as (",
        functions_of_row_type!(),
        "), named as (
             select p.oid, p.proowner, p.proacl, pg_catalog.pg_get_functiondef(p.oid) as definition,
                    format('function %s', p.oid::regprocedure) as signature
               from pg_catalog.pg_proc p join typed using (oid)
         ), statements(oid, place, statement) as (
             select oid, 1, 'drop ' || signature from named
             union all
             select oid, 2, definition from named
             union all
             select oid, 3, format('comment on %s is %L', signature,
                                   pg_catalog.obj_description(oid, 'pg_proc'))
               from named
             union all
             select oid, 4, format('revoke all on %s from public', signature) from named
             union all
             select n.oid, 5, format('grant execute on %s to %s%s', n.signature,
                                   case a.grantee when 0 then 'public'
                                       else quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) end,
                                   case when a.is_grantable then ' with grant option' else '' end)
               from named n
              cross join pg_catalog.aclexplode(
                         coalesce(n.proacl, pg_catalog.acldefault('f', n.proowner))) a
              where a.grantee <> n.proowner)
         select statement from statements order by oid, place"
    ))
    .fetch_all(db)
    .await
}
