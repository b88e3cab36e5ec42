-- What: removes the index; the records stay.
-- Loses data: no
-- Transaction: no

drop index concurrently control_plane.idx_audit_logs_metadata;
