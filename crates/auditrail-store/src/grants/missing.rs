//! Which privileges of a service the current role lacks.

use sqlx::PgConnection;

use crate::records::columns::column_list;

/// The columns that the service writes are listed in Rust; the rest is what its statements need.
const MISSING: &str = concat!(
    "select privilege || ' on control_plane.' || name from (values
         ('select', 'audit_logs'),
         ('select', 'audit_api_keys'),
         ('insert', 'audit_api_keys'),
         ('select', 'audit_log_retention_rules'),
         ('insert', 'audit_log_retention_rules'),
         ('update', 'audit_log_retention_rules'),
         ('delete', 'audit_log_retention_rules'),
         ('select', 'audit_log_sequencer'),
         ('update', 'audit_log_sequencer'),
         ('select', 'audit_log_entries'),
         ('insert', 'audit_log_entries'),
         ('select', 'audit_log_text_index'),
         ('update', 'audit_log_text_index'),
         ('select', 'audit_log_text_blocks'),
         ('insert', 'audit_log_text_blocks'),
         ('select', 'audit_log_tree'),
         ('update', 'audit_log_tree'),
         ('select', 'audit_log_bundles'),
         ('insert', 'audit_log_bundles'),
         ('update', 'audit_log_bundles'),
         ('select', 'audit_log_tiles'),
         ('insert', 'audit_log_tiles'),
         ('update', 'audit_log_tiles'),
         ('select', 'audit_log_record_keys'),
         ('insert', 'audit_log_record_keys'),
         ('update', 'audit_log_record_keys'),
         ('select', 'audit_log_verifier_keys'),
         ('insert', 'audit_log_verifier_keys'),
         ('select', 'audit_log_checkpoints'),
         ('insert', 'audit_log_checkpoints'),
         ('update', 'audit_log_checkpoints'),
         ('delete', 'audit_log_checkpoints'),
         ('select', 'audit_log_holds'),
         ('insert', 'audit_log_holds'),
         ('update', 'audit_log_holds'),
         ('select', 'audit_log_erasures'),
         ('select', 'audit_log_erased_records')
     ) as needed (privilege, name)
     where not has_table_privilege('control_plane.' || name, privilege)
     union all
     select 'execute on function control_plane.audit_intent_is_open(uuid, text)'
      where not has_function_privilege('control_plane.audit_intent_is_open(uuid, text)', 'execute')
     union all
     select 'update (revoked_at) on control_plane.audit_api_keys'
      where not has_column_privilege('control_plane.audit_api_keys', 'revoked_at', 'update')
     union all
     select 'insert (' || name || ') on control_plane.audit_logs'
       from unnest(string_to_array('",
    column_list!(),
    "', ', ')) as name
      where not has_column_privilege('control_plane.audit_logs', name, 'insert')"
);

/// The privileges that `auditrail serve` needs and the current role lacks, as in GRANT.
pub(crate) async fn missing_for_service(db: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(MISSING).fetch_all(db).await
}
