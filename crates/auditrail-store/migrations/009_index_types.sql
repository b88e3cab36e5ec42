-- What: an index for the newest records of one type of actor, of target, or of both.
-- Why: one for both, because there are few types: a search for one of them asks for each of the other.
--      That costs a writer half of what two indexes would.
-- Breaking: no
-- Transaction: no

create index concurrently idx_audit_logs_types_created
    on control_plane.audit_logs (actor_type, target_type, created_at desc);
