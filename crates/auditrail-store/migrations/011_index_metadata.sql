-- What: an index for records by their metadata.
-- Why: without one a search for a rare value reads the whole table. jsonb_path_ops keeps a hash of each
--      path with its value, a fifth of the size of keys and values apart. New entries are gathered in a
--      list that every search reads, so the list is kept to 1 MiB, a quarter of the usual.
-- Breaking: no
-- Transaction: no

create index concurrently idx_audit_logs_metadata
    on control_plane.audit_logs using gin (metadata jsonb_path_ops)
    with (gin_pending_list_limit = 1024);
