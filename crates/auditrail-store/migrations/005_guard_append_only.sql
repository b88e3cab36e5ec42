-- What: a guard that refuses to change or remove records.
-- Why: a slip of the hand, or an application bug, must not rewrite history. Two doors stay, each for
--      the owner of the table alone and only in a transaction that says what it is about to do:
--        set local auditrail.maintenance = 'retention'   allows DELETE (old records leave)
--        set local auditrail.maintenance = 'erasure'     allows UPDATE (a person is erased)
--      TRUNCATE has no door. Whoever owns the table can drop this guard; what finds that out is the
--      transparency log, not a trigger.
--      The triggers fire once a statement, so an INSERT pays nothing for them, and ALWAYS, so that
--      session_replication_role = replica does not switch them off.
-- Breaking: no
-- Transaction: yes

create function control_plane.refuse_audit_log_change() returns trigger
    language plpgsql
    set search_path = ''
as $guard$
declare
    maintenance text := coalesce(current_setting('auditrail.maintenance', true), '');
    owns_table boolean := (
        select pg_catalog.pg_has_role(current_user, c.relowner, 'USAGE')
          from pg_catalog.pg_class c
         where c.oid = tg_relid
    );
begin
    if owns_table
        and ((tg_op = 'DELETE' and maintenance = 'retention')
            or (tg_op = 'UPDATE' and maintenance = 'erasure'))
    then
        return null;
    end if;
    raise exception '% on %.% is refused: audit records are not changed or removed',
            tg_op, tg_table_schema, tg_table_name
        using errcode = 'insufficient_privilege',
              hint = 'Records leave through retention and erasure only, both in the hands of the owner of the table.';
end
$guard$;

comment on function control_plane.refuse_audit_log_change() is
    'Trigger: refuses UPDATE, DELETE and TRUNCATE of audit records outside retention and erasure.';

create trigger audit_logs_append_only
    before update or delete or truncate on control_plane.audit_logs
    for each statement execute function control_plane.refuse_audit_log_change();

alter table control_plane.audit_logs enable always trigger audit_logs_append_only;
