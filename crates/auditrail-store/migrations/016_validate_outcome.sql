-- What: validates the check on the outcome.
-- Why: the check was added without a scan of the table; this scan blocks neither reads nor writes.
-- Breaking: no
-- Transaction: yes

alter table control_plane.audit_logs validate constraint audit_logs_outcome_check;
