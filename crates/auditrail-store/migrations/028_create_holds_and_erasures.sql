-- What: holds, which keep records from being removed or erased; what is left of the fields of erased records; and the
--       function of holds, which runs of retention ask.
-- Why: a court or an investigation needs records that a rule of retention would remove, and a person may demand that
--      their data are erased. An erasure replaces values in place and destroys the key of the record, so that
--      nothing can be compared with the commitments to the erased values any more. The commitments themselves and
--      the salts of the other fields are kept here: proofs of the record still verify, and show what was erased.
--      The version of the rules includes holds, so that a run that has looked at records before a hold was created
--      looks at them again.
-- Breaking: no
-- Transaction: yes

create table control_plane.audit_log_holds (
    id          uuid        not null,
    name        text        not null,
    reason      text        not null,
    actor_type  text,
    actor_id    text,
    action      text,
    target_type text,
    target_id   text,
    tenant_id   text,
    request_id  text,
    ip_address  inet,
    since_at    timestamptz,
    until_at    timestamptz,
    created_at  timestamptz not null default now(),
    created_by  text        not null,
    released_at timestamptz,
    released_by text,

    constraint audit_log_holds_pkey
        primary key (id),
    constraint audit_log_holds_name_check
        check (length(name) between 1 and 200),
    constraint audit_log_holds_reason_check
        check (length(reason) <= 2000),
    constraint audit_log_holds_action_check
        check (action <> '' and action not in ('*', '.*')),
    constraint audit_log_holds_released_check
        check ((released_at is null) = (released_by is null))
);

create unique index idx_audit_log_holds_name
    on control_plane.audit_log_holds (name) where released_at is null;

comment on table control_plane.audit_log_holds is
    'Records that are neither removed nor erased: those that have all of the values of a hold that was not released.';
comment on column control_plane.audit_log_holds.id is 'Identifies the hold.';
comment on column control_plane.audit_log_holds.name is 'The name; that of a hold that was released can be used again.';
comment on column control_plane.audit_log_holds.reason is 'Why the records are held.';
comment on column control_plane.audit_log_holds.actor_type is 'The kind of actor of the records; null for any.';
comment on column control_plane.audit_log_holds.actor_id is 'The actor; null for any.';
comment on column control_plane.audit_log_holds.action is 'The action, or a prefix such as project.*; null for any.';
comment on column control_plane.audit_log_holds.target_type is 'The kind of target; null for any.';
comment on column control_plane.audit_log_holds.target_id is 'The target; null for any.';
comment on column control_plane.audit_log_holds.tenant_id is 'The tenant; null for any.';
comment on column control_plane.audit_log_holds.request_id is 'The request; null for any.';
comment on column control_plane.audit_log_holds.ip_address is 'The network of the address; null for any.';
comment on column control_plane.audit_log_holds.since_at is 'The earliest created_at; null for any.';
comment on column control_plane.audit_log_holds.until_at is 'created_at is before this; null for any.';
comment on column control_plane.audit_log_holds.created_at is 'When the hold was created.';
comment on column control_plane.audit_log_holds.created_by is 'Who created it, as type:id, or system.';
comment on column control_plane.audit_log_holds.released_at is 'When the hold was released; null while it holds.';
comment on column control_plane.audit_log_holds.released_by is 'Who released it, as type:id, or system.';

create function control_plane.audit_log_hold_of(
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
) returns text
    language sql
    stable
    parallel safe
as $hold$
    select (
        select h.name from control_plane.audit_log_holds h
         where h.released_at is null
           and (h.actor_type is null or h.actor_type = $2)
           and (h.actor_id is null or h.actor_id = $3)
           and (h.action is null or h.action = $4
                or h.action like '%.*' and starts_with($4, left(h.action, -1)))
           and (h.target_type is null or h.target_type = $5)
           and (h.target_id is null or h.target_id = $6)
           and (h.tenant_id is null or h.tenant_id = $7)
           and (h.request_id is null or h.request_id = $8)
           and (h.ip_address is null or $9 <<= h.ip_address)
           and (h.since_at is null or $10 >= h.since_at)
           and (h.until_at is null or $10 < h.until_at)
         order by h.name
         limit 1)
$hold$;

comment on function control_plane.audit_log_hold_of(uuid, text, text, text, text, text, text, text, inet, timestamptz) is
    'The name of a hold that covers a record; null if none does. The one place that decides what a hold covers.';

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
as 'select control_plane.audit_log_hold_of($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) is not null';

comment on function control_plane.audit_log_is_held(uuid, text, text, text, text, text, text, text, inet, timestamptz) is
    'Whether a hold keeps a record from being removed or erased, whatever the rules of retention say.';

create or replace function control_plane.audit_log_retention_version() returns text
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $version$
    select md5(
        (select coalesce(string_agg(
                    format('%L %L %L', rule.tenant_id, rule.action, rule.keep_days), ';' order by rule.id), '')
           from control_plane.audit_log_retention_rules rule)
        || '/'
        || (select coalesce(string_agg(hold.id::text, ';' order by hold.id), '')
              from control_plane.audit_log_holds hold
             where hold.released_at is null))
$version$;

comment on function control_plane.audit_log_retention_version() is
    'Changes with everything that decides which records are kept: the rules and the holds.';

create table control_plane.audit_log_erasures (
    id         uuid        not null,
    reason     text        not null,
    records    bigint      not null,
    created_at timestamptz not null default now(),
    created_by text        not null,

    constraint audit_log_erasures_pkey
        primary key (id),
    constraint audit_log_erasures_records_check
        check (records >= 0)
);

comment on table control_plane.audit_log_erasures is
    'Erasures. It has nothing of what was erased.';
comment on column control_plane.audit_log_erasures.id is
    'Identifies the erasure; also in the metadata of its record.';
comment on column control_plane.audit_log_erasures.reason is 'Why values were erased.';
comment on column control_plane.audit_log_erasures.records is 'The number of records of which values were erased.';
comment on column control_plane.audit_log_erasures.created_at is 'When they were erased.';
comment on column control_plane.audit_log_erasures.created_by is 'Who erased them, as type:id, or system.';

create table control_plane.audit_log_erased_records (
    id         uuid   not null,
    seq        bigint not null,
    erasure_id uuid   not null,
    fields     bytea  not null,

    constraint audit_log_erased_records_pkey
        primary key (id),
    constraint audit_log_erased_records_erasure_id_fkey
        foreign key (erasure_id) references control_plane.audit_log_erasures (id),
    constraint audit_log_erased_records_fields_check
        check (octet_length(fields) between 33 and 3300 and octet_length(fields) % 33 = 0)
);

comment on table control_plane.audit_log_erased_records is
    'What proves records of which values were erased, in place of their keys.';
comment on column control_plane.audit_log_erased_records.id is 'The id of the record.';
comment on column control_plane.audit_log_erased_records.seq is 'The index of its entry.';
comment on column control_plane.audit_log_erased_records.erasure_id is 'The last erasure of the record.';
comment on column control_plane.audit_log_erased_records.fields is
    'For each field in the order of the commitments 33 bytes: 0 and the salt of a field that is there, or 1 and the commitment to a value that was erased.';
