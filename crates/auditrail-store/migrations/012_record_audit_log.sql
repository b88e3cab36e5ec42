-- What: a function that checks and writes one record, given as one jsonb object.
-- Why: a record belongs into the transaction of what it tells of, and that transaction may be anybody's:
--      any language with a driver for PostgreSQL can call a function. It has the rules, codes and
--      messages of the HTTP interface, and it runs with the rights of its caller, who needs SELECT and
--      INSERT on the table.
--      What jsonb has dropped before the function sees it cannot be refused here: of a field that is
--      given twice the last counts, and metadata is measured as PostgreSQL prints it.
-- Breaking: no
-- Transaction: yes

create function control_plane.record_audit_log(input jsonb) returns control_plane.audit_logs
    language plpgsql
    volatile
    set search_path = pg_catalog
as $record$
declare
    -- What every field takes. The limits are those of the interface, in characters.
    fields constant jsonb := '[
        {"name": "id"},
        {"name": "actor_id", "required": true, "filled": true, "max": 500},
        {"name": "actor_type", "required": true},
        {"name": "action", "required": true, "filled": true, "max": 100},
        {"name": "target_type", "required": true, "filled": true, "max": 50},
        {"name": "target_id", "required": true, "filled": true, "max": 500},
        {"name": "metadata"},
        {"name": "ip_address"},
        {"name": "user_agent", "max": 1024},
        {"name": "created_at"},
        {"name": "tenant_id", "filled": true, "max": 200},
        {"name": "request_id", "filled": true, "max": 200}
    ]';
    metadata_max_bytes constant integer := 65536;
    metadata_max_digits constant integer := 1000;
    too_deep constant jsonpath :=
        'strict $.**{32 to last} ? (@.type() == "object" || @.type() == "array")';
    control constant text := '[\u0001-\u001f\u007f-\u009f]';
    max_ahead constant interval := interval '5 minutes';

    sound boolean;
    field jsonb;
    name text;
    given jsonb;
    content text;
    code text;
    problem text;
    problems jsonb := '[]';
    place integer;
    address inet;
    happened timestamptz;
    wanted uuid;
    stored control_plane.audit_logs;
begin
    if input is null or jsonb_typeof(input) <> 'object' then
        problem := 'must be an object, not ' || case coalesce(jsonb_typeof(input), 'null')
            when 'null' then 'null' when 'array' then 'an array'
            else 'a ' || jsonb_typeof(input) end;
        raise exception 'the record: %', problem
            using errcode = 'invalid_parameter_value',
                  detail = jsonb_build_array(jsonb_build_object(
                      'pointer', '', 'code', 'wrong_type', 'detail', problem));
    end if;

    -- Nearly every record is good, and this costs a fifth of looking at each field. It may be wrong in
    -- one direction only: what it does not know to be good is looked at below.
    sound := (input - '{id,actor_id,actor_type,action,target_type,target_id,metadata,ip_address,'
                     'user_agent,created_at,tenant_id,request_id}'::text[]) = '{}'
        and jsonb_typeof(input -> 'actor_id') = 'string'
        and length(input ->> 'actor_id') between 1 and 500
        and (input ->> 'actor_type' in ('user', 'api_key')
            or input ->> 'actor_type' = 'system' and input ->> 'actor_id' = 'system')
        and jsonb_typeof(input -> 'action') = 'string'
        and length(input ->> 'action') between 3 and 100
        and input ->> 'action' ~ '^[^.].*[^.*]$' and strpos(input ->> 'action', '.') > 0
        and jsonb_typeof(input -> 'target_type') = 'string'
        and length(input ->> 'target_type') between 1 and 50
        and jsonb_typeof(input -> 'target_id') = 'string'
        and length(input ->> 'target_id') between 1 and 500
        and (input -> 'metadata' is null
            or jsonb_typeof(input -> 'metadata') = 'object'
                and octet_length((input -> 'metadata')::text) <= metadata_max_digits
                and not jsonb_path_exists(input -> 'metadata', too_deep))
        and (input -> 'user_agent' is null
            or jsonb_typeof(input -> 'user_agent') = 'string'
                and length(input ->> 'user_agent') <= 1024)
        and (input -> 'tenant_id' is null
            or jsonb_typeof(input -> 'tenant_id') = 'string'
                and length(input ->> 'tenant_id') between 1 and 200)
        and (input -> 'request_id' is null
            or jsonb_typeof(input -> 'request_id') = 'string'
                and length(input ->> 'request_id') between 1 and 200)
        and concat(input ->> 'actor_id', input ->> 'action', input ->> 'target_type',
                input ->> 'target_id', input ->> 'user_agent', input ->> 'tenant_id',
                input ->> 'request_id') !~ control;

    for field in
        select f from jsonb_array_elements(fields) f
         where sound is not true
            or f ->> 'name' in ('id', 'ip_address', 'created_at') and input ? (f ->> 'name')
    loop
        name := field ->> 'name';
        given := nullif(input -> name, 'null');
        content := given #>> '{}';
        code := null;
        if given is null then
            if field ? 'required' then
                code := 'required';
                problem := 'is required';
            end if;
        elsif jsonb_typeof(given) <> (case name when 'metadata' then 'object' else 'string' end) then
            code := 'wrong_type';
            problem := 'must be ' || (case name when 'metadata' then 'an object' else 'a string' end)
                || ', not ' || case jsonb_typeof(given)
                    when 'object' then 'an object' when 'array' then 'an array'
                    else 'a ' || jsonb_typeof(given) end;
        elsif content = '' and field ? 'filled' then
            code := 'empty';
            problem := 'must not be empty';
        elsif length(content) > (field ->> 'max')::integer then
            code := 'too_long';
            problem := format('has %s characters, at most %s are allowed',
                length(content), field ->> 'max');
        elsif field ? 'max' and content ~ control then
            code := 'control_character';
            place := length(substring(content from '^[^\u0001-\u001f\u007f-\u009f]*')) + 1;
            problem := format('holds the control character U+%s at character %s',
                lpad(upper(to_hex(ascii(substr(content, place, 1)))), 4, '0'), place);
        else
            case name
            when 'id' then
                if content ~* '^([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$' then
                    wanted := content;
                else
                    code := 'bad_format';
                    problem := 'must be a UUID, such as 01890a5d-ac96-774b-bcce-b302099a8057';
                end if;
            when 'actor_type' then
                if content not in ('user', 'system', 'api_key') then
                    code := 'unknown_value';
                    problem := 'must be one of user, system, api_key';
                elsif content = 'system' and input ->> 'actor_id' <> 'system'
                    and not problems @> '[{"pointer": "/actor_id"}]' then
                    problems := problems || jsonb_build_object(
                        'pointer', '/actor_id', 'code', 'system_actor_id',
                        'detail', 'must be "system" when the actor type is system');
                end if;
            when 'action' then
                if content !~ '^[^.].*[^.]$' or strpos(content, '.') = 0 or content ~ '[.][*]$' then
                    code := 'bad_format';
                    problem := 'must be resource.verb, such as project.created';
                end if;
            when 'metadata' then
                content := given::text;
                if octet_length(content) > metadata_max_bytes then
                    code := 'too_large';
                    problem := format(
                        'takes %s bytes with its numbers written out, at most %s are allowed',
                        octet_length(content), metadata_max_bytes);
                elsif jsonb_path_exists(given, too_deep) then
                    code := 'too_deep';
                    problem := 'nests more than 32 levels';
                elsif octet_length(content) > metadata_max_digits and exists (
                    select from jsonb_path_query(given, 'strict $.** ? (@.type() == "number")') n
                     where length(translate(n::text, '-.', '')) > metadata_max_digits) then
                    code := 'number_out_of_range';
                    problem := format('holds a number with more than %s digits when written out; '
                        'send it as a string', metadata_max_digits);
                end if;
            when 'ip_address' then
                begin
                    -- inet also takes a mask, and an address that is cut off.
                    if content ~ '^[0-9a-fA-F:]*:[0-9a-fA-F:.]*$' or content ~ '^(0|[1-9]\d*)([.](0|[1-9]\d*)){3}$' then
                        address := content;
                    end if;
                exception when invalid_text_representation then
                    address := null;
                end;
                if address is null then
                    code := 'bad_format';
                    problem := 'must be an IPv4 or IPv6 address without mask or port, such as '
                        '203.0.113.7';
                end if;
            when 'created_at' then
                begin
                    if content ~* ('^\d{4}-\d\d-\d\d[t ]\d\d:\d\d:\d\d(\.\d+)?'
                        '(z|[+-]\d\d:\d\d)$') then
                        -- A second of 60 counts as 59, and what is beyond microseconds is cut off.
                        happened := regexp_replace(
                            regexp_replace(content, '^(.{17})60', '\159'),
                            '(\.\d{6})\d+', '\1');
                    end if;
                exception when datetime_field_overflow or invalid_datetime_format
                    or invalid_time_zone_displacement_value then
                    happened := null;
                end;
                if content ~ '^([+-]+\d{4,}|\d{5,})-' then
                    code := 'out_of_range';
                    problem := 'must be between the years 0001 and 9999';
                elsif happened is null then
                    code := 'bad_format';
                    problem := 'must be an RFC 3339 time, such as 2026-01-02T03:04:05Z';
                elsif happened not between '0001-01-01 00:00:00+00' and '9999-12-30 22:00:00+00' then
                    code := 'out_of_range';
                    problem := 'must be between the years 0001 and 9999';
                elsif happened > clock_timestamp() + max_ahead then
                    code := 'in_future';
                    problem := format('is more than %s seconds in the future',
                        extract(epoch from max_ahead)::integer);
                end if;
            else
                null;
            end case;
        end if;
        if code is not null then
            problems := problems || jsonb_build_object(
                'pointer', '/' || name, 'code', code, 'detail', problem);
        end if;
    end loop;

    problems := problems || coalesce((
        select jsonb_agg(jsonb_build_object(
                   'pointer', '/' || replace(replace(left(key, 100), '~', '~0'), '/', '~1')
                       || case when length(key) > 100 then '…' else '' end,
                   'code', 'unknown_field',
                   'detail', 'is not a field of a record; other facts belong into metadata'))
          from (select key from jsonb_object_keys(input) key
                 where not fields @> jsonb_build_array(jsonb_build_object('name', key))
                 limit 100) unknown
    ), '[]');

    if problems <> '[]' then
        raise exception '%', (
                select string_agg((p ->> 'pointer') || ': ' || (p ->> 'detail'), '; ' order by n)
                  from jsonb_array_elements(problems) with ordinality listed(p, n)
                 where n <= 100)
            using errcode = 'invalid_parameter_value',
                  detail = jsonb_path_query_array(problems, '$[0 to 99]');
    end if;

    -- Without an id of the caller's a version 7 UUID, so that new rows come at the end of the index.
    insert into control_plane.audit_logs as written
        (id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, user_agent,
         created_at, tenant_id, request_id)
    values
        (coalesce(wanted, overlay(
             overlay(replace(gen_random_uuid()::text, '-', '') placing '7' from 13)
             placing lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0')
             from 1)::uuid),
         input ->> 'actor_id', input ->> 'actor_type', input ->> 'action', input ->> 'target_type',
         input ->> 'target_id', coalesce(nullif(input -> 'metadata', 'null'), '{}'), address,
         input ->> 'user_agent', coalesce(happened, clock_timestamp()), input ->> 'tenant_id',
         input ->> 'request_id')
    on conflict (id) do nothing
    returning written.* into stored;
    if found then
        -- Records of rows that change from here on name it.
        perform set_config('auditrail.intent_id', stored.id::text, true);
        return stored;
    end if;

    -- The id is taken: by the same record, written before, or by another one.
    select log.* into stored from control_plane.audit_logs log where log.id = wanted;
    if found
        and (stored.actor_id, stored.actor_type, stored.action, stored.target_type, stored.target_id)
            = (input ->> 'actor_id', input ->> 'actor_type', input ->> 'action',
               input ->> 'target_type', input ->> 'target_id')
        -- What the caller left out is not compared.
        and coalesce(stored.metadata = nullif(input -> 'metadata', 'null'),
            nullif(input -> 'metadata', 'null') is null)
        and (address is null or stored.ip_address is not distinct from address)
        and (input ->> 'user_agent' is null
            or stored.user_agent is not distinct from input ->> 'user_agent')
        and (happened is null or stored.created_at = happened)
        and (input ->> 'tenant_id' is null
            or stored.tenant_id is not distinct from input ->> 'tenant_id')
        and (input ->> 'request_id' is null
            or stored.request_id is not distinct from input ->> 'request_id')
    then
        return stored;
    end if;
    raise exception 'a record with the id % and other content is already there', wanted
        using errcode = 'unique_violation',
              hint = 'Use another id, or find out who uses the same one.';
end
$record$;

comment on function control_plane.record_audit_log(jsonb) is
    'Checks one audit record, a JSON object under the names of the columns, writes it, and returns it as it is stored. The same id and content again return what is there.';
