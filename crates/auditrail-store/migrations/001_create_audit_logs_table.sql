-- What: the table every record of the audit log lives in, with its checks and indexes.
-- Why: a control plane has to answer who did what to what, from where and when. The checks keep the
--      two rules that would make an answer useless if they were broken: an actor is of a kind we
--      know, and the system acts under one name only.
-- Breaking: no
-- Transaction: yes

create table control_plane.audit_logs (
    id          uuid        not null default gen_random_uuid(),
    actor_id    text        not null,
    actor_type  text        not null,
    action      text        not null,
    target_type text        not null,
    target_id   text        not null,
    metadata    jsonb       default '{}',
    ip_address  inet,
    user_agent  text,
    created_at  timestamptz not null default now(),

    constraint audit_logs_pkey
        primary key (id),
    constraint audit_logs_actor_type_check
        check (actor_type in ('user', 'system', 'api_key')),
    constraint audit_logs_system_actor_check
        check (actor_type <> 'system' or actor_id = 'system')
);

-- One column: what an actor, a target or an action did at all, in any order.
create index idx_audit_logs_actor_id   on control_plane.audit_logs (actor_id);
create index idx_audit_logs_target_id  on control_plane.audit_logs (target_id);
create index idx_audit_logs_created_at on control_plane.audit_logs (created_at desc);
create index idx_audit_logs_action     on control_plane.audit_logs (action);

-- Two columns: the newest first, which is how people read a log.
create index idx_audit_logs_actor_created  on control_plane.audit_logs (actor_id, created_at desc);
create index idx_audit_logs_target_created on control_plane.audit_logs (target_id, created_at desc);

comment on table control_plane.audit_logs is
    'Audit log: who did what to what, from where and when. One row is one record; rows are added and not changed.';
comment on column control_plane.audit_logs.id is
    'Identifies the record. Writers make a UUIDv7, so that new rows land next to each other; the default serves plain SQL.';
comment on column control_plane.audit_logs.actor_id is
    'Who acted: the id of the user or API key; always system for the system actor.';
comment on column control_plane.audit_logs.actor_type is
    'What kind of actor it was: user, system or api_key.';
comment on column control_plane.audit_logs.action is
    'What was done, as resource.verb: project.created, key.rotated, iam.CreateUser.';
comment on column control_plane.audit_logs.target_type is
    'What kind of thing it was done to: project, user, api_key, secret, organization, team, or any other.';
comment on column control_plane.audit_logs.target_id is
    'Which thing it was done to.';
comment on column control_plane.audit_logs.metadata is
    'Further facts as a JSON object. Never secrets.';
comment on column control_plane.audit_logs.ip_address is
    'The address the request came from; null when there was none, as for a system job.';
comment on column control_plane.audit_logs.user_agent is
    'The program the request was made with, as it named itself.';
comment on column control_plane.audit_logs.created_at is
    'When the action happened, in the clock of the writer; now() when the writer gave none.';
