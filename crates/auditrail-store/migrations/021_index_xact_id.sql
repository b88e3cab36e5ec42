-- What: an index for the records of a transaction, in the order in which the sequencer reads them.
-- Why: the sequencer reads the records of the transactions that were committed since its last round, a few
--      thousand at a time. The id is part of the index, because a transaction may have many records: those
--      that are older than migration 006 all have the same xact_id, and each step would read all of them.
-- Breaking: no
-- Transaction: no

create index concurrently idx_audit_logs_xact_id
    on control_plane.audit_logs (xact_id, id);
