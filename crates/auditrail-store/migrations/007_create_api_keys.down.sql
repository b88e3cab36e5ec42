-- What: removes the table and every key in it. Programs that use one are shut out.
-- Loses data: yes
-- Transaction: yes

drop table control_plane.audit_api_keys;
