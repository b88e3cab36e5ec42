-- What: the scopes verify and erase of API keys.
-- Why: a key of an auditor reads checkpoints, tiles and entries, and a key that erases does nothing else. The constraint is checked against the
--      existing keys at once: there are few.
-- Breaking: no
-- Transaction: yes

alter table control_plane.audit_api_keys
    drop constraint audit_api_keys_scopes_check,
    add constraint audit_api_keys_scopes_check
        check (cardinality(scopes) > 0
            and array_ndims(scopes) = 1
            and scopes <@ array['write', 'read', 'export', 'admin', 'verify', 'erase']);
