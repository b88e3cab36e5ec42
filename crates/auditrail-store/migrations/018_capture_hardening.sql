-- What: a row trigger that rejects no change, depends on no setting of the session, and runs no code of
--      other roles; outcome and actor_name in its records; checks of types, partitions and child tables in
--      audit_table; and the function changes_without_intent.
-- Why: to_jsonb of a whole row fails for values that jsonb cannot hold (\u0000 in a column of type json)
--      and for very large rows, so the application could not change such a row. The values are now left
--      out of the record, the largest first where only their size matters, and their columns are named.
--      The text of a value depends on settings such as extra_float_digits, with which a session could
--      hide a change. The functions now fix every setting that changes text. Values that are left out,
--      and types whose text is not exact (json, xml, names of functions), are compared byte by byte.
--      to_jsonb calls the cast to json of a type, which the owner of the type can create at any time, and
--      the trigger runs with the privileges of the owner of the log. So a value is converted by the output
--      function of its type, which only a superuser can define, if the owner of the type could not attach
--      the trigger. No cast, operator or domain check of such a role is called. That is decided for every
--      row, since columns are added and types get other owners after audit_table.
--      The alternative, a SECURITY INVOKER trigger that passes its row to a SECURITY DEFINER function,
--      was rejected: each role that changes rows could call that function with any content.
--      An invalid setting of the context (auditrail.actor_type and others) is ignored and named in the
--      record, since anybody can set it and it must not keep the row from being changed.
-- Breaking: no
-- Transaction: yes

create function control_plane.audit_trusts(role oid) returns boolean
    language plpgsql
    stable
    set search_path = pg_catalog, pg_temp
as $trusts$
declare
    attached constant oid := 'control_plane.record_row_change()'::regprocedure;
begin
    return case when has_function_privilege('public', attached, 'execute')
        then pg_has_role(role, (select proowner from pg_proc where oid = attached), 'USAGE')
        else has_function_privilege(role, attached, 'execute') end;
end
$trusts$;

comment on function control_plane.audit_trusts(oid) is
    'Whether a role may attach record_row_change. If PUBLIC may, as after a restore without privileges, only the owner of the log is trusted.';

create function control_plane.audit_special_columns(audited oid) returns jsonb
    language plpgsql
    stable
    set search_path = pg_catalog, pg_temp
    -- It looks up a few rows of catalogs that may be large.
    set enable_hashjoin = off
    set enable_mergejoin = off
    set enable_seqscan = off
    set plan_cache_mode = force_generic_plan
as $special$
begin
    -- Types with an oid below 16384 are built in. The text of these is not exact: regproc, json, xml,
    -- regoper, and arrays of them.
    return (
        with recursive reached(name, type) as (
            select attname, atttypid from pg_attribute
             where attrelid = audited and attnum > 0
               and (atttypid >= 16384 or atttypid in (24, 114, 142, 143, 199, 1008, 2203, 2208))
            union
            -- Elements of arrays, base types of domains, subtypes of ranges, columns of composite types.
            select reached.name, part.type
              from reached join pg_type on pg_type.oid = reached.type
             cross join lateral (
                select typelem where typelem <> 0
                union all select typbasetype where typtype = 'd'
                union all select rngsubtype from pg_range where rngtypid = pg_type.oid
                union all select atttypid from pg_attribute
                           where attrelid = typrelid and attnum > 0 and not attisdropped) part(type)
             where reached.type >= 16384
        )
        select jsonb_object_agg(name, untrusted) from (
            select reached.name,
                   min(format_type(pg_type.oid, null)) filter (where
                       not control_plane.audit_trusts(typowner)),
                   bool_or(pg_type.oid in (24, 114, 142, 143, 199, 1008, 2203, 2208))
              from reached join pg_type on pg_type.oid = reached.type
             group by reached.name) checked(name, untrusted, inexact)
         where untrusted is not null or inexact);
end
$special$;

comment on function control_plane.audit_special_columns(oid) is
    'The columns of a table that record_row_change compares byte by byte. The value is a type in the column that belongs to a role that could not attach that trigger; it is null if the text of the type is not exact. Null if there are no such columns.';

create function control_plane.audit_row_values(given anyelement, audited oid, special jsonb, skip text[])
    returns jsonb
    language plpgsql
    volatile
    set search_path = pg_catalog, pg_temp
as $values$
declare
    -- In the binary form of jsonb, which is at most four times as large as its text.
    max_bytes constant integer := 1048576;
    names text[];
    conversions text[];
    value jsonb;
    result jsonb := '{}';
begin
    select array_agg(attname::text), array_agg(case when special ->> attname is not null
            then format($$case when num_nulls(($1).%1$I) = 0 then to_jsonb(format('%%s', ($1).%1$I)) end$$, attname)
            else format('to_jsonb(($1).%I)', attname) end)
      into names, conversions
      from pg_attribute
     where attrelid = audited and attnum > 0 and not attisdropped and attname <> all (skip);
    begin
        execute (select format($$select jsonb_object_agg(name, value) from (values %s) part(name, value)$$,
                        string_agg(format('(%L, %s)', name, conversion), ', '))
                   from unnest(names, conversions) listed(name, conversion))
           into result using given;
    exception when others then
        result := '{}';
        for place in 1..cardinality(names) loop
            begin
                execute 'select ' || conversions[place] into value using given;
                if value is null or pg_column_size(value) <= max_bytes then
                    result := result || jsonb_build_object(names[place], value);
                end if;
            exception when others then
                continue;
            end;
        end loop;
    end;
    if pg_column_size(result) > max_bytes then
        select jsonb_object_agg(part.name, part.value) into result from (
            select listed.key, listed.value, sum(pg_column_size(listed.value)) over (
                       order by pg_column_size(listed.value), listed.key)
              from jsonb_each(result) listed) part(name, value, total)
         where total <= max_bytes;
    end if;
    return coalesce(result, '{}');
end
$values$;

comment on function control_plane.audit_row_values(anyelement, oid, jsonb, text[]) is
    'The values of a row that jsonb can hold, by column; special as from audit_special_columns.';

create function control_plane.audit_row_differences(was anyelement, present anyelement, names text[])
    returns text[]
    language plpgsql
    volatile
    set search_path = pg_catalog, pg_temp
as $differences$
declare
    result text[];
begin
    if names <> '{}' then
        execute (select format('select array_agg(name) from (values %s) part(name, differs) where differs',
                        string_agg(format('(%1$L, record_image_ne(row(($1).%1$I), row(($2).%1$I)))', name), ', '))
                   from unnest(names) name)
           into result using was, present;
    end if;
    return coalesce(result, '{}');
end
$differences$;

comment on function control_plane.audit_row_differences(anyelement, anyelement, text[]) is
    'Those of the named columns whose values differ byte by byte.';

create function control_plane.audit_value_is_storable(value jsonb, max_depth integer) returns boolean
    language plpgsql
    immutable
    set search_path = pg_catalog, pg_temp
as $storable$
declare
    max_digits constant integer := 1000;
    content constant text := value::text;
begin
    return not jsonb_path_exists(value, format(
                'strict $.**{%s to last} ? (@.type() == "object" || @.type() == "array")', max_depth)::jsonpath)
        and (octet_length(content) <= max_digits or content !~ '[0-9]{250}' or not exists (
                select from jsonb_path_query(value, 'strict $.** ? (@.type() == "number")') number
                 where length(translate(number::text, '-.', '')) > max_digits));
exception when others then
    -- The value nests too deep for PostgreSQL to look at.
    return false;
end
$storable$;

comment on function control_plane.audit_value_is_storable(jsonb, integer) is
    'Whether metadata may hold a value: its nesting and the digits of its numbers.';

create function control_plane.audit_names(names text[]) returns jsonb
    language plpgsql
    immutable
    set search_path = pg_catalog, pg_temp
as $names$
declare
    max_bytes constant integer := 16384;
begin
    return (select coalesce(jsonb_agg(name order by name), '[]') from (
                select name, sum(octet_length(to_jsonb(name)::text) + 2) over (order by name) as bytes
                  from (select distinct unnest(names)) given(name)) listed
             where bytes <= max_bytes);
end
$names$;

comment on function control_plane.audit_names(text[]) is
    'Sorted names, without those beyond 16 KiB.';

create function control_plane.audit_unusual_change(
    op text, was anyelement, present anyelement, audited oid, base jsonb, keys text[], secret text[]
) returns jsonb
    language plpgsql
    volatile
    set search_path = pg_catalog, pg_temp
as $unusual$
declare
    max_bytes constant integer := 65536;
    names_max_bytes constant integer := 16384;
    -- The record has them inside of its metadata and of "new", "old" or "changed".
    max_depth constant integer := 32 - 2;

    special constant jsonb := coalesce(control_plane.audit_special_columns(audited), '{}');
    names constant text[] := array(select attname::text from pg_attribute
        where attrelid = audited and attnum > 0 and not attisdropped);
    missing constant text[] := array(select name from unnest(secret || keys) name where name <> all (names));
    old_values jsonb;
    new_values jsonb;
    bytewise text[];
    differing text[];
    entries jsonb;
    hidden text[];
    left_out text[];
    note jsonb := base;
    budget integer;
begin
    old_values := case when op <> 'INSERT' then
        control_plane.audit_row_values(was, audited, special, secret) end;
    new_values := case when op <> 'DELETE' then
        control_plane.audit_row_values(present, audited, special, secret) else old_values end;
    left_out := array(select name from unnest(names) name where name <> all (secret)
        and not (new_values ? name and (op <> 'UPDATE' or old_values ? name)));
    if op = 'UPDATE' then
        bytewise := array(select name from unnest(names) name
            where special ? name or name = any (left_out || secret));
        differing := control_plane.audit_row_differences(was, present, bytewise)
            || array(select key from jsonb_each(new_values)
                      where key <> all (bytewise) and old_values -> key is distinct from value);
        if differing = '{}' then
            return null;
        end if;
        hidden := array(select name from unnest(secret) name where name = any (differing));
        left_out := array(select name from unnest(left_out) name where name = any (differing));
        entries := coalesce((
            select jsonb_object_agg(name, jsonb_build_object('old', old_values -> name, 'new', new_values -> name))
              from unnest(differing) name where name <> all (left_out || hidden)), '{}');
    else
        hidden := array(select name from unnest(secret) name where name = any (names));
        entries := new_values - left_out;
    end if;
    if hidden <> '{}' then
        note := note || jsonb_build_object('secret', control_plane.audit_names(hidden));
    end if;
    if missing <> '{}' then
        -- A column that was renamed would be recorded under its new name, secret or not; so no value is recorded
        -- until audit_table is called again.
        note := note || jsonb_build_object('missing', control_plane.audit_names(missing));
        left_out := left_out || array(select jsonb_object_keys(entries));
        entries := '{}';
    end if;
    -- The smallest values first, as far as the limit leaves space beside the other fields and the names.
    budget := max_bytes - octet_length(note::text) - 64
        - least(names_max_bytes, (select sum(octet_length(to_jsonb(name)::text) + 2) from unnest(names) name));
    select coalesce(jsonb_object_agg(key, value) filter (where fits), '{}'),
           left_out || coalesce(array_agg(key) filter (where not fits), '{}')
      into entries, left_out
      from (select key, value, storable and sum(bytes) filter (where storable)
                       over (order by bytes, key) <= budget as fits
              from (select key, value, octet_length(to_jsonb(key)::text) + octet_length(value::text) + 4 as bytes,
                           control_plane.audit_value_is_storable(value, max_depth) as storable
                      from jsonb_each(entries)) measured) chosen;
    if entries <> '{}' or left_out = '{}' then
        note := note || jsonb_build_object(
            case op when 'INSERT' then 'new' when 'UPDATE' then 'changed' else 'old' end, entries);
    end if;
    if left_out <> '{}' then
        note := note || jsonb_build_object('truncated', true, 'columns', control_plane.audit_names(left_out));
    end if;
    return jsonb_build_object('note', note, 'row', coalesce((
        select jsonb_object_agg(name, new_values -> name) from unnest(keys) name where new_values ? name), '{}'));
end
$unusual$;

comment on function control_plane.audit_unusual_change(text, anyelement, anyelement, oid, jsonb, text[], text[]) is
    'What record_row_change records of a change with values that need care: note is the metadata, row the columns that tell the target and the tenant. Null if nothing changed.';

create or replace function control_plane.audit_context(context jsonb) returns void
    language plpgsql
    volatile
    set search_path = pg_catalog, pg_temp
as $context$
declare
    names constant text[] := 
        '{actor_type,actor_id,actor_name,tenant_id,request_id,ip_address,user_agent}';
    unknown text;
    problems jsonb;
begin
    select string_agg(key, ', ' order by key) into unknown
      from jsonb_object_keys(context) key where key <> all (names);
    if unknown is not null then
        raise exception 'the context has no %', unknown
            using errcode = 'invalid_parameter_value',
                  hint = 'It takes actor_type, actor_id, actor_name, tenant_id, request_id, ip_address and user_agent.';
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
    'Says for the rest of the transaction who acts and for which request, for records of changed rows: actor_type, actor_id, actor_name, tenant_id, request_id, ip_address, user_agent.';

create or replace function control_plane.record_row_change() returns trigger
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, pg_temp
    set array_nulls = on
    set bytea_output = 'hex'
    set datestyle = 'ISO, YMD'
    set exit_on_error = off
    set extra_float_digits = 1
    set intervalstyle = 'postgres'
    set lc_monetary = 'C'
    set plan_cache_mode = force_generic_plan
    set quote_all_identifiers = off
    set standard_conforming_strings = on
    set timezone = 'UTC'
as $change$
declare
    -- As audit_table gave them.
    kind constant text := tg_argv[0];
    keys constant text[] := tg_argv[1];
    secret constant text[] := tg_argv[2];
    tenant_column constant text := nullif(tg_argv[3], '');

    -- The limits of metadata, and of values in the binary form of jsonb that are looked at as a whole.
    max_bytes constant integer := 65536;
    max_digits constant integer := 1000;
    max_binary_bytes constant integer := 524288;

    moment constant timestamptz := clock_timestamp();
    base jsonb := jsonb_build_object(
        'table', tg_table_schema || '.' || tg_table_name, 'database_user', session_user);
    was jsonb;
    present jsonb;
    entries jsonb := '{}';
    hidden text[];
    content text;
    note jsonb;
    unusual jsonb;
    target text;

    actor_type text := coalesce(nullif(current_setting('auditrail.actor_type', true), ''), 'system');
    actor_id text := coalesce(nullif(left(current_setting('auditrail.actor_id', true), 500), ''), 'system');
    address text := nullif(current_setting('auditrail.ip_address', true), '');
    agent text := left(current_setting('auditrail.user_agent', true), 1024);
    tenant text := left(current_setting('auditrail.tenant_id', true), 200);
    request text := left(current_setting('auditrail.request_id', true), 200);
    actor_name text := left(current_setting('auditrail.actor_name', true), 200);
    control constant text := '[\u0001-\u001f\u007f-\u009f]';
    ignored text[] := '{}';
begin
    if current_setting('auditrail.intent_id', true) <> '' then
        base := base || jsonb_build_object('intent_id', left(current_setting('auditrail.intent_id'), 36));
    end if;
    if tg_op = 'TRUNCATE' then
        note := base;
        present := '{}';
    elsif not exists (
            select from pg_attribute where attrelid = tg_relid and attnum > 0
               -- Only an update compares text. Of the other types only enums of trusted roles are usual.
               and (tg_op = 'UPDATE' and atttypid in (24, 114, 142, 143, 199, 1008, 2203, 2208)
                   or atttypid >= 16384 and (
                       select typtype <> 'e' or not control_plane.audit_trusts(typowner)
                         from pg_type where oid = atttypid)))
        or control_plane.audit_special_columns(tg_relid) is null
    then
        begin
            was := case when tg_op <> 'INSERT' then to_jsonb(old) end;
            present := case when tg_op <> 'DELETE' then to_jsonb(new) else was end;
            if tg_op = 'UPDATE' then
                select coalesce(jsonb_object_agg(key, jsonb_build_object('old', was -> key, 'new', value))
                           filter (where key <> all (secret)), '{}'),
                       array_agg(key order by key) filter (where key = any (secret))
                  into entries, hidden
                  from jsonb_each(present) where was -> key is distinct from value;
                if entries = '{}' and hidden is null then
                    return null;
                end if;
            else
                entries := present - secret;
                hidden := nullif(secret, '{}');
            end if;
            note := base || jsonb_build_object(
                case tg_op when 'INSERT' then 'new' when 'UPDATE' then 'changed' else 'old' end, entries);
            if hidden is not null then
                note := note || jsonb_build_object('secret', hidden);
            end if;
            if not present ?& (secret || keys || coalesce(tenant_column, keys[1]))
                or pg_column_size(note) > max_binary_bytes
            then
                note := null;
            else
                content := note::text;
                if octet_length(content) > max_bytes
                    or jsonb_path_exists(note,
                        'strict $.**{32 to last} ? (@.type() == "object" || @.type() == "array")')
                    or octet_length(content) > max_digits and content ~ '[0-9]{250}'
                then
                    note := null;
                end if;
            end if;
        exception when others then
            note := null;
        end;
    end if;
    if note is null then
        unusual := control_plane.audit_unusual_change(tg_op, old, new, tg_relid, base,
            keys || tenant_column, secret);
        if unusual is null then
            return null;
        end if;
        note := unusual -> 'note';
        present := unusual -> 'row';
    end if;

    -- One column as it is; several as a list, which no text in them can break.
    target := case
        when tg_op = 'TRUNCATE' then 'all'
        when cardinality(keys) = 1 then present ->> keys[1]
        else (select jsonb_agg(present -> key order by place)::text
                from unnest(keys) with ordinality k(key, place)) end;
    tenant := coalesce(nullif(left(present ->> tenant_column, 200), ''), tenant);

    if not (actor_type = 'system' and actor_id = 'system'
        or actor_type in ('user', 'api_key')
            and coalesce(current_setting('auditrail.actor_id', true), '') <> '')
    then
        ignored := '{actor_type,actor_id}';
        actor_type := 'system';
        actor_id := 'system';
    end if;
    if address is not null and control_plane.audit_log_address(address) is null then
        ignored := ignored || 'ip_address'::text;
        address := null;
    end if;
    if ignored <> '{}' then
        note := note || jsonb_build_object('ignored_context', ignored);
    end if;
    if concat(target, actor_id, agent, tenant, request, actor_name) ~ control then
        target := regexp_replace(target, control, '?', 'g');
        actor_id := regexp_replace(actor_id, control, '?', 'g');
        agent := regexp_replace(agent, control, '?', 'g');
        tenant := regexp_replace(tenant, control, '?', 'g');
        request := regexp_replace(request, control, '?', 'g');
        actor_name := regexp_replace(actor_name, control, '?', 'g');
    end if;

    insert into control_plane.audit_logs
        (id, actor_type, actor_id, action, target_type, target_id, metadata, ip_address, user_agent,
         created_at, tenant_id, request_id, outcome, actor_name)
    values
        ((lpad(to_hex(floor(date_part('epoch', moment) * 1000)::bigint), 12, '0')
             || '7' || substr(gen_random_uuid()::text, 16))::uuid,
         actor_type,
         actor_id,
         kind || case tg_op when 'INSERT' then '.inserted' when 'UPDATE' then '.updated'
                            when 'DELETE' then '.deleted' else '.truncated' end,
         kind,
         coalesce(nullif(left(target, 500), ''), 'unknown'),
         note,
         address::inet,
         nullif(agent, ''),
         moment,
         nullif(tenant, ''),
         nullif(request, ''),
         'success',
         nullif(actor_name, ''));
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
    set array_nulls = on
    set standard_conforming_strings = on
as $audit$
declare
    keys text[] := target_id;
    hidden constant text[] := coalesce(secret, '{}');
    unknown text;
    member record;
begin
    if exists (select from pg_class where oid = audited and relnamespace = 'control_plane'::regnamespace) then
        raise exception 'the audit log cannot audit itself'
            using errcode = 'invalid_parameter_value';
    end if;
    if not exists (select from pg_class where oid = audited and relkind in ('r', 'p')) then
        raise exception '% is not a table', audited
            using errcode = 'wrong_object_type';
    end if;
    -- It can be changed in a read-only transaction, which cannot write a record.
    if exists (select from pg_class where oid = audited and relpersistence = 't') then
        raise exception '% is a temporary table', audited
            using errcode = 'wrong_object_type';
    end if;
    for member in
        with recursive tree(oid) as (
            select audited::oid
            union select inhrelid from pg_inherits join tree on inhparent = tree.oid)
        select pg_class.oid::regclass as name,
               pg_class.oid <> audited and not relispartition and not exists (
                   select from pg_trigger where tgrelid = pg_class.oid and not tgisinternal
                      and tgfoid = 'control_plane.record_row_change()'::regprocedure) as is_uncaptured,
               not control_plane.audit_trusts(relowner) as is_foreign,
               (select min(type) from jsonb_each_text(control_plane.audit_special_columns(pg_class.oid))
                    special(name, type)) as type
          from tree join pg_class on pg_class.oid = tree.oid
         order by pg_class.oid <> audited, pg_class.oid
    loop
        -- Triggers are not inherited, and the table may have columns that must be named as secret.
        if member.is_uncaptured then
            raise exception '% inherits from %, but its changes are not captured', member.name, audited
                using errcode = 'object_not_in_prerequisite_state',
                      hint = format('Call control_plane.audit_table(''%s'') first.', member.name);
        end if;
        -- The owner of the table can disable the trigger, and the owner of a type can create casts. The
        -- trigger calls no cast of such a role; this is a second line of defence.
        if not trust_owner and (member.is_foreign or member.type is not null) then
            raise exception 'the owner of % could run code with the rights of the owner of the log',
                    case when member.is_foreign then member.name::text
                         else format('the type %s in %s', member.type, member.name) end
                using errcode = 'insufficient_privilege',
                      hint = 'Let the owner of the log own the table and its types too, or say trust_owner => true if he may.';
        end if;
    end loop;
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

create function control_plane.changes_without_intent(since timestamptz default '-infinity')
    returns setof control_plane.audit_logs
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $changes$
    -- Ids of transactions are unique in one cluster only. A row that was restored from a dump was written
    -- here (xmin) before or after the transaction of this cluster that has the same id. Only if before, that
    -- transaction is still to come, and can write records that look like those of the same transaction. A
    -- row that was written here was never written before its own transaction. xmin has 32 bits, so the ids
    -- are compared modulo 2^32.
    select change.*
      from control_plane.audit_logs change
     where change.metadata ?& '{table,database_user}' and change.created_at >= since
       and not exists (
           select from control_plane.audit_logs intent
            where intent.xact_id = change.xact_id and not intent.metadata ?& '{table,database_user}'
              and ((intent.xmin::text::bigint - intent.xact_id::text::bigint) & 4294967295 < 2147483648)
                = ((change.xmin::text::bigint - change.xact_id::text::bigint) & 4294967295 < 2147483648))
     order by change.created_at, change.id
$changes$;

comment on function control_plane.changes_without_intent(timestamptz) is
    'The recorded changes of rows since a time in whose transaction no record was written by the application, oldest first.';
