-- What: an index for the newest records of one action, or of all actions with a prefix.
-- Why: an action that one record in a thousand has is too rare to come by while walking back in time,
--      and in a large log too frequent to fetch and sort. By bytes, collation "C", because only there
--      the actions of a resource stand next to each other, whatever language the database has.
-- Breaking: no
-- Transaction: no

create index concurrently idx_audit_logs_action_created
    on control_plane.audit_logs (action collate "C", created_at desc);
