-- What: a guard for each row of audit_logs, a bound for created_at, and a guard of revoked API keys.
-- Why: the guard of migration 005 fires once for each statement that names audit_logs. A statement that
--      names a table from which audit_logs inherits does not fire it; the new trigger fires for the row,
--      by whatever statement. INSERT fires neither.
--      A time that no record can have (infinity, the year 294276) would be first in every list for ever.
--      The interfaces reject such times; the constraint rejects them from plain SQL. It is NOT VALID: it
--      applies to new rows, and neither scans the table nor fails for a row that is there already.
--      The service role may set revoked_at, but must not clear it: a revocation is final.
-- Breaking: no
-- Transaction: yes

create or replace function control_plane.refuse_audit_log_change() returns trigger
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
        -- The result of a trigger for each statement is ignored.
        if tg_level = 'STATEMENT' then
            return null;
        elsif tg_op = 'DELETE' then
            return old;
        end if;
        return new;
    end if;
    raise exception '% on %.% is refused: audit records are not changed or removed',
            tg_op, tg_table_schema, tg_table_name
        using errcode = 'insufficient_privilege',
              hint = 'Records leave through retention and erasure only, both in the hands of the owner of the table.';
end
$guard$;

create trigger audit_logs_append_only_row
    before update or delete on control_plane.audit_logs
    for each row execute function control_plane.refuse_audit_log_change();

alter table control_plane.audit_logs enable always trigger audit_logs_append_only_row;

alter table control_plane.audit_logs
    add constraint audit_logs_created_at_check
        check (created_at between '0001-01-01 00:00:00+00' and '9999-12-30 22:00:00+00')
        no inherit not valid;

create function control_plane.refuse_api_key_revival() returns trigger
    language plpgsql
    set search_path = ''
as $revoked$
begin
    if old.revoked_at is distinct from new.revoked_at
        and (old.revoked_at is not null or not pg_catalog.isfinite(new.revoked_at))
    then
        raise exception 'the revocation of API key % is refused a change: revoked_at is set once', old.id
            using errcode = 'insufficient_privilege',
                  hint = 'Create a new key.';
    end if;
    return new;
end
$revoked$;

comment on function control_plane.refuse_api_key_revival() is
    'Trigger: refuses to clear or change the time at which an API key was revoked.';

create trigger audit_api_keys_revoked_once
    before update on control_plane.audit_api_keys
    for each row execute function control_plane.refuse_api_key_revival();

alter table control_plane.audit_api_keys enable always trigger audit_api_keys_revoked_once;
