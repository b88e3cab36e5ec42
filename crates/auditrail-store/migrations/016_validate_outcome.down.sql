-- What: makes the check on the outcome one that is not validated for older rows.
-- Loses data: no
-- Transaction: yes

alter table control_plane.audit_logs drop constraint audit_logs_outcome_check;
alter table control_plane.audit_logs
    add constraint audit_logs_outcome_check
        check (outcome in ('success', 'failure', 'denied', 'unknown')) not valid;
