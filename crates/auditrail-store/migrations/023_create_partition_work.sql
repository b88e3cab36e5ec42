-- What: a table with the work on partitions that is in progress.
-- Why: large tables are partitioned, and partitions merged, in many small transactions. This table has how
--      far each got, so that an interrupted run resumes there, and no record is lost or duplicated.
-- Breaking: no
-- Transaction: yes

create table control_plane.audit_log_partition_work (
    kind           text        not null,
    phase          text        not null,
    target         text        not null,
    sources        text[]      not null,
    lower_id       uuid        not null,
    upper_id       uuid        not null,
    copied_through uuid,
    copied_rows    bigint      not null default 0,
    since_xact_id  xid8,
    changes        bigint,
    started_at     timestamptz not null default clock_timestamp(),
    updated_at     timestamptz not null default clock_timestamp(),

    constraint audit_log_partition_work_pkey
        primary key (kind),
    constraint audit_log_partition_work_kind_check
        check (kind in ('adopt', 'merge'))
);

comment on table control_plane.audit_log_partition_work is
    'The work on partitions of audit_logs that is in progress: at most one adoption and one merge.';
comment on column control_plane.audit_log_partition_work.kind is
    'The work: adopt (a plain table becomes a partitioned one) or merge (adjacent partitions become one).';
comment on column control_plane.audit_log_partition_work.phase is
    'The step that comes next.';
comment on column control_plane.audit_log_partition_work.target is
    'The name of the table that is filled.';
comment on column control_plane.audit_log_partition_work.sources is
    'The names of the tables that are copied, in the order of their ranges.';
comment on column control_plane.audit_log_partition_work.lower_id is
    'The first id of the range of the target.';
comment on column control_plane.audit_log_partition_work.upper_id is
    'The first id after the range of the target.';
comment on column control_plane.audit_log_partition_work.copied_through is
    'The last id that was copied; null before the first.';
comment on column control_plane.audit_log_partition_work.copied_rows is
    'The number of records that were copied.';
comment on column control_plane.audit_log_partition_work.since_xact_id is
    'The oldest transaction that may have been open when the copy started: records of this one and later ones may be missing in the target.';
comment on column control_plane.audit_log_partition_work.changes is
    'The number of permitted changes of records when the copy started. Another number means that copied records may have changed, and that the copy starts again.';
comment on column control_plane.audit_log_partition_work.started_at is
    'When the work started.';
comment on column control_plane.audit_log_partition_work.updated_at is
    'When its last step was complete.';
