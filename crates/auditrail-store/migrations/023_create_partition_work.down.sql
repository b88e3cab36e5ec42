-- What: removes the table with the work on partitions that is in progress; the records stay.
-- Loses data: no
-- Transaction: yes

drop table control_plane.audit_log_partition_work;
