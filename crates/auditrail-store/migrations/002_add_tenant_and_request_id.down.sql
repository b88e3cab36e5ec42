-- What: removes both columns and what was stored in them.
-- Loses data: yes
-- Transaction: yes

alter table control_plane.audit_logs
    drop column tenant_id,
    drop column request_id;
