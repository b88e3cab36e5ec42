-- What: removes the functions that record changed rows. Refused while a table is audited.
-- Loses data: no
-- Transaction: yes

drop function control_plane.stop_audit_table(regclass);
drop function control_plane.audit_table(regclass, text, text[], text[], text, boolean);
drop function control_plane.record_row_change();
drop function control_plane.audit_context(jsonb);
