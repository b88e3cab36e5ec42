-- What: removes the function; the records stay.
-- Loses data: no
-- Transaction: yes

drop function control_plane.record_audit_log(jsonb);
