-- What: restores the functions of migration 013, and removes those that they did not have.
-- Loses data: no
-- Transaction: yes

drop function control_plane.changes_without_intent(timestamptz);

create or replace function control_plane.record_row_change() returns trigger
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, pg_temp
as $change$
declare
    -- As audit_table gave them.
    kind constant text := tg_argv[0];
    keys constant text[] := tg_argv[1];
    secret constant text[] := tg_argv[2];
    tenant_column constant text := nullif(tg_argv[3], '');

    -- The limits of metadata, and names of columns alone for a row that breaks them.
    max_bytes constant integer := 65536;
    max_digits constant integer := 1000;
    names_max constant integer := 200;

    moment constant timestamptz := clock_timestamp();
    was constant jsonb := case when tg_op in ('UPDATE', 'DELETE') then to_jsonb(old) end;
    present constant jsonb := case when tg_op in ('UPDATE', 'INSERT') then to_jsonb(new)
                                   else coalesce(was, '{}') end;
    told jsonb := '{}';
    hidden text[];
    target text;
    note jsonb;
    content text;
    withheld boolean := false;
begin
    if tg_op = 'UPDATE' then
        select coalesce(jsonb_object_agg(key, jsonb_build_object('old', was -> key, 'new', value))
                   filter (where key <> all (secret)), '{}'),
               array_agg(key order by key) filter (where key = any (secret))
          into told, hidden
          from jsonb_each(present) where was -> key is distinct from value;
        if told = '{}' and hidden is null then
            return null;
        end if;
    elsif tg_op <> 'TRUNCATE' then
        told := present - secret;
        hidden := nullif(secret, '{}');
    end if;
    note := jsonb_build_object(
        'table', tg_table_schema || '.' || tg_table_name,
        'database_user', session_user,
        case tg_op when 'INSERT' then 'new' when 'UPDATE' then 'changed' else 'old' end, told);
    if tg_op = 'TRUNCATE' then
        note := note - 'old';
    end if;
    if hidden is not null then
        note := note || jsonb_build_object('secret', hidden);
    end if;
    if current_setting('auditrail.intent_id', true) <> '' then
        note := note || jsonb_build_object('intent_id', left(current_setting('auditrail.intent_id'), 36));
    end if;

    -- A column that was renamed would be told under its new name, secret or not; so nothing is told
    -- until audit_table has heard of it.
    if tg_op <> 'TRUNCATE' and not present ?& (secret || keys || coalesce(tenant_column, keys[1])) then
        withheld := true;
        note := note || jsonb_build_object('missing',
            (select jsonb_agg(name order by name) from unnest(secret || keys || tenant_column) name
              where not present ? name));
    else
        content := note::text;
        withheld := octet_length(content) > max_bytes
            or jsonb_path_exists(note,
                'strict $.**{32 to last} ? (@.type() == "object" || @.type() == "array")')
            or octet_length(content) > max_digits and content ~ '[0-9]{250}' and exists (
                select from jsonb_path_query(note, 'strict $.** ? (@.type() == "number")') n
                 where length(translate(n::text, '-.', '')) > max_digits);
    end if;
    if withheld then
        note := note - '{changed,new,old}'::text[] || jsonb_build_object(
            'truncated', true,
            'columns', (select jsonb_agg(key) from (
                           select key from jsonb_object_keys(told) key order by key
                            limit names_max) of_columns));
    end if;

    -- One column as it is; several as a list, which no text in them can break.
    target := case
        when tg_op = 'TRUNCATE' then 'all'
        when cardinality(keys) = 1 then present ->> keys[1]
        else (select jsonb_agg(present -> key order by place)::text
                from unnest(keys) with ordinality k(key, place)) end;
    if target ~ '[\u0001-\u001f\u007f-\u009f]' then
        target := regexp_replace(target, '[\u0001-\u001f\u007f-\u009f]', '?', 'g');
    end if;

    insert into control_plane.audit_logs
        (id, actor_type, actor_id, action, target_type, target_id, metadata, ip_address, user_agent,
         created_at, tenant_id, request_id)
    values
        ((lpad(to_hex(floor(date_part('epoch', moment) * 1000)::bigint), 12, '0')
             || '7' || substr(gen_random_uuid()::text, 16))::uuid,
         coalesce(nullif(current_setting('auditrail.actor_type', true), ''), 'system'),
         coalesce(nullif(left(current_setting('auditrail.actor_id', true), 500), ''), 'system'),
         kind || case tg_op when 'INSERT' then '.inserted' when 'UPDATE' then '.updated'
                            when 'DELETE' then '.deleted' else '.truncated' end,
         kind,
         coalesce(nullif(left(target, 500), ''), 'unknown'),
         note,
         nullif(current_setting('auditrail.ip_address', true), '')::inet,
         nullif(left(current_setting('auditrail.user_agent', true), 1024), ''),
         moment,
         coalesce(nullif(left(present ->> tenant_column, 200), ''),
             nullif(left(current_setting('auditrail.tenant_id', true), 200), '')),
         nullif(left(current_setting('auditrail.request_id', true), 200), ''));
    return null;
end
$change$;

create or replace function control_plane.audit_table(
    audited regclass,
    target_type text default null,
    target_id text[] default null,
    secret text[] default '{}',
    tenant_id text default null,
    trust_owner boolean default false
) returns void
    language plpgsql
    volatile
    set search_path = pg_catalog, pg_temp
as $audit$
declare
    keys text[] := target_id;
    hidden constant text[] := coalesce(secret, '{}');
    unknown text;
begin
    if exists (select from pg_class where oid = audited and relnamespace = 'control_plane'::regnamespace) then
        raise exception 'the audit log cannot audit itself'
            using errcode = 'invalid_parameter_value';
    end if;
    if not exists (select from pg_class where oid = audited and relkind in ('r', 'p')) then
        raise exception '% is not a table', audited
            using errcode = 'wrong_object_type';
    end if;
    -- What a row is turned into is decided by casts of its types, which the owner of the table may make,
    -- and they run with the rights of the trigger. Who may attach it anywhere has those anyway.
    if not trust_owner and exists (
        select from pg_class where oid = audited
           and not has_function_privilege(relowner, 'control_plane.record_row_change()', 'execute'))
    then
        raise exception 'the owner of % could run code with the rights of the owner of the log', audited
            using errcode = 'insufficient_privilege',
                  hint = 'Let the owner of the log own the table too, or say trust_owner => true if he may.';
    end if;
    target_type := coalesce(target_type, (select relname from pg_class where oid = audited));
    if target_type = '' or length(target_type) > 50 or target_type ~ '[.\u0001-\u001f\u007f-\u009f]' then
        raise exception 'the target type must have 1 to 50 characters, no dot and no control character'
            using errcode = 'invalid_parameter_value',
                  hint = 'Give one: select control_plane.audit_table(''schema.table'', target_type => ''project'').';
    end if;
    if keys is null then
        select array_agg(a.attname::text order by array_position(i.indkey::int2[], a.attnum)) into keys
          from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
         where i.indrelid = audited and i.indisprimary;
    end if;
    if coalesce(cardinality(keys), 0) = 0 then
        raise exception '% has no primary key, so its records would not tell which row they are about',
                audited
            using errcode = 'invalid_parameter_value',
                  hint = 'Name the columns that tell rows apart: target_id => ''{tenant,number}''.';
    end if;
    select string_agg(coalesce(name, 'null'), ', ' order by name) into unknown
      from unnest(keys || hidden || case when tenant_id is not null then array[tenant_id] end) name
     where not exists (select from pg_attribute
                        where attrelid = audited and attname = name and attnum > 0 and not attisdropped);
    if unknown is not null then
        raise exception '% has no column %', audited, unknown
            using errcode = 'undefined_column';
    end if;
    if keys && hidden or tenant_id = any (hidden) then
        raise exception 'a column that tells the target or the tenant cannot be secret'
            using errcode = 'invalid_parameter_value';
    end if;
    perform control_plane.stop_audit_table(audited);
    execute format(
        'create trigger audit_row_change after insert or update or delete on %1$s '
        'for each row execute function control_plane.record_row_change(%2$L, %3$L, %4$L, %5$L); '
        'create trigger audit_truncate after truncate on %1$s '
        'for each statement execute function control_plane.record_row_change(%2$L, %3$L, %4$L, %5$L)',
        audited, target_type, keys, hidden, coalesce(tenant_id, ''));
end
$audit$;

drop function control_plane.audit_unusual_change(text, anyelement, anyelement, oid, jsonb, text[], text[]);
drop function control_plane.audit_names(text[]);
drop function control_plane.audit_value_is_storable(jsonb, integer);
drop function control_plane.audit_row_differences(anyelement, anyelement, text[]);
drop function control_plane.audit_row_values(anyelement, oid, jsonb, text[]);
drop function control_plane.audit_special_columns(oid);
drop function control_plane.audit_trusts(oid);

create or replace function control_plane.audit_context(context jsonb) returns void
    language plpgsql
    volatile
    set search_path = pg_catalog, pg_temp
as $context$
declare
    names constant text[] := '{actor_type,actor_id,tenant_id,request_id,ip_address,user_agent}';
    unknown text;
    problems jsonb;
begin
    select string_agg(key, ', ' order by key) into unknown
      from jsonb_object_keys(context) key where key <> all (names);
    if unknown is not null then
        raise exception 'the context has no %', unknown
            using errcode = 'invalid_parameter_value',
                  hint = 'It takes actor_type, actor_id, tenant_id, request_id, ip_address and user_agent.';
    end if;
    -- Here, where the caller is told what is wrong, rather than by the next change of a row.
    problems := control_plane.audit_log_problems('{"actor_type": "system", "actor_id": "system"}'
        || jsonb_strip_nulls(context)
        || '{"action": "row.changed", "target_type": "row", "target_id": "row"}');
    if problems <> '[]' then
        raise exception '%', (
                select string_agg((problem ->> 'pointer') || ': ' || (problem ->> 'detail'),
                           '; ' order by place)
                  from jsonb_array_elements(problems) with ordinality listed(problem, place))
            using errcode = 'invalid_parameter_value', detail = problems;
    end if;
    -- For this transaction alone; what is left out is cleared.
    perform set_config('auditrail.' || name, coalesce(context ->> name, ''), true)
       from unnest(names) name;
end
$context$;

comment on function control_plane.audit_context(jsonb) is
    'Says for the rest of the transaction who acts and for which request, for records of changed rows: actor_type, actor_id, tenant_id, request_id, ip_address, user_agent.';
