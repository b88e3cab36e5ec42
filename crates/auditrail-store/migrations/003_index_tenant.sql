-- What: an index for the newest records of one tenant.
-- Why: built concurrently, because by now the table may be large and writers must not wait for it.
--      Partial, so that an installation without tenants does not pay for it.
-- Breaking: no
-- Transaction: no

create index concurrently idx_audit_logs_tenant_created
    on control_plane.audit_logs (tenant_id, created_at desc)
    where tenant_id is not null;
