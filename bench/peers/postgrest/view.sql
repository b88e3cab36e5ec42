-- What PostgREST serves: a view in a schema of its own, as its documentation advises, so that the
-- table's schema is not the interface. The role is the one that requests without a token get.
create schema if not exists api;

create or replace view api.audit_logs as
    select id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, user_agent,
           created_at, tenant_id, request_id
      from control_plane.audit_logs;

do $$
begin
    create role bench_postgrest nologin;
exception
    -- A role is of the whole server, and another database of it may have made it.
    when duplicate_object then null;
end
$$;

grant usage on schema api to bench_postgrest;
grant select, insert on api.audit_logs to bench_postgrest;
