-- What: the id of the transaction that wrote the record.
-- Why: the sequencer finds each committed record exactly once by comparing this id with two
--      snapshots of the server; no clock and no sequence can do that. pg_current_xact_id() is
--      stable, so PostgreSQL evaluates it once for the rows already there and rewrites nothing.
--      Its index comes with the sequencer, which measures which kind is cheapest.
-- Breaking: no
-- Transaction: yes

alter table control_plane.audit_logs
    add column xact_id xid8 not null default pg_current_xact_id();

comment on column control_plane.audit_logs.xact_id is
    'The transaction that wrote the record. Filled in by the database; writers leave it alone.';
