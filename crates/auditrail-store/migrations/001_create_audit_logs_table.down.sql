-- What: removes the table and every record in it.
-- Loses data: yes
-- Transaction: yes

drop table control_plane.audit_logs;
