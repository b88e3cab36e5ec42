-- What: the tables of the sequencer, which gives each committed record its place in one order, the seq.
-- Why: neither a clock nor a sequence orders records by their commit, so a reader that remembers the last
--      record it has seen misses those that were committed later with an earlier time or number. The seq is
--      assigned after the commit, without gaps, and never changes. Writers take no lock for it and wait for
--      nothing.
--      There is no row for each record, which would double the cost of writing: a row of audit_log_entries has
--      the ids of up to 4,096 records in the order of their seq, and a record is found by the xact_id it has.
--      The single row of audit_log_sequencer is the position of the sequencer. Its lock elects one of several
--      servers, and it is changed in the transaction that adds entries, so that a crash repeats and loses
--      nothing. The column cluster, and xact_id compared with the xmin of the row, show that the row came with
--      a restore: then the ids of transactions have started again.
--      Entries are never changed or deleted, also when the record leaves: the owner of the table included.
-- Breaking: no
-- Transaction: yes

create table control_plane.audit_log_sequencer (
    only_row       boolean     not null default true,
    next_seq       bigint      not null default 0,
    cluster        text,
    done           pg_snapshot,
    target         pg_snapshot,
    after_xact_id  xid8,
    after_id       uuid,
    restored_until xid8,
    sequenced_at   timestamptz,
    xact_id        xid8,

    constraint audit_log_sequencer_pkey
        primary key (only_row),
    constraint audit_log_sequencer_only_row_check
        check (only_row),
    constraint audit_log_sequencer_next_seq_check
        check (next_seq >= 0),
    constraint audit_log_sequencer_position_check
        check ((after_xact_id is null) = (after_id is null)
            and (after_xact_id is null or target is not null))
);

comment on table control_plane.audit_log_sequencer is
    'The position of the sequencer. Exactly one row, whose lock elects one of several servers.';
comment on column control_plane.audit_log_sequencer.only_row is
    'Always true: there is one row.';
comment on column control_plane.audit_log_sequencer.next_seq is
    'The seq of the next record, which is the number of records that have one.';
comment on column control_plane.audit_log_sequencer.cluster is
    'System identifier of the cluster and oid of the database to which the snapshots belong; null before the first round.';
comment on column control_plane.audit_log_sequencer.done is
    'Every record that is visible in this snapshot has a seq; null until the records that were there at the start have one.';
comment on column control_plane.audit_log_sequencer.target is
    'The round in progress: the records that are visible in this snapshot get a seq; null between rounds.';
comment on column control_plane.audit_log_sequencer.after_xact_id is
    'The last record of the round in progress that was looked at, in the order (xact_id, id).';
comment on column control_plane.audit_log_sequencer.after_id is
    'The id of that record.';
comment on column control_plane.audit_log_sequencer.restored_until is
    'The highest xact_id of the records that were there at the start or came with a restore. Up to it, records are compared with the entries by id.';
comment on column control_plane.audit_log_sequencer.sequenced_at is
    'When a record was last given a seq.';
comment on column control_plane.audit_log_sequencer.xact_id is
    'The transaction that last changed this row. A row whose xmin is another one came with a restore.';

insert into control_plane.audit_log_sequencer default values;

create table control_plane.audit_log_entries (
    first_seq       bigint      not null,
    records         integer     not null,
    lowest_xact_id  bigint      not null,
    highest_xact_id bigint      not null,
    ids             bytea       not null,
    sequenced_at    timestamptz not null default now(),

    constraint audit_log_entries_pkey
        primary key (first_seq),
    constraint audit_log_entries_first_seq_check
        check (first_seq >= 0),
    constraint audit_log_entries_records_check
        check (records between 1 and 4096),
    constraint audit_log_entries_xact_id_check
        check (highest_xact_id - lowest_xact_id between 0 and 65535),
    constraint audit_log_entries_ids_check
        check (octet_length(ids) = 16 * records)
);

-- Ids do not compress, and a slice of them is read without the rest.
alter table control_plane.audit_log_entries alter column ids set storage external;

create index idx_audit_log_entries_xact_id
    on control_plane.audit_log_entries (lowest_xact_id, highest_xact_id);

comment on table control_plane.audit_log_entries is
    'The order of the records: each row has the ids of some records, from first_seq on. Rows are added and never changed.';
comment on column control_plane.audit_log_entries.first_seq is
    'The seq of the first record of the row; the others follow without gaps.';
comment on column control_plane.audit_log_entries.records is
    'The number of records.';
comment on column control_plane.audit_log_entries.lowest_xact_id is
    'The lowest xact_id of the records.';
comment on column control_plane.audit_log_entries.highest_xact_id is
    'The highest xact_id of the records, at most 65,535 more than the lowest: a record is found by a range scan.';
comment on column control_plane.audit_log_entries.ids is
    'The ids of the records in the order of their seq, 16 bytes each.';
comment on column control_plane.audit_log_entries.sequenced_at is
    'When the sequencer added the row.';

create function control_plane.refuse_audit_log_entry_change() returns trigger
    language plpgsql
    set search_path = ''
as $guard$
begin
    raise exception '% on %.% is refused: the order of the records never changes',
            tg_op, tg_table_schema, tg_table_name
        using errcode = 'insufficient_privilege',
              hint = 'Entries stay when records leave by retention or are erased; they contain ids and nothing else.';
end
$guard$;

comment on function control_plane.refuse_audit_log_entry_change() is
    'Trigger: refuses UPDATE, DELETE and TRUNCATE of the entries of the sequencer.';

create trigger audit_log_entries_append_only
    before update or delete or truncate on control_plane.audit_log_entries
    for each statement execute function control_plane.refuse_audit_log_entry_change();

create trigger audit_log_entries_append_only_row
    before update or delete on control_plane.audit_log_entries
    for each row execute function control_plane.refuse_audit_log_entry_change();

alter table control_plane.audit_log_entries
    enable always trigger audit_log_entries_append_only,
    enable always trigger audit_log_entries_append_only_row;
