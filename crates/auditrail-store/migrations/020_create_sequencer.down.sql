-- What: removes the tables of the sequencer, and with them the seq of every record. A later migration up gives
--       the records a seq again, in another order: positions that readers have stored are void.
-- Loses data: yes
-- Transaction: yes

drop table control_plane.audit_log_entries;
drop table control_plane.audit_log_sequencer;
drop function control_plane.refuse_audit_log_entry_change();
