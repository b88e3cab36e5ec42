-- What: the index of the words of records: a filter of words for each block of records, and the position up to
--       which the sequence is indexed.
-- Why: a search for words reads the text of every record that its other conditions leave, some hundred thousand in
--      the two seconds that it has. With the index it reads only blocks that may have all its words.
--      A block is a range of (created_at, id). The index promises one thing: a record of an indexed entry that has
--      a word lies within a block whose filter has it. So records that leave need no change, a record is never
--      found because of a filter alone, and blocks may overlap.
--      The filter is a Bloom filter with 16 bits for each distinct word and 8 probes. Each block has a salt, so that
--      a word that is found wrongly in one block is not found wrongly in others for the same reason. A row stays in
--      its page, uncompressed: a search tests the filters of thousands of blocks.
--      Writers do not write the index: the service follows the sequence, after the commit.
-- Breaking: no
-- Transaction: yes

create table control_plane.audit_log_text_index (
    only_row boolean not null default true,
    next_seq bigint  not null default 0,
    version  integer not null default 1,

    constraint audit_log_text_index_pkey
        primary key (only_row),
    constraint audit_log_text_index_only_row_check
        check (only_row),
    constraint audit_log_text_index_next_seq_check
        check (next_seq >= 0)
);

comment on table control_plane.audit_log_text_index is
    'The position of the index of words. Exactly one row, whose lock elects one of several servers.';
comment on column control_plane.audit_log_text_index.only_row is
    'Always true: there is one row.';
comment on column control_plane.audit_log_text_index.next_seq is
    'The seq of the first entry that is not indexed.';
comment on column control_plane.audit_log_text_index.version is
    'The rule by which words become bits. A program that has another rule neither reads nor writes the index.';

insert into control_plane.audit_log_text_index default values;

create table control_plane.audit_log_text_blocks (
    id        bigint      not null,
    oldest_at timestamptz not null,
    oldest_id uuid        not null,
    newest_at timestamptz not null,
    newest_id uuid        not null,
    salt      bigint      not null,
    bits      bigint      not null,
    filter    bytea       not null,

    constraint audit_log_text_blocks_pkey
        primary key (id),
    constraint audit_log_text_blocks_range_check
        check ((oldest_at, oldest_id) <= (newest_at, newest_id)),
    constraint audit_log_text_blocks_salt_check
        check (salt between 1 and 2147483647),
    constraint audit_log_text_blocks_bits_check
        check (bits = 8 * octet_length(filter) and bits between 64 and 62464)
);

-- A row fits into its page: 62,464 bits are 7,808 bytes.
alter table control_plane.audit_log_text_blocks alter column filter set storage plain;

create index idx_audit_log_text_blocks_newest
    on control_plane.audit_log_text_blocks (newest_at, newest_id);

create index idx_audit_log_text_blocks_oldest
    on control_plane.audit_log_text_blocks (oldest_at, oldest_id);

comment on table control_plane.audit_log_text_blocks is
    'The index of words: which words the records of a range of (created_at, id) may have.';
comment on column control_plane.audit_log_text_blocks.id is
    'Identifies the block.';
comment on column control_plane.audit_log_text_blocks.oldest_at is
    'created_at of the first record of the block.';
comment on column control_plane.audit_log_text_blocks.oldest_id is
    'The id of that record, which may have left.';
comment on column control_plane.audit_log_text_blocks.newest_at is
    'created_at of the last record of the block.';
comment on column control_plane.audit_log_text_blocks.newest_id is
    'The id of that record, which may have left.';
comment on column control_plane.audit_log_text_blocks.salt is
    'A random number that, with the word, decides which bits stand for the word.';
comment on column control_plane.audit_log_text_blocks.bits is
    'The number of bits of the filter.';
comment on column control_plane.audit_log_text_blocks.filter is
    'The bits. A word is absent from the block if one of its bits is 0.';
