-- What: the tables of the transparency log: its entries, their tree in tiles, the keys of the records, the checkpoints that
--       were signed, and the keys that verify them.
-- Why: a signed checkpoint is one hash for all records up to a seq, and short proofs show that a record is in it
--      and that a later checkpoint has the same records in the same order. So a record that is changed, removed or
--      put in afterwards is found by people who trust neither this database nor its service.
--      The service follows the sequence, after the commit, and writes no row for each record: a bundle has 256
--      entries, and a tile 256 hashes (https://c2sp.org/tlog-tiles). Tiles of level 0 are not stored: they are
--      the hashes of the entries of a bundle. An entry has the id of a record, its time and a hash of commitments
--      to its fields, which reveals nothing without the key of the record. Bundles and tiles only grow, also when
--      a record leaves; the owner of the tables cannot change them either. A key is destroyed when its record is
--      erased, and by nothing else.
-- Breaking: no
-- Transaction: yes

create table control_plane.audit_log_tree (
    only_row      boolean     not null default true,
    log_id        uuid        not null default gen_random_uuid(),
    size          bigint      not null default 0,
    done          pg_snapshot,
    sealed_at     timestamptz,
    followed_from bigint      not null,

    constraint audit_log_tree_pkey
        primary key (only_row),
    constraint audit_log_tree_only_row_check
        check (only_row),
    constraint audit_log_tree_size_check
        check (size >= 0)
);

comment on table control_plane.audit_log_tree is
    'The state of the transparency log. Exactly one row, whose lock elects one of several servers.';
comment on column control_plane.audit_log_tree.only_row is
    'Always true: there is one row.';
comment on column control_plane.audit_log_tree.log_id is
    'Identifies the log. It is part of the usual name of the log, which checkpoints have.';
comment on column control_plane.audit_log_tree.size is
    'The number of records in the tree: those with a lower seq.';
comment on column control_plane.audit_log_tree.done is
    'Every record that is visible in this snapshot is in the tree; null before that is known.';
comment on column control_plane.audit_log_tree.sealed_at is
    'When a record was last added to the tree.';
comment on column control_plane.audit_log_tree.followed_from is
    'The seq from which on records were in the tree before they could leave. An earlier record may have left by retention, and then has an entry without content.';

insert into control_plane.audit_log_tree (followed_from)
select next_seq from control_plane.audit_log_sequencer;

create table control_plane.audit_log_bundles (
    bundle  bigint not null,
    entries bytea  not null,

    constraint audit_log_bundles_pkey
        primary key (bundle),
    constraint audit_log_bundles_bundle_check
        check (bundle >= 0),
    constraint audit_log_bundles_entries_check
        check (octet_length(entries) between 56 and 14336 and octet_length(entries) % 56 = 0)
);

comment on table control_plane.audit_log_bundles is
    'The entries of the transparency log, 256 in a row. Rows are added and grow; what they have never changes.';
comment on column control_plane.audit_log_bundles.bundle is
    'The number of the bundle: the seq of its first entry, divided by 256.';
comment on column control_plane.audit_log_bundles.entries is
    'The entries in the order of their seq, 56 bytes each: the id, the time in microseconds since 1970 and the hash of the commitments to the fields. An entry of a record that had left has the lowest time and a hash of zeros.';

create table control_plane.audit_log_tiles (
    level  smallint not null,
    tile   bigint   not null,
    hashes bytea    not null,

    constraint audit_log_tiles_pkey
        primary key (level, tile),
    constraint audit_log_tiles_level_check
        check (level between 1 and 7),
    constraint audit_log_tiles_tile_check
        check (tile >= 0),
    constraint audit_log_tiles_hashes_check
        check (octet_length(hashes) between 32 and 8192 and octet_length(hashes) % 32 = 0)
);

comment on table control_plane.audit_log_tiles is
    'The hashes of the tree from level 1 on, 256 in a row. Rows are added and grow; what they have never changes.';
comment on column control_plane.audit_log_tiles.level is
    'The level of the tile: a hash of level n is that of 256 to the power of n entries.';
comment on column control_plane.audit_log_tiles.tile is
    'The number of the tile on its level.';
comment on column control_plane.audit_log_tiles.hashes is
    'The hashes, 32 bytes each.';

create table control_plane.audit_log_record_keys (
    bundle bigint not null,
    keys   bytea  not null,

    constraint audit_log_record_keys_pkey
        primary key (bundle),
    constraint audit_log_record_keys_bundle_check
        check (bundle >= 0),
    constraint audit_log_record_keys_keys_check
        check (octet_length(keys) between 32 and 8192 and octet_length(keys) % 32 = 0)
);

comment on table control_plane.audit_log_record_keys is
    'The secrets of the records, from which the salts of their fields are derived. Only for who may read every record.';
comment on column control_plane.audit_log_record_keys.bundle is
    'The number of the bundle that has the entries of these records.';
comment on column control_plane.audit_log_record_keys.keys is
    'The keys in the order of the entries, 32 random bytes each; zeros for a key that was destroyed.';

create table control_plane.audit_log_verifier_keys (
    verifier_key text        not null,
    added_at     timestamptz not null default now(),

    constraint audit_log_verifier_keys_pkey
        primary key (verifier_key),
    constraint audit_log_verifier_keys_verifier_key_check
        check (length(verifier_key) between 1 and 500)
);

comment on table control_plane.audit_log_verifier_keys is
    'The public keys of the keys that have signed checkpoints. They stay when a key is replaced.';
comment on column control_plane.audit_log_verifier_keys.verifier_key is
    'The key in the text form of https://c2sp.org/signed-note.';
comment on column control_plane.audit_log_verifier_keys.added_at is
    'When the service first signed with the key.';

create table control_plane.audit_log_checkpoints (
    number    bigint      not null generated always as identity,
    origin    text        not null,
    size      bigint      not null,
    root      bytea       not null,
    note      text        not null,
    signed_at timestamptz not null default now(),

    constraint audit_log_checkpoints_pkey
        primary key (number),
    constraint audit_log_checkpoints_size_key
        unique (origin, size),
    constraint audit_log_checkpoints_size_check
        check (size >= 0),
    constraint audit_log_checkpoints_root_check
        check (octet_length(root) = 32)
);

create index idx_audit_log_checkpoints_signed_at
    on control_plane.audit_log_checkpoints (signed_at);

comment on table control_plane.audit_log_checkpoints is
    'Signed checkpoints: the newest ones, and of older ones the last of each hour.';
comment on column control_plane.audit_log_checkpoints.number is
    'The order in which they were signed.';
comment on column control_plane.audit_log_checkpoints.origin is
    'The name of the log in the checkpoint.';
comment on column control_plane.audit_log_checkpoints.size is
    'The number of records that the checkpoint is about.';
comment on column control_plane.audit_log_checkpoints.root is
    'The root of the tree.';
comment on column control_plane.audit_log_checkpoints.note is
    'The signed note, with the cosignatures of witnesses.';
comment on column control_plane.audit_log_checkpoints.signed_at is
    'When the checkpoint was signed.';

-- Hashes and keys do not compress, and a slice of them is read without the rest.
alter table control_plane.audit_log_bundles alter column entries set storage external;
alter table control_plane.audit_log_tiles alter column hashes set storage external;
alter table control_plane.audit_log_record_keys alter column keys set storage external;

create function control_plane.refuse_audit_log_tree_change() returns trigger
    language plpgsql
    set search_path = ''
as $guard$
begin
    raise exception '% on %.% is refused: what the transparency log has never changes',
            tg_op, tg_table_schema, tg_table_name
        using errcode = 'insufficient_privilege',
              hint = 'Entries and hashes stay when records leave by retention or are erased; they reveal nothing about the fields of a record.';
end
$guard$;

comment on function control_plane.refuse_audit_log_tree_change() is
    'Trigger: refuses each change of bundles and tiles but their growth.';

create trigger audit_log_bundles_append_only
    before delete or truncate on control_plane.audit_log_bundles
    for each statement execute function control_plane.refuse_audit_log_tree_change();

create trigger audit_log_bundles_append_only_row
    before update on control_plane.audit_log_bundles
    for each row
    when (not (new.bundle = old.bundle
               and octet_length(new.entries) > octet_length(old.entries)
               and substr(new.entries, 1, octet_length(old.entries)) = old.entries))
    execute function control_plane.refuse_audit_log_tree_change();

create trigger audit_log_tiles_append_only
    before delete or truncate on control_plane.audit_log_tiles
    for each statement execute function control_plane.refuse_audit_log_tree_change();

create trigger audit_log_tiles_append_only_row
    before update on control_plane.audit_log_tiles
    for each row
    when (not (new.level = old.level
               and new.tile = old.tile
               and octet_length(new.hashes) > octet_length(old.hashes)
               and substr(new.hashes, 1, octet_length(old.hashes)) = old.hashes))
    execute function control_plane.refuse_audit_log_tree_change();

create function control_plane.refuse_audit_log_key_change() returns trigger
    language plpgsql
    set search_path = ''
as $guard$
declare
    maintenance text := coalesce(current_setting('auditrail.maintenance', true), '');
begin
    if tg_op = 'UPDATE' and maintenance = 'erasure' and (
        select pg_catalog.pg_has_role(current_user, c.relowner, 'USAGE')
          from pg_catalog.pg_class c
         where c.oid = tg_relid)
    then
        return new;
    end if;
    raise exception '% on %.% is refused: without its key a record cannot be proved',
            tg_op, tg_table_schema, tg_table_name
        using errcode = 'insufficient_privilege',
              hint = 'Keys are destroyed by erasure only, which the owner of the table runs: "auditrail erase".';
end
$guard$;

comment on function control_plane.refuse_audit_log_key_change() is
    'Trigger: refuses each change of the keys of records but their growth, and their destruction by an erasure.';

create trigger audit_log_record_keys_guard
    before delete or truncate on control_plane.audit_log_record_keys
    for each statement execute function control_plane.refuse_audit_log_key_change();

create trigger audit_log_record_keys_guard_row
    before update on control_plane.audit_log_record_keys
    for each row
    when (not (new.bundle = old.bundle
               and octet_length(new.keys) > octet_length(old.keys)
               and substr(new.keys, 1, octet_length(old.keys)) = old.keys))
    execute function control_plane.refuse_audit_log_key_change();

alter table control_plane.audit_log_bundles
    enable always trigger audit_log_bundles_append_only,
    enable always trigger audit_log_bundles_append_only_row;
alter table control_plane.audit_log_tiles
    enable always trigger audit_log_tiles_append_only,
    enable always trigger audit_log_tiles_append_only_row;
alter table control_plane.audit_log_record_keys
    enable always trigger audit_log_record_keys_guard,
    enable always trigger audit_log_record_keys_guard_row;
