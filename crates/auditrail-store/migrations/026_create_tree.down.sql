-- What: removes the transparency log: entries, keys of records and checkpoints. Proofs that were made remain valid under their
--       checkpoints. A log that is made again has other keys of records, so that it contradicts the old checkpoints.
-- Loses data: yes
-- Transaction: yes

drop table control_plane.audit_log_checkpoints;
drop table control_plane.audit_log_verifier_keys;
drop table control_plane.audit_log_record_keys;
drop table control_plane.audit_log_tiles;
drop table control_plane.audit_log_bundles;
drop table control_plane.audit_log_tree;
drop function control_plane.refuse_audit_log_key_change();
drop function control_plane.refuse_audit_log_tree_change();
