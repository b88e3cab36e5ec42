-- What: removes the scopes verify and erase, from keys that have them too; a key that has no other one is deleted.
-- Loses data: yes
-- Transaction: yes

delete from control_plane.audit_api_keys where scopes <@ array['verify', 'erase'];

update control_plane.audit_api_keys
   set scopes = array_remove(array_remove(scopes, 'verify'), 'erase')
 where scopes && array['verify', 'erase'];

alter table control_plane.audit_api_keys
    drop constraint audit_api_keys_scopes_check,
    add constraint audit_api_keys_scopes_check
        check (cardinality(scopes) > 0
            and array_ndims(scopes) = 1
            and scopes <@ array['write', 'read', 'export', 'admin']);
