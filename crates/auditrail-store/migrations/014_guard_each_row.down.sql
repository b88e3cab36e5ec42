-- What: removes the guard for each row, the bound of created_at, and the guard of revoked API keys.
-- Loses data: no
-- Transaction: yes

drop trigger audit_api_keys_revoked_once on control_plane.audit_api_keys;
drop function control_plane.refuse_api_key_revival();
alter table control_plane.audit_logs drop constraint audit_logs_created_at_check;
drop trigger audit_logs_append_only_row on control_plane.audit_logs;

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
        return null;
    end if;
    raise exception '% on %.% is refused: audit records are not changed or removed',
            tg_op, tg_table_schema, tg_table_name
        using errcode = 'insufficient_privilege',
              hint = 'Records leave through retention and erasure only, both in the hands of the owner of the table.';
end
$guard$;
