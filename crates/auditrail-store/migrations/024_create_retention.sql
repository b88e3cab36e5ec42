-- What: the rules of retention, what runs removed, and the function of holds.
-- Why: a log that only grows ends as a full disk, and privacy law sets the time that records of people may be
--      kept. Rules say how long; a run removes what they no longer keep, and only the owner of the log can run it.
--      A record has at most one rule. A rule of its tenant comes before one of all tenants, and then one of its
--      action before one of the prefix, a longer prefix before a shorter one, and all of these before one of all
--      actions. Without a rule a record is kept for ever.
--      The records of retention itself are kept unless a rule names their action or its prefix: they say what
--      left, so a rule of all actions must not remove them.
--      What each transaction of a run removes is added to audit_log_retention_removals by the same transaction.
--      The record of the run is made of these rows; a run that was interrupted gets its record from the next one.
-- Breaking: no
-- Transaction: yes

create table control_plane.audit_log_retention_rules (
    id         uuid        not null,
    tenant_id  text,
    action     text,
    keep_days  integer,
    created_at timestamptz not null,
    created_by text        not null,
    changed_at timestamptz not null,
    changed_by text        not null,

    constraint audit_log_retention_rules_pkey
        primary key (id),
    constraint audit_log_retention_rules_tenant_id_check
        check (tenant_id <> ''),
    constraint audit_log_retention_rules_action_check
        check (action <> '' and action not in ('*', '.*')),
    constraint audit_log_retention_rules_keep_days_check
        check (keep_days between 7 and 36500)
);

create unique index idx_audit_log_retention_rules_scope
    on control_plane.audit_log_retention_rules (coalesce(tenant_id, ''), coalesce(action, ''));

comment on table control_plane.audit_log_retention_rules is
    'How long records are kept. The most specific rule applies; records without a rule are kept for ever.';
comment on column control_plane.audit_log_retention_rules.id is
    'Identifies the rule.';
comment on column control_plane.audit_log_retention_rules.tenant_id is
    'The tenant of the records; null for all records, with or without a tenant.';
comment on column control_plane.audit_log_retention_rules.action is
    'The action of the records, or a prefix such as project.*; null for all actions.';
comment on column control_plane.audit_log_retention_rules.keep_days is
    'How long records are kept, in days of 24 hours since created_at; null for ever.';
comment on column control_plane.audit_log_retention_rules.created_at is
    'When the rule was made.';
comment on column control_plane.audit_log_retention_rules.created_by is
    'Who made the rule, as type:id, or system.';
comment on column control_plane.audit_log_retention_rules.changed_at is
    'When the rule was last changed.';
comment on column control_plane.audit_log_retention_rules.changed_by is
    'Who last changed the rule, as type:id, or system.';

create table control_plane.audit_log_retention_runs (
    id          uuid        not null,
    kept_at     timestamptz not null,
    started_by  text        not null,
    started_at  timestamptz not null default clock_timestamp(),
    recorded_at timestamptz,

    constraint audit_log_retention_runs_pkey
        primary key (id)
);

comment on table control_plane.audit_log_retention_runs is
    'Runs of retention that removed records. The row of a run is written before its first removal.';
comment on column control_plane.audit_log_retention_runs.id is
    'Identifies the run; also in the metadata of its record.';
comment on column control_plane.audit_log_retention_runs.kept_at is
    'The time from which the ages of records were counted.';
comment on column control_plane.audit_log_retention_runs.started_by is
    'Who started the run, as type:id, or system.';
comment on column control_plane.audit_log_retention_runs.started_at is
    'When the run started.';
comment on column control_plane.audit_log_retention_runs.recorded_at is
    'When the record of the run was written; null while it runs, and after an interruption until the next run.';

create table control_plane.audit_log_retention_removals (
    run_id      uuid        not null,
    partition   text        not null,
    tenant_id   text        not null,
    action      text        not null,
    archive     text        not null,
    sha256      text        not null,
    records     bigint      not null,
    oldest      timestamptz not null,
    newest      timestamptz not null,
    lowest_id   uuid        not null,
    highest_id  uuid        not null,

    constraint audit_log_retention_removals_pkey
        primary key (run_id, partition, archive, tenant_id, action),
    constraint audit_log_retention_removals_run_id_fkey
        foreign key (run_id) references control_plane.audit_log_retention_runs (id),
    constraint audit_log_retention_removals_records_check
        check (records > 0)
);

comment on table control_plane.audit_log_retention_removals is
    'What runs of retention removed: written by the transaction that removed it.';
comment on column control_plane.audit_log_retention_removals.run_id is
    'The run.';
comment on column control_plane.audit_log_retention_removals.partition is
    'The table that had the records.';
comment on column control_plane.audit_log_retention_removals.tenant_id is
    'The tenant of the records; empty for records without one.';
comment on column control_plane.audit_log_retention_removals.action is
    'The action of the records; empty for all groups beyond the number that is listed.';
comment on column control_plane.audit_log_retention_removals.archive is
    'The name of the archive that has the records; empty if they were not archived.';
comment on column control_plane.audit_log_retention_removals.sha256 is
    'SHA-256 of the manifest of the archive, in hexadecimal; empty without one.';
comment on column control_plane.audit_log_retention_removals.records is
    'How many records were removed.';
comment on column control_plane.audit_log_retention_removals.oldest is
    'The lowest created_at among them.';
comment on column control_plane.audit_log_retention_removals.newest is
    'The highest created_at among them.';
comment on column control_plane.audit_log_retention_removals.lowest_id is
    'The lowest id among them.';
comment on column control_plane.audit_log_retention_removals.highest_id is
    'The highest id among them.';

create function control_plane.audit_log_kept_since(tenant_id text, action text, kept_at timestamptz)
    returns timestamptz
    language sql
    stable
    set search_path = pg_catalog, pg_temp
as $kept$
    select audit_log_kept_since.kept_at - make_interval(hours => 24 * rule.keep_days)
      from control_plane.audit_log_retention_rules rule
     where (rule.tenant_id is null or rule.tenant_id = audit_log_kept_since.tenant_id)
       and case
               when rule.action is null
                   then not starts_with(audit_log_kept_since.action, 'audit_log.retention_')
               when right(rule.action, 2) = '.*'
                   then starts_with(audit_log_kept_since.action, left(rule.action, -1))
               else rule.action = audit_log_kept_since.action
           end
     order by rule.tenant_id is null,
              rule.action is null,
              right(rule.action, 2) = '.*',
              length(rule.action) desc
     limit 1
$kept$;

comment on function control_plane.audit_log_kept_since(text, text, timestamptz) is
    'The created_at from which records of a tenant and an action are kept, by the most specific rule; null if they are kept for ever.';

create function control_plane.audit_log_is_held(
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

create function control_plane.audit_log_retention_version() returns text
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
