-- What: removes the index; the records stay. The sequencer then reads the whole table in each round.
-- Loses data: no
-- Transaction: no

drop index concurrently control_plane.idx_audit_logs_xact_id;
