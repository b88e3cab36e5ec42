-- What: removes the rules of retention and what is known of its runs; the records stay, those of runs included.
-- Loses data: yes
-- Transaction: yes

drop function control_plane.audit_log_retention_version();
drop function control_plane.audit_log_is_held(uuid, text, text, text, text, text, text, text, inet, timestamptz);
drop function control_plane.audit_log_kept_since(text, text, timestamptz);
drop table control_plane.audit_log_retention_removals;
drop table control_plane.audit_log_retention_runs;
drop table control_plane.audit_log_retention_rules;
