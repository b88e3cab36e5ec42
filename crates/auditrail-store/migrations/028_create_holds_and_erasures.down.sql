-- What: removes holds, and what proves erased records: these cannot be proved any more. The values stay erased.
-- Loses data: yes
-- Transaction: yes

drop table control_plane.audit_log_erased_records;
drop table control_plane.audit_log_erasures;

create or replace function control_plane.audit_log_retention_version() returns text
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $version$
    select coalesce(md5(string_agg(
               format('%L %L %L', rule.tenant_id, rule.action, rule.keep_days), ';' order by rule.id)), '')
      from control_plane.audit_log_retention_rules rule
$version$;

comment on function control_plane.audit_log_retention_version() is
    'Changes with everything that decides which records are kept: the rules, and holds when there are any.';

create or replace function control_plane.audit_log_is_held(
    id uuid,
    actor_type text,
    actor_id text,
    action text,
    target_type text,
    target_id text,
    tenant_id text,
    request_id text,
    ip_address inet,
    created_at timestamptz
) returns boolean
    language sql
    stable
    parallel safe
as 'select false';

comment on function control_plane.audit_log_is_held(uuid, text, text, text, text, text, text, text, inet, timestamptz) is
    'Whether a record must not be removed, whatever the rules of retention say. There are no holds yet.';

drop function control_plane.audit_log_hold_of(uuid, text, text, text, text, text, text, text, inet, timestamptz);
drop table control_plane.audit_log_holds;
