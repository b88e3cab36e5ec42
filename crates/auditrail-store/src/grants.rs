//! The privileges of the roles that work with the audit log, as SQL.
//!
//! Four kinds of roles, each with the least privileges:
//!
//! - The **migrator** owns the schema, because it created it: `auditrail migrate`, retention and erasure
//!   run as it. It needs CREATE on the database and no grant from here. No service that is exposed to a
//!   network should connect as it.
//! - A **writer** is an application that writes records in its own transactions, or a program such as
//!   `auditrail log` and `import`. It can insert records and read them: the stored record shows whether a
//!   write is repeated or a conflict. It cannot read keys.
//! - A **reader** queries in SQL, or with `auditrail query` and `export`, also in the order of seq. It cannot
//!   read keys.
//! - A **service** is `auditrail serve`, `auditrail sequence`, `auditrail key` and the rules of `auditrail
//!   retention`. It has the privileges of a writer, and can look up, create and revoke keys; it cannot change other
//!   columns of a key, or delete one. It can give records their seq, add them to the transparency log, store its
//!   checkpoints and index their words; it cannot change the seq that a record has, or an entry of the log. It can set
//!   and remove rules of retention, but not run it.
//!
//! No role but the migrator can change or delete a record. No role can attach the trigger that records changes of rows: it
//! runs with the privileges of the migrator, so a role that attaches it could write any record.

mod missing;

use std::str::FromStr;

use auditrail_core::ValueError;

use crate::identifier;
use crate::records::columns::{column_list, own_column_list};
pub(crate) use missing::missing_for_service;

/// Most bytes in the name of a role: PostgreSQL's NAMEDATALEN less one. PostgreSQL truncates longer names,
/// so the grant would go to another role.
pub const ROLE_NAME_MAX_BYTES: usize = 63;

/// The name of a role, used as a quoted SQL identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleName(Box<str>);

impl RoleName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn quoted(&self) -> String {
        identifier::quoted(&self.0)
    }
}

impl FromStr for RoleName {
    type Err = ValueError;

    /// Rejects text that would not name a single role: empty text, text longer than
    /// [`ROLE_NAME_MAX_BYTES`], `public` (all roles, quoted or not) and `none`, and control characters,
    /// which could end the comment above the statements.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() {
            return Err(ValueError::Empty);
        }
        let is_role = text.len() <= ROLE_NAME_MAX_BYTES
            && !matches!(text, "public" | "none")
            && !text.contains(char::is_control);
        if is_role {
            Ok(Self(text.into()))
        } else {
            Err(ValueError::BadFormat {
                expected: "the name of one role, at most 63 bytes, such as auditrail_writer",
            })
        }
    }
}

/// The roles of the grants; `None` omits that kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// Writes records.
    pub writer: Option<RoleName>,
    /// Reads records.
    pub reader: Option<RoleName>,
    /// Serves both over HTTP, and manages keys.
    pub service: Option<RoleName>,
}

impl Roles {
    /// `auditrail_writer`, `auditrail_reader` and `auditrail_service`.
    #[must_use]
    pub fn usual() -> Self {
        let name = |text: &str| Some(RoleName(text.into()));
        Self {
            writer: name("auditrail_writer"),
            reader: name("auditrail_reader"),
            service: name("auditrail_service"),
        }
    }
}

/// The statements, to be run by the owner of the schema after the migrations. They are idempotent; a later
/// version may grant more. The roles must exist.
#[must_use]
pub fn sql(roles: &Roles) -> String {
    script(roles, false)
}

/// As [`sql`], with statements that create the roles that do not exist: with LOGIN and without a password.
/// To be run by a role with CREATEROLE.
#[must_use]
pub fn sql_with_roles(roles: &Roles) -> String {
    script(roles, true)
}

fn script(roles: &Roles, create_roles: bool) -> String {
    let mut out = String::from(HEADER);
    let Roles { writer, reader, service } = roles;
    for (role, purpose, privileges) in
        [(writer, WRITER, &WRITE[..]), (reader, READER, &READ), (service, SERVICE, &SERVE)]
    {
        let Some(role) = role else {
            continue;
        };
        let name = role;
        let role = role.quoted();
        out.push_str(&format!("\n-- {purpose}\n"));
        if create_roles {
            out.push_str(&create_role(name));
        } else {
            out.push_str(&format!("-- create role {role} login;\n"));
        }
        if privileges.iter().any(|privilege| privilege.starts_with("insert (")) {
            // An earlier version granted INSERT on the table, which includes xact_id and recorded_by.
            out.push_str(&format!("revoke insert on control_plane.audit_logs from {role};\n"));
        }
        for privilege in privileges {
            out.push_str(&format!("grant {privilege} to {role};\n"));
        }
    }
    out.push_str("\ncommit;\n");
    out
}

/// A statement that creates a role if there is none of the name: CREATE ROLE has no IF NOT EXISTS.
fn create_role(role: &RoleName) -> String {
    let literal = format!("'{}'", role.as_str().replace('\'', "''"));
    // A quote that the name cannot end.
    let tag = (0..).map(|n| format!("$create_role_{n}$")).find(|tag| !role.as_str().contains(tag));
    let tag = tag.unwrap_or_default();
    format!(
        "do {tag} begin
    if not exists (select from pg_catalog.pg_roles where rolname = {literal}) then
        create role {} login;
    end if;
end {tag};\n",
        role.quoted()
    )
}

const HEADER: &str = "\
-- Run this as the role that owns the schema control_plane: the one that runs `auditrail migrate`. That
-- role needs CREATE on the database and none of these privileges; nothing else should connect as it.
-- This script can be run again, which is necessary when a later version grants other privileges.

begin;

-- The trigger runs with the privileges of its owner: a role that attaches it could write any record. The
-- migration revokes this as well, but a restore without privileges (pg_restore -x) loses it.
revoke execute on function control_plane.record_row_change(),
    control_plane.audit_table(regclass, text, text[], text[], text, boolean),
    control_plane.stop_audit_table(regclass) from public;
";

const WRITER: &str =
    "Writes records, and reads them to distinguish a repeated write from a conflict. No keys.";
const WRITE: [&str; 6] =
    [USAGE, "select on control_plane.audit_logs", SEARCH, INSERT_OWN, FUNCTIONS, HISTORY];

const READER: &str = "Reads records and their order. No keys.";
const READ: [&str; 11] = [
    USAGE,
    "select on control_plane.audit_logs",
    SEARCH,
    CHANGES,
    "select on control_plane.audit_log_sequencer",
    "select on control_plane.audit_log_entries",
    "select on control_plane.audit_log_text_index",
    "select on control_plane.audit_log_text_blocks",
    TREE,
    HISTORY,
    RETENTION,
];

const SERVICE: &str = "The service: writes, reads, sequences and seals records; looks up, creates and revokes keys; sets and \
     removes rules of retention.";
const SERVE: [&str; 22] = [
    USAGE,
    "select on control_plane.audit_logs",
    SEARCH,
    INSERT,
    FUNCTIONS,
    "select, insert on control_plane.audit_api_keys",
    "update (revoked_at) on control_plane.audit_api_keys",
    "select, update on control_plane.audit_log_sequencer",
    "select, insert on control_plane.audit_log_entries",
    "select, update on control_plane.audit_log_text_index",
    "select, insert on control_plane.audit_log_text_blocks",
    TREE,
    "update on control_plane.audit_log_tree",
    "insert, update on control_plane.audit_log_bundles, control_plane.audit_log_tiles",
    "select, insert, update on control_plane.audit_log_record_keys",
    "insert on control_plane.audit_log_verifier_keys",
    "insert, update, delete on control_plane.audit_log_checkpoints",
    "select, insert, update on control_plane.audit_log_holds",
    "select on control_plane.audit_log_erasures, control_plane.audit_log_erased_records",
    HISTORY,
    RETENTION,
    "insert, update, delete on control_plane.audit_log_retention_rules",
];

/// Every column but `xact_id`, which the database fills in: a writer that chooses it could place its record
/// in the transaction of another.
const INSERT: &str = concat!("insert (", column_list!(), ") on control_plane.audit_logs");
/// As [`INSERT`] without the writer of the record, whose default is the role itself.
const INSERT_OWN: &str = concat!("insert (", own_column_list!(), ") on control_plane.audit_logs");
/// The function that searches use.
const SEARCH: &str = "execute on function control_plane.audit_intent_is_open(uuid, text)";
const CHANGES: &str = "execute on function control_plane.changes_without_intent(timestamptz)";
const USAGE: &str = "usage on schema control_plane";
/// The functions that a writer calls in its own transactions. PUBLIC has this privilege by default, but
/// many databases revoke it.
const FUNCTIONS: &str = "execute on function control_plane.record_audit_log(jsonb), \
                         control_plane.audit_log_problems(jsonb), \
                         control_plane.audit_log_time(text), \
                         control_plane.audit_log_address(text), \
                         control_plane.audit_context(jsonb)";
/// To show the rules of retention and what its runs removed.
const RETENTION: &str = "select on control_plane.audit_log_retention_rules, \
                         control_plane.audit_log_retention_runs, \
                         control_plane.audit_log_retention_removals";
/// What the transparency log shows of records: no fields, and not the keys of records.
const TREE: &str = "select on control_plane.audit_log_tree, \
                    control_plane.audit_log_bundles, \
                    control_plane.audit_log_tiles, \
                    control_plane.audit_log_verifier_keys, \
                    control_plane.audit_log_checkpoints";
/// To compare the version of the schema with the program.
const HISTORY: &str = "select on control_plane.schema_migrations";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_quoted() {
        let reader = Some(r#"a"; drop role b; --"#.parse().unwrap());
        let sql = sql(&Roles { reader, ..Roles::default() });
        assert!(sql.contains(r#"to "a""; drop role b; --";"#), "{sql}");
        assert_eq!(sql.matches("\ngrant ").count(), READ.len());
    }

    #[test]
    fn names_of_other_roles_are_rejected() {
        let long = "r".repeat(64);
        for wrong in ["", "public", "none", "a\nb", "a\0b", &long] {
            assert!(wrong.parse::<RoleName>().is_err(), "{wrong:?}");
        }
        for right in ["Public", "auditrail-writer", &long[1..]] {
            assert_eq!(right.parse::<RoleName>().unwrap().as_str(), right);
        }
    }

    #[test]
    fn missing_roles_get_no_grants() {
        assert!(!sql(&Roles::default()).contains("\ngrant "));
        let sql = sql(&Roles::usual());
        assert_eq!(sql.matches("\ngrant ").count(), WRITE.len() + READ.len() + SERVE.len());
    }

    #[test]
    fn writers_cannot_choose_the_transaction_id() {
        let sql = sql(&Roles::usual());
        assert_eq!(sql.matches("\ngrant insert (id, actor_id, ").count(), 2, "{sql}");
        assert!(!sql.contains("xact_id"), "{sql}");
    }
}
