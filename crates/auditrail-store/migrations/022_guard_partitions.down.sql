-- What: restores the guard of one trigger for each table, and removes the counter of changes.
-- Loses data: no
-- Transaction: yes

do $each$
declare
    log regclass;
begin
    -- Partitions first: the parent's triggers for each statement are not created on them.
    for log in
        select relation from (
            select 'control_plane.audit_logs'::regclass as relation, false as is_leaf
            union
            select relid, isleaf from pg_catalog.pg_partition_tree('control_plane.audit_logs')
             where level > 0) logs
         order by is_leaf desc, relation
    loop
        execute pg_catalog.format('drop trigger if exists audit_logs_append_only on %s', log);
        execute pg_catalog.format('drop trigger audit_logs_append_only_truncate on %s', log);
        execute pg_catalog.format(
            'create trigger audit_logs_append_only before update or delete or truncate on %s '
            'for each statement execute function control_plane.refuse_audit_log_change()', log);
        execute pg_catalog.format(
            'alter table only %s enable always trigger audit_logs_append_only', log);
    end loop;
end
$each$;

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
              hint = case when owns_table
                  then 'To remove old records, run "set local auditrail.maintenance = ''retention''" in the transaction first; to erase personal data, ''erasure''. See "Removing records" in docs/operations.md.'
                  else 'Records leave through retention and erasure only, which the owner of the table runs. See "Removing records" in docs/operations.md.' end;
end
$guard$;

drop table control_plane.audit_log_maintenance;
