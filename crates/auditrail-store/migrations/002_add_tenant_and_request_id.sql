-- What: two nullable columns, the tenant a record belongs to and the request it was made in.
-- Why: one control plane serves many tenants, and one request often leaves several records; both are
--      asked for in every investigation. Without a default the columns cost no rewrite of the table.
-- Breaking: no
-- Transaction: yes

alter table control_plane.audit_logs
    add column tenant_id  text,
    add column request_id text;

comment on column control_plane.audit_logs.tenant_id is
    'The tenant the record belongs to; null where there is only one.';
comment on column control_plane.audit_logs.request_id is
    'The request the action was part of; records of one request share it.';
