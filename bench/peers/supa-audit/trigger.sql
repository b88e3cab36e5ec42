-- Row capture by trigger, for `cargo xtask bench transaction`.
--
-- Written after the published approach of supa_audit: one generic trigger function, one table for the
-- changes of all tables, the row as jsonb, a stable id of the row made of its table and primary key,
-- and that design's own four indexes (BRIN on the time, btree on the table and on both row ids), which
-- are fewer and smaller than those of control_plane.audit_logs. Fair: nothing is added to it, the id
-- needs no extension, and it runs in the same transaction as the change. It knows the row and not who
-- changed it from where; a record of ours has those.
create schema audit;

create table audit.record_version (
    id            bigint generated always as identity primary key,
    record_id     uuid,
    old_record_id uuid,
    op            text not null check (op in ('INSERT', 'UPDATE', 'DELETE')),
    ts            timestamptz not null default now(),
    table_oid     oid not null,
    table_schema  name not null,
    table_name    name not null,
    record        jsonb,
    old_record    jsonb
);

create index record_version_ts on audit.record_version using brin (ts);
create index record_version_table_oid on audit.record_version (table_oid);
create index record_version_record_id on audit.record_version (record_id)
    where record_id is not null;
create index record_version_old_record_id on audit.record_version (old_record_id)
    where old_record_id is not null;

-- The same row has the same id as long as its primary key is the same. The trigger is given the names
-- of the key's columns.
create function audit.to_record_id(of_table oid, row_data jsonb, key_columns text[]) returns uuid
    language sql stable as $$
    select md5(of_table::text || ':' || string_agg(row_data ->> name, ',' order by position))::uuid
      from unnest(key_columns) with ordinality as k (name, position)
$$;

create function audit.record_change() returns trigger
    language plpgsql security definer set search_path = '' as $$
declare
    new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
begin
    insert into audit.record_version
        (record_id, old_record_id, op, table_oid, table_schema, table_name, record, old_record)
    values
        (case when new_row is not null then audit.to_record_id(tg_relid, new_row, tg_argv) end,
         case when old_row is not null then audit.to_record_id(tg_relid, old_row, tg_argv) end,
         tg_op, tg_relid, tg_table_schema, tg_table_name, new_row, old_row);
    return coalesce(new, old);
end
$$;

create trigger audit_changes after insert or update or delete on bench.projects
    for each row execute function audit.record_change('id');
