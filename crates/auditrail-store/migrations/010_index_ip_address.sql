-- What: an index for the newest records from one address, and for those from a network.
-- Why: what an address did is the first question when a key has leaked. Partial, so that records without
--      an address cost nothing.
-- Breaking: no
-- Transaction: no

create index concurrently idx_audit_logs_ip_created
    on control_plane.audit_logs (ip_address, created_at desc)
    where ip_address is not null;
