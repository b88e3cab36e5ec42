-- What: removes the function and its helpers; the records stay.
-- Loses data: no
-- Transaction: yes

drop function control_plane.record_audit_log(jsonb);
drop function control_plane.audit_log_problems(jsonb);
drop function control_plane.audit_log_address(text);
drop function control_plane.audit_log_time(text);
