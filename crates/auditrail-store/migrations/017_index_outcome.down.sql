-- What: removes the index for the newest records with an outcome other than success.
-- Loses data: no
-- Transaction: no

drop index concurrently control_plane.idx_audit_logs_outcome_created;
