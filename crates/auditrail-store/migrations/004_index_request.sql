-- What: an index for the records of one request.
-- Why: as for the tenant: concurrently, so that writers go on, and partial, so that records without a
--      request id cost nothing. It is a step of its own because each concurrent build has to be one.
-- Breaking: no
-- Transaction: no

create index concurrently idx_audit_logs_request_created
    on control_plane.audit_logs (request_id, created_at desc)
    where request_id is not null;
