-- What: removes the column. The ids cannot be restored, and a sequencer would lose its place.
-- Loses data: yes
-- Transaction: yes

alter table control_plane.audit_logs drop column xact_id;
