-- What: an index for the newest records with an outcome other than success.
-- Why: what failed and what was denied is asked for in every investigation and is rare. Partial, so that
--      successful actions, and records without an outcome, cost nothing.
-- Breaking: no
-- Transaction: no

create index concurrently idx_audit_logs_outcome_created
    on control_plane.audit_logs (outcome, created_at desc)
    where outcome <> 'success';
