-- What: removes the columns, and restores the function that writes one record.
-- Loses data: yes
-- Transaction: yes

create or replace function control_plane.audit_log_problems(input jsonb) returns jsonb
    language plpgsql
    stable
    set search_path = pg_catalog, pg_temp
as $problems$
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
    named_max constant integer := 100;
    control constant text := '[\u0001-\u001f\u007f-\u009f]';
    max_ahead constant interval := interval '5 minutes';

    field jsonb;
    name text;
    given jsonb;
    content text;
    code text;
    problem text;
    place integer;
    happened timestamptz;
    problems jsonb := '[]';
begin
    if input is null or jsonb_typeof(input) <> 'object' then
        return jsonb_build_array(jsonb_build_object('pointer', '', 'code', 'wrong_type', 'detail',
            'must be an object, not ' || case coalesce(jsonb_typeof(input), 'null')
                when 'null' then 'null' when 'array' then 'an array'
                else 'a ' || jsonb_typeof(input) end));
    end if;

    for field in select value from jsonb_array_elements(fields) loop
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
                if content !~ '^([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$' then
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
                -- The spaces that PostgreSQL puts between tokens do not count; those in strings do.
                place := octet_length(content);
                if place > metadata_max_bytes then
                    place := place - (select count(*) from regexp_matches(
                        regexp_replace(content, '"([^"\\]|\\.)*"', '', 'g'), ' ', 'g'));
                end if;
                if place > metadata_max_bytes then
                    code := 'too_large';
                    problem := format(
                        'takes %s bytes with its numbers written out, at most %s are allowed',
                        place, metadata_max_bytes);
                elsif jsonb_path_exists(given,
                    'strict $.**{32 to last} ? (@.type() == "object" || @.type() == "array")') then
                    code := 'too_deep';
                    problem := 'nests more than 32 levels';
                elsif content ~ '[0-9]{250}' and exists (
                    select from jsonb_path_query(given, 'strict $.** ? (@.type() == "number")') n
                     where length(translate(n::text, '-.', '')) > metadata_max_digits) then
                    code := 'number_out_of_range';
                    problem := format('holds a number with more than %s digits when written out; '
                        'send it as a string', metadata_max_digits);
                end if;
            when 'ip_address' then
                if control_plane.audit_log_address(content) is null then
                    code := 'bad_format';
                    problem := 'must be an IPv4 or IPv6 address without mask or port, such as '
                        '203.0.113.7';
                end if;
            when 'created_at' then
                happened := control_plane.audit_log_time(content);
                if content ~ '^([+-]+[0-9]{4,}|[0-9]{5,})-'
                    or happened not between '0001-01-01 00:00:00+00' and '9999-12-30 22:00:00+00' then
                    code := 'out_of_range';
                    problem := 'must be between the years 0001 and 9999';
                elsif happened is null then
                    code := 'bad_format';
                    problem := 'must be an RFC 3339 time, such as 2026-01-02T03:04:05Z';
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
                   'pointer', '/' || replace(replace(left(key, named_max), '~', '~0'), '/', '~1')
                       || case when length(key) > named_max then '…' else '' end,
                   'code', 'unknown_field',
                   'detail', 'is not a field of a record; other facts belong into metadata'))
          from (select key from jsonb_object_keys(input) key
                 where not fields @> jsonb_build_array(jsonb_build_object('name', key))
                 limit 100) unknown
    ), '[]');
    return jsonb_path_query_array(problems, '$[0 to 99]');
end
$problems$;

create or replace function control_plane.record_audit_log(input jsonb) returns control_plane.audit_logs
    language plpgsql
    volatile
    set search_path = pg_catalog, pg_temp
as $record$
declare
    moment constant timestamptz := clock_timestamp();
    metadata constant text := (input -> 'metadata')::text;
    sound boolean;
    problems jsonb;
    address inet;
    happened timestamptz;
    wanted uuid;
    named text;
    stored control_plane.audit_logs;
begin
    -- Nearly every record is good, and looking at each field costs several times this. It errs in one
    -- direction only: what it does not know to be good is looked at below.
    sound := case when jsonb_typeof(input) = 'object' then
        (input - '{id,actor_id,actor_type,action,target_type,target_id,metadata,ip_address,'
                  'user_agent,created_at,tenant_id,request_id}'::text[]) = '{}'
        and jsonb_typeof(input -> 'actor_id') = 'string'
        and length(input ->> 'actor_id') between 1 and 500
        and (input ->> 'actor_type' in ('user', 'api_key')
            or input ->> 'actor_type' = 'system' and input ->> 'actor_id' = 'system')
        and jsonb_typeof(input -> 'action') = 'string'
        and length(input ->> 'action') <= 100
        and strpos(input ->> 'action', '.') > 1
        and right(input ->> 'action', 1) not in ('.', '*')
        and jsonb_typeof(input -> 'target_type') = 'string'
        and length(input ->> 'target_type') between 1 and 50
        and jsonb_typeof(input -> 'target_id') = 'string'
        and length(input ->> 'target_id') between 1 and 500
        and (metadata is null
            or jsonb_typeof(input -> 'metadata') = 'object'
                and octet_length(metadata) <= 65536
                -- A number of more than 1,000 digits has half of them on one side of its point.
                and (octet_length(metadata) <= 1000 or metadata !~ '[0-9]{250}')
                and not jsonb_path_exists(input -> 'metadata', 'strict $.**{32}'))
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
                input ->> 'request_id') !~ '[\u0001-\u001f\u007f-\u009f]'
        -- These PostgreSQL reads without a complaint, so no savepoint is needed for it.
        and (input -> 'ip_address' is null
            or input ->> 'ip_address' ~ ('^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])[.]){3}'
                '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])$')
            or control_plane.audit_log_address(input ->> 'ip_address') is not null)
        and (input -> 'id' is null
            or input ->> 'id' ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')
        and (input -> 'created_at' is null
            or input ->> 'created_at' ~ ('^(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T'
                '([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?(Z|[+]00:00)$'))
        end;
    if sound then
        wanted := input ->> 'id';
        address := input ->> 'ip_address';
        happened := input ->> 'created_at';
    end if;
    if sound is not true or happened > moment then
        problems := control_plane.audit_log_problems(input);
        if problems <> '[]' then
            raise exception '%', (
                    select string_agg(case problem ->> 'pointer' when '' then 'the record'
                                      else problem ->> 'pointer' end || ': ' || (problem ->> 'detail'),
                               '; ' order by place)
                      from jsonb_array_elements(problems) with ordinality listed(problem, place))
                using errcode = 'invalid_parameter_value', detail = problems;
        end if;
        wanted := input ->> 'id';
        address := control_plane.audit_log_address(input ->> 'ip_address');
        happened := control_plane.audit_log_time(input ->> 'created_at');
    end if;

    -- Without an id of the caller's a version 7 UUID, so that new rows come at the end of the index.
    insert into control_plane.audit_logs as written
        (id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, user_agent,
         created_at, tenant_id, request_id)
    values
        (coalesce(wanted, (lpad(to_hex(floor(date_part('epoch', moment) * 1000)::bigint), 12, '0')
             || '7' || substr(gen_random_uuid()::text, 16))::uuid),
         input ->> 'actor_id', input ->> 'actor_type', input ->> 'action', input ->> 'target_type',
         input ->> 'target_id', coalesce(nullif(input -> 'metadata', 'null'), '{}'), address,
         input ->> 'user_agent', coalesce(happened, moment), input ->> 'tenant_id',
         input ->> 'request_id')
    on conflict (id) do nothing
    returning written.* into stored;
    if found then
        -- Records of rows that change from here on name it.
        named := set_config('auditrail.intent_id', stored.id::text, true);
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

drop function control_plane.audit_intent_is_open(uuid, text);

alter table control_plane.audit_logs
    drop column recorded_by,
    drop column target_name,
    drop column actor_name,
    drop column outcome;
