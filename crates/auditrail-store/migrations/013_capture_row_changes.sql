-- What: triggers that record every insert, update and delete in tables that are chosen for it.
-- Why: what an application records says what was meant; what its rows say afterwards is what happened,
--      whoever did it and by whatever way. Nothing is recorded until `audit_table` is called.
--
--        select control_plane.audit_table('public.projects', target_type => 'project',
--                                         secret => '{api_token}');
--
--      Who acts and for which request the trigger takes from settings of the transaction, which
--      `audit_context` sets. A record of an update has the columns that changed, old and new; a secret
--      column never leaves its row, and only its name is told. Records of one transaction have the same
--      xact_id, and those of changes that come after the record of their intent have its id as
--      `intent_id` in their metadata.
--
--      The trigger works with the rights of whoever changes the row: a role that may not write records
--      may not change an audited table.
-- Breaking: no
-- Transaction: yes

create function control_plane.audit_context(context jsonb) returns void
    language plpgsql
    volatile
    set search_path = pg_catalog
as $context$
declare
    unknown text;
begin
    select string_agg(key, ', ' order by key) into unknown
      from jsonb_object_keys(context) key
     where key not in ('actor_type', 'actor_id', 'tenant_id', 'request_id', 'ip_address', 'user_agent');
    if unknown is not null then
        raise exception 'the context has no %', unknown
            using errcode = 'invalid_parameter_value',
                  hint = 'It takes actor_type, actor_id, tenant_id, request_id, ip_address and user_agent.';
    end if;
    -- For this transaction alone; what is left out is cleared.
    perform set_config('auditrail.' || name, coalesce(context ->> name, ''), true)
       from unnest('{actor_type,actor_id,tenant_id,request_id,ip_address,user_agent}'::text[]) name;
end
$context$;

comment on function control_plane.audit_context(jsonb) is
    'Says for the rest of the transaction who acts and for which request, for records of changed rows: actor_type, actor_id, tenant_id, request_id, ip_address, user_agent.';

create function control_plane.record_row_change() returns trigger
    language plpgsql
    volatile
    set search_path = pg_catalog
as $change$
declare
    -- As audit_table gave them.
    kind constant text := tg_argv[0];
    keys constant text[] := tg_argv[1];
    secret constant text[] := tg_argv[2];
    tenant_column constant text := nullif(tg_argv[3], '');

    metadata_max_bytes constant integer := 65536;
    -- Names of columns alone, for a row that is too large.
    names_max constant integer := 200;

    was jsonb := case when tg_op in ('UPDATE', 'DELETE') then to_jsonb(old) end;
    is_now jsonb := case when tg_op in ('UPDATE', 'INSERT') then to_jsonb(new) end;
    present constant jsonb := coalesce(is_now, was);
    told jsonb;
    hidden jsonb;
    target text;
    note jsonb;
    happened timestamptz := clock_timestamp();
begin
    if tg_op = 'UPDATE' then
        select coalesce(jsonb_object_agg(n.key, jsonb_build_object('old', o.value, 'new', n.value))
                   filter (where n.key <> all (secret)), '{}'),
               jsonb_agg(n.key order by n.key) filter (where n.key = any (secret))
          into told, hidden
          from jsonb_each(was) o join jsonb_each(is_now) n using (key)
         where o.value is distinct from n.value;
        if told = '{}' and hidden is null then
            return null;
        end if;
        note := jsonb_build_object('changed', told);
    else
        note := jsonb_build_object(case tg_op when 'INSERT' then 'new' else 'old' end, present - secret);
        select jsonb_agg(name order by name) into hidden
          from unnest(secret) name where present ? name;
    end if;
    note := jsonb_strip_nulls(jsonb_build_object(
        'table', tg_table_schema || '.' || tg_table_name,
        'secret', hidden,
        'intent_id', nullif(current_setting('auditrail.intent_id', true), ''),
        'database_user', case when coalesce(current_setting('auditrail.actor_id', true), '') = ''
                              then session_user end)) || note;
    if octet_length(note::text) > metadata_max_bytes then
        told := coalesce(told, present - secret);
        note := note - '{changed,new,old}'::text[] || jsonb_build_object(
            'truncated', true,
            'columns', (select jsonb_agg(key) from (
                           select key from jsonb_object_keys(told) key order by key
                            limit names_max) of_columns));
    end if;

    -- One column as it is; several as a list, which no text in them can break.
    target := case cardinality(keys)
        when 1 then present ->> keys[1]
        else (select jsonb_agg(present -> key order by place)::text
                from unnest(keys) with ordinality k(key, place)) end;
    target := left(regexp_replace(target, '[\u0001-\u001f\u007f-\u009f]', '?', 'g'), 500);

    insert into control_plane.audit_logs
        (id, actor_type, actor_id, action, target_type, target_id, metadata, ip_address, user_agent,
         created_at, tenant_id, request_id)
    values
        (overlay(
             overlay(replace(gen_random_uuid()::text, '-', '') placing '7' from 13)
             placing lpad(to_hex((extract(epoch from happened) * 1000)::bigint), 12, '0') from 1)::uuid,
         coalesce(nullif(current_setting('auditrail.actor_type', true), ''), 'system'),
         coalesce(nullif(current_setting('auditrail.actor_id', true), ''), 'system'),
         kind || case tg_op when 'INSERT' then '.inserted' when 'UPDATE' then '.updated'
                            else '.deleted' end,
         kind,
         coalesce(nullif(target, ''), 'unknown'),
         note,
         nullif(current_setting('auditrail.ip_address', true), '')::inet,
         nullif(current_setting('auditrail.user_agent', true), ''),
         happened,
         coalesce(nullif(present ->> tenant_column, ''),
             nullif(current_setting('auditrail.tenant_id', true), '')),
         nullif(current_setting('auditrail.request_id', true), ''));
    return null;
end
$change$;

comment on function control_plane.record_row_change() is
    'Trigger: records the insert, update or delete of a row. audit_table attaches it.';

create function control_plane.audit_table(
    audited regclass,
    target_type text default null,
    target_id text[] default null,
    secret text[] default '{}',
    tenant_id text default null
) returns void
    language plpgsql
    volatile
    set search_path = pg_catalog
as $audit$
declare
    keys text[] := target_id;
    unknown text;
begin
    if audited = 'control_plane.audit_logs'::regclass then
        raise exception 'the audit log cannot audit itself'
            using errcode = 'invalid_parameter_value';
    end if;
    if not exists (select from pg_class where oid = audited and relkind in ('r', 'p')) then
        raise exception '% is not a table', audited
            using errcode = 'wrong_object_type';
    end if;
    target_type := coalesce(target_type, (select relname from pg_class where oid = audited));
    if target_type = '' or length(target_type) > 50 or target_type like '%.%' then
        raise exception 'the target type must have 1 to 50 characters and no dot'
            using errcode = 'invalid_parameter_value',
                  hint = 'Give one: select control_plane.audit_table(''schema.table'', target_type => ''project'').';
    end if;
    if keys is null then
        select array_agg(a.attname::text order by array_position(i.indkey::int2[], a.attnum)) into keys
          from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
         where i.indrelid = audited and i.indisprimary;
    end if;
    if coalesce(cardinality(keys), 0) = 0 then
        raise exception '% has no primary key, so its records would not tell which row they are about', audited
            using errcode = 'invalid_parameter_value',
                  hint = 'Name the columns that tell rows apart: target_id => ''{tenant,number}''.';
    end if;
    select string_agg(name, ', ' order by name) into unknown
      from unnest(keys || coalesce(secret, '{}') || tenant_id) name
     where name is not null
       and not exists (select from pg_attribute
                        where attrelid = audited and attname = name and attnum > 0 and not attisdropped);
    if unknown is not null then
        raise exception '% has no column %', audited, unknown
            using errcode = 'undefined_column';
    end if;
    if keys && coalesce(secret, '{}') or tenant_id = any (secret) then
        raise exception 'a column that tells the target or the tenant cannot be secret'
            using errcode = 'invalid_parameter_value';
    end if;
    perform control_plane.stop_audit_table(audited);
    execute format(
        'create trigger audit_row_change after insert or update or delete on %s '
        'for each row execute function control_plane.record_row_change(%L, %L, %L, %L)',
        audited, target_type, keys, coalesce(secret, '{}'), coalesce(tenant_id, ''));
end
$audit$;

comment on function control_plane.audit_table(regclass, text, text[], text[], text) is
    'Records from now on every insert, update and delete of a table, once more with other settings if it did before. target_id: the columns that tell rows apart, the primary key if left out; secret: columns that are never told; tenant_id: the column that has the tenant.';

create function control_plane.stop_audit_table(audited regclass) returns void
    language plpgsql
    volatile
    set search_path = pg_catalog
as $stop$
begin
    if exists (select from pg_trigger
                where tgrelid = audited and tgname = 'audit_row_change' and not tgisinternal) then
        execute format('drop trigger audit_row_change on %s', audited);
    end if;
end
$stop$;

comment on function control_plane.stop_audit_table(regclass) is
    'Ends the recording of changes of a table; the records stay.';
