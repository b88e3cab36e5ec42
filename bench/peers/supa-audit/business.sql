-- The business of the transactions that are measured: as little as there can be, so that what the audit
-- trail costs is not hidden behind it.
create schema bench;

create table bench.projects (
    id         bigint generated always as identity primary key,
    tenant_id  text not null,
    name       text not null,
    plan       text not null,
    created_at timestamptz not null default now()
);
