-- Turns the plain table into the partitioned layout: hot and rest.
do $adopt$
declare
    entry record;
    b constant uuid := '019000000000-0000-0000-000000000000';
    h constant uuid := '03bb2cc3d800-0000-0000-000000000000';
begin
    if (select relkind from pg_class where oid = 'control_plane.audit_logs'::regclass) = 'p' then
        return;
    end if;
    create table control_plane.audit_logs_hot
        (like control_plane.audit_logs including defaults including constraints including indexes);
    set local auditrail.maintenance = 'retention';
    with stray as (delete from control_plane.audit_logs where id >= b and id < h returning *)
        insert into control_plane.audit_logs_hot select * from stray;
    alter table control_plane.audit_logs rename to audit_logs_rest;
    alter table control_plane.audit_logs_rest rename constraint audit_logs_pkey to audit_logs_rest_pkey;
    create temp table old_index on commit drop as
        select c.relname, pg_get_indexdef(i.indexrelid) as def
          from pg_index i join pg_class c on c.oid = i.indexrelid
         where i.indrelid = 'control_plane.audit_logs_rest'::regclass and not i.indisprimary;
    create temp table old_check on commit drop as
        select conname, replace(pg_get_constraintdef(oid), ' NO INHERIT', '') as def
          from pg_constraint
         where conrelid = 'control_plane.audit_logs_rest'::regclass and contype = 'c';
    create temp table old_trigger on commit drop as
        select tgname, tgtype & 1 = 1 as is_row, pg_get_triggerdef(oid) as def
          from pg_trigger
         where tgrelid = 'control_plane.audit_logs_rest'::regclass and not tgisinternal;
    for entry in select * from old_index loop
        execute format('alter index control_plane.%I rename to %I', entry.relname,
            replace(entry.relname, 'audit_logs', 'audit_logs_rest'));
    end loop;
    create table control_plane.audit_logs
        (like control_plane.audit_logs_rest including defaults including comments including storage)
        partition by range (id);
    alter table control_plane.audit_logs add constraint audit_logs_pkey primary key (id);
    for entry in select * from old_check loop
        execute format('alter table control_plane.audit_logs add constraint %I %s', entry.conname, entry.def);
        if entry.conname = 'audit_logs_created_at_check' then
            execute format('alter table control_plane.audit_logs_rest drop constraint %I', entry.conname);
            execute format('alter table control_plane.audit_logs_rest add constraint %I %s', entry.conname, entry.def);
            execute format('alter table control_plane.audit_logs_hot drop constraint if exists %I', entry.conname);
            execute format('alter table control_plane.audit_logs_hot add constraint %I %s', entry.conname, entry.def);
        end if;
    end loop;
    for entry in select * from old_index loop
        execute replace(entry.def, ' ON control_plane.audit_logs_rest ', ' ON control_plane.audit_logs ');
    end loop;
    execute format('alter table control_plane.audit_logs attach partition control_plane.audit_logs_hot for values from (%L) to (%L)', b, h);
    for entry in select * from old_trigger where is_row loop
        execute format('drop trigger %I on control_plane.audit_logs_rest', entry.tgname);
    end loop;
    alter table control_plane.audit_logs attach partition control_plane.audit_logs_rest default;
    for entry in select * from old_trigger loop
        execute replace(entry.def, ' ON control_plane.audit_logs_rest ', ' ON control_plane.audit_logs ');
        if not entry.is_row then
            execute replace(entry.def, ' ON control_plane.audit_logs_rest ', ' ON control_plane.audit_logs_hot ');
        end if;
        for entry in select t.relid, entry.tgname from (values ('control_plane.audit_logs_hot'::regclass), ('control_plane.audit_logs'), ('control_plane.audit_logs_rest')) t(relid) loop
            execute format('alter table only %s enable always trigger %I', entry.relid, entry.tgname);
        end loop;
    end loop;
    execute format('comment on table control_plane.audit_logs is %L',
        obj_description('control_plane.audit_logs_rest'::regclass, 'pg_class'));
    -- The row type followed the renamed table.
    create temp table old_function on commit drop as
        select p.oid::regprocedure::text as signature, pg_get_functiondef(p.oid) as def,
               obj_description(p.oid, 'pg_proc') as comment, p.proacl
          from pg_proc p
         where p.prorettype = (select reltype from pg_class where oid = 'control_plane.audit_logs_rest'::regclass);
    for entry in select * from old_function loop
        execute format('drop function %s', entry.signature);
        execute regexp_replace(entry.def, 'RETURNS (SETOF )?control_plane.audit_logs_rest', 'RETURNS \1control_plane.audit_logs');
        execute format('comment on function %s is %L', entry.signature, entry.comment);
    end loop;
    for entry in select f.signature, a.grantee from old_function f cross join aclexplode(f.proacl) a where a.grantee <> 0 loop
        execute format('grant execute on function %s to %I', entry.signature, pg_get_userbyid(entry.grantee));
    end loop;
    for entry in
        select a.grantee, a.privilege_type, null::text as attname from pg_class c cross join aclexplode(c.relacl) a
         where c.oid = 'control_plane.audit_logs_rest'::regclass and a.grantee <> c.relowner
        union all
        select a.grantee, a.privilege_type, t.attname from pg_attribute t cross join aclexplode(t.attacl) a
         where t.attrelid = 'control_plane.audit_logs_rest'::regclass
    loop
        execute format('grant %s %s on control_plane.audit_logs to %I', entry.privilege_type,
            case when entry.attname is null then '' else format('(%I)', entry.attname) end,
            pg_get_userbyid(entry.grantee));
        execute format('revoke all on control_plane.audit_logs_rest from %I', pg_get_userbyid(entry.grantee));
    end loop;
    execute format('alter table control_plane.audit_logs_rest add constraint audit_logs_rest_ids check (id < %L or id >= %L)', b, h);
end
$adopt$;
