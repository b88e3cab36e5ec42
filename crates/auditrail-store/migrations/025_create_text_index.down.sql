-- What: removes the index of words. A later migration up makes it again from the records; until then searches for
--       words read the records themselves.
-- Loses data: no
-- Transaction: yes

drop table control_plane.audit_log_text_blocks;
drop table control_plane.audit_log_text_index;
