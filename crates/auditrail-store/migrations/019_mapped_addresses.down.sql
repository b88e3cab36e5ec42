-- What: restores the functions of migrations 012, 014, 015 and 018.
-- Loses data: no
-- Transaction: yes

create or replace function control_plane.audit_log_address(given text) returns inet
    language plpgsql
    immutable
    set search_path = pg_catalog, pg_temp
as $address$
begin
    -- inet would also take a mask, and an address that is cut off.
    return case when given ~ '^(0|[1-9][0-9]*)([.](0|[1-9][0-9]*)){3}$'
                  or given ~ '^[0-9a-fA-F:]*:([0-9a-fA-F]*|[0-9]+([.][0-9]+){3})$'
                then given::inet end;
exception when invalid_text_representation then
    return null;
end
$address$;

create or replace function control_plane.record_audit_log(input jsonb) returns control_plane.audit_logs
    language plpgsql
    volatile
    set search_path = pg_catalog, pg_temp
as $record$
declare
    moment constant timestamptz := clock_timestamp();
    -- As the Rust code, INSERT_ATTEMPTS.
    attempts_max constant integer := 3;
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
                  'user_agent,created_at,tenant_id,request_id,outcome,actor_name,'
                  'target_name}'::text[]) = '{}'
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
        and (input -> 'outcome' is null
            or input ->> 'outcome' in ('success', 'failure', 'denied', 'unknown'))
        and (input -> 'actor_name' is null
            or jsonb_typeof(input -> 'actor_name') = 'string'
                and length(input ->> 'actor_name') between 1 and 200)
        and (input -> 'target_name' is null
            or jsonb_typeof(input -> 'target_name') = 'string'
                and length(input ->> 'target_name') between 1 and 200)
        and concat(input ->> 'actor_id', input ->> 'action', input ->> 'target_type',
                input ->> 'target_id', input ->> 'user_agent', input ->> 'tenant_id',
                input ->> 'request_id', input ->> 'actor_name', input ->> 'target_name') !~ '[\u0001-\u001f\u007f-\u009f]'
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

    for attempt in 1 .. attempts_max loop
        -- Without an id of the caller's a version 7 UUID, so that new rows come at the end of the index.
        insert into control_plane.audit_logs as written
            (id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, user_agent,
             created_at, tenant_id, request_id, outcome, actor_name, target_name)
        values
            (coalesce(wanted, (lpad(to_hex(floor(date_part('epoch', moment) * 1000)::bigint), 12, '0')
                 || '7' || substr(gen_random_uuid()::text, 16))::uuid),
             input ->> 'actor_id', input ->> 'actor_type', input ->> 'action', input ->> 'target_type',
             input ->> 'target_id', coalesce(nullif(input -> 'metadata', 'null'), '{}'), address,
             input ->> 'user_agent', coalesce(happened, moment), input ->> 'tenant_id',
             input ->> 'request_id', input ->> 'outcome', input ->> 'actor_name',
             input ->> 'target_name')
        on conflict (id) do nothing
        returning written.* into stored;
        if found then
            -- Records of rows that change from here on name it.
            named := set_config('auditrail.intent_id', stored.id::text, true);
            return stored;
        end if;
        -- The id is taken: by the same record, written before, or by another one. A record that is not
        -- visible may have been removed by retention since, so the insert is tried again.
        select log.* into stored from control_plane.audit_logs log where log.id = wanted;
        exit when found;
    end loop;
    if stored.id is not null
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
        and (input ->> 'outcome' is null
            or stored.outcome is not distinct from input ->> 'outcome')
        and (input ->> 'actor_name' is null
            or stored.actor_name is not distinct from input ->> 'actor_name')
        and (input ->> 'target_name' is null
            or stored.target_name is not distinct from input ->> 'target_name')
    then
        return stored;
    end if;
    raise exception 'a record with the id % and other content is already there', wanted
        using errcode = 'unique_violation',
              hint = 'Use another id, or find out who uses the same one.';
end
$record$;

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
              hint = 'Records leave through retention and erasure only, both in the hands of the owner of the table.';
end
$guard$;
