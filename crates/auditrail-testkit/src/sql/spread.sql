-- Replaces the partitions by five ranges and the default, each with a seventh of the records or more.
do $spread$
declare
    parent constant regclass := 'control_plane.audit_logs';
    bounds uuid[];
    old regclass;
    entry record;
begin
    create temp table record on commit drop as select * from control_plane.audit_logs;
    select array_agg(id order by id) into bounds
      from (select id, row_number() over (order by id) as place, count(*) over () as records
              from control_plane.audit_logs) ordered
     where place = any (array(select records * part / 7 + 1 from generate_series(1, 6) part));
    for old in select inhrelid from pg_inherits where inhparent = parent loop
        execute format('alter table control_plane.audit_logs detach partition %s', old);
        execute format('drop table %s', old);
    end loop;
    for part in 1..5 loop
        execute format('create table control_plane.%I partition of control_plane.audit_logs for values from (%L) to (%L)',
            'audit_logs_t' || part, bounds[part], bounds[part + 1]);
    end loop;
    create table control_plane.audit_logs_rest partition of control_plane.audit_logs default;
    execute format('alter table control_plane.audit_logs_rest add constraint audit_logs_rest_ids check (id < %L or id >= %L)',
        bounds[1], bounds[6]);
    for entry in
        select t.tgname, i.inhrelid::regclass as partition,
               replace(pg_get_triggerdef(t.oid), ' ON control_plane.audit_logs ', format(' ON %s ', i.inhrelid::regclass)) as definition
          from pg_trigger t join pg_inherits i on i.inhparent = t.tgrelid
         where t.tgrelid = parent and t.tgtype & 1 = 0
    loop
        execute entry.definition;
        execute format('alter table %s enable always trigger %I', entry.partition, entry.tgname);
    end loop;
    insert into control_plane.audit_logs select * from record;
end
$spread$;
