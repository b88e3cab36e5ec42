-- What: a guard of two triggers, one for UPDATE and DELETE and one for TRUNCATE, on the table and on each of
--      its partitions; and a counter of the statements that the guard has let through.
-- Why: a trigger for each statement is not cloned to partitions, so a statement that names a partition fires
--      only what the partition itself has. Extensions that distribute a table ignore a trigger that includes
--      TRUNCATE, and with it the guard against UPDATE and DELETE.
--      Partitions are merged by a copy that takes a while. What is erased or deleted meanwhile must not come
--      back with the copy, so each such statement increments `changes`, and the merge compares the number.
--      The guard lets only roles through that have the privileges of the owner of the table, who owns the
--      counter as well; no other role needs a privilege on it. The counter has one row, which two of these
--      transactions lock one after the other, in the same order.
-- Breaking: no
-- Transaction: yes

create table control_plane.audit_log_maintenance (
    singleton boolean not null default true,
    changes   bigint  not null default 0,

    constraint audit_log_maintenance_pkey
        primary key (singleton),
    constraint audit_log_maintenance_singleton_check
        check (singleton)
);

comment on table control_plane.audit_log_maintenance is
    'Changes of stored records. It has one row.';
comment on column control_plane.audit_log_maintenance.singleton is
    'Always true, so that there is one row.';
comment on column control_plane.audit_log_maintenance.changes is
    'Number of statements of retention and erasure that the guard has let through.';

insert into control_plane.audit_log_maintenance default values;

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
        if tg_level = 'STATEMENT' then
            insert into control_plane.audit_log_maintenance as maintained (changes) values (1)
                on conflict (singleton) do update set changes = maintained.changes + 1;
            -- The result of a trigger for each statement is ignored.
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
        execute pg_catalog.format(
            'create trigger audit_logs_append_only before update or delete on %s '
            'for each statement execute function control_plane.refuse_audit_log_change()', log);
        execute pg_catalog.format(
            'create trigger audit_logs_append_only_truncate before truncate on %s '
            'for each statement execute function control_plane.refuse_audit_log_change()', log);
        execute pg_catalog.format(
            'alter table only %s enable always trigger audit_logs_append_only, '
            'enable always trigger audit_logs_append_only_truncate', log);
    end loop;
end
$each$;
