//! Which privileges of a service the current role lacks.

use sqlx::PgConnection;

use crate::records::columns::column_list;

/// The columns that the service writes are listed in Rust; the rest is what its statements need.
const MISSING: &str = concat!(
    "select privilege from (values
         ('select on control_plane.audit_logs',
          has_table_privilege('control_plane.audit_logs', 'select')),
         ('execute on function control_plane.audit_intent_is_open(uuid, text)',
          has_function_privilege('control_plane.audit_intent_is_open(uuid, text)', 'execute')),
         ('select on control_plane.audit_api_keys',
          has_table_privilege('control_plane.audit_api_keys', 'select')),
         ('insert on control_plane.audit_api_keys',
          has_table_privilege('control_plane.audit_api_keys', 'insert')),
         ('update (revoked_at) on control_plane.audit_api_keys',
          has_column_privilege('control_plane.audit_api_keys', 'revoked_at', 'update')),
         ('select on control_plane.audit_log_retention_rules',
          has_table_privilege('control_plane.audit_log_retention_rules', 'select')),
         ('insert on control_plane.audit_log_retention_rules',
          has_table_privilege('control_plane.audit_log_retention_rules', 'insert')),
         ('update on control_plane.audit_log_retention_rules',
          has_table_privilege('control_plane.audit_log_retention_rules', 'update')),
         ('delete on control_plane.audit_log_retention_rules',
          has_table_privilege('control_plane.audit_log_retention_rules', 'delete')),
         ('select on control_plane.audit_log_sequencer',
          has_table_privilege('control_plane.audit_log_sequencer', 'select')),
         ('update on control_plane.audit_log_sequencer',
          has_table_privilege('control_plane.audit_log_sequencer', 'update')),
         ('select on control_plane.audit_log_entries',
          has_table_privilege('control_plane.audit_log_entries', 'select')),
         ('insert on control_plane.audit_log_entries',
          has_table_privilege('control_plane.audit_log_entries', 'insert')),
         ('select on control_plane.audit_log_text_index',
          has_table_privilege('control_plane.audit_log_text_index', 'select')),
         ('update on control_plane.audit_log_text_index',
          has_table_privilege('control_plane.audit_log_text_index', 'update')),
         ('select on control_plane.audit_log_text_blocks',
          has_table_privilege('control_plane.audit_log_text_blocks', 'select')),
         ('insert on control_plane.audit_log_text_blocks',
          has_table_privilege('control_plane.audit_log_text_blocks', 'insert'))
     ) as needed (privilege, is_granted)
     where not is_granted
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
