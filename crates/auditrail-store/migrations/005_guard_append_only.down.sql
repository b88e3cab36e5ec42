-- What: removes the guard; the records stay.
-- Loses data: no
-- Transaction: yes

drop trigger audit_logs_append_only on control_plane.audit_logs;
drop function control_plane.refuse_audit_log_change();
