//! Who may do what: the rights of the roles that work with the audit log, as SQL to be read and run.
//!
//! Four kinds of roles, each with the least it needs:
//!
//! - The **migrator** owns the schema, because it made it: `auditrail migrate` runs as it, and so do
//!   retention and erasure. It needs CREATE on the database and no grant from here. Nothing that
//!   faces strangers should connect as it.
//! - A **writer** is an application that writes records in its own transactions, or a program such as
//!   `auditrail log` and `import`. It may insert records, and see them: a repeated write is told from
//!   a conflict by the record that is there. It cannot see keys.
//! - A **reader** asks in SQL, or with `auditrail query` and `export`. It cannot see keys.
//! - A **service** is `auditrail serve` and `auditrail key`. It may do what a writer may, find keys,
//!   make them and revoke them; it cannot change anything else of a key, or delete one.
//!
//! None may change or remove a record. None may attach the trigger that records changes of rows
//! either: it writes with the rights of the migrator, so who may attach it can write anything.

use std::str::FromStr;

use auditrail_core::ValueError;

/// Most bytes in the name of a role: PostgreSQL's NAMEDATALEN less one. It would cut a longer name,
/// and so grant to another role.
pub const ROLE_NAME_MAX_BYTES: usize = 63;

/// The name of a role. Printed as a quoted SQL identifier wherever it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleName(Box<str>);

impl RoleName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn quoted(&self) -> String {
        format!("\"{}\"", self.0.replace('"', "\"\""))
    }
}

impl FromStr for RoleName {
    type Err = ValueError;

    /// Refuses what would be another role than the one it names: text that is empty or longer than
    /// [`ROLE_NAME_MAX_BYTES`], `public` (everybody, quoted or not) and `none`, and control
    /// characters, which could end the comment above the statements.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() {
            return Err(ValueError::Empty);
        }
        let is_role = text.len() <= ROLE_NAME_MAX_BYTES
            && !matches!(text, "public" | "none")
            && !text.contains(char::is_control);
        match is_role {
            true => Ok(Self(text.into())),
            false => Err(ValueError::BadFormat {
                expected: "the name of one role, at most 63 bytes, such as auditrail_writer",
            }),
        }
    }
}

/// The roles to grant to; `None` grants nothing of that kind.
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

/// The statements, to be run by the owner of the schema after migrating. Running them again changes
/// nothing; a later version may have more to grant. The roles must be there.
#[must_use]
pub fn sql(roles: &Roles) -> String {
    let mut out = String::from(HEADER);
    let Roles { writer, reader, service } = roles;
    for (role, about, rights) in
        [(writer, WRITER, &WRITE[..]), (reader, READER, &READ), (service, SERVICE, &SERVE)]
    {
        let Some(role) = role else {
            continue;
        };
        let role = role.quoted();
        out.push_str(&format!("\n-- {about}\n-- create role {role} login;\n"));
        for right in rights {
            out.push_str(&format!("grant {right} to {role};\n"));
        }
    }
    out
}

const HEADER: &str = "\
-- Run this as the role that owns the schema control_plane: the one that runs `auditrail migrate`. That
-- role needs CREATE on the database and none of these rights; nothing else should connect as it.
-- Running this again is fine, and needed when a later version has more to grant.

-- Records changes of rows with the rights of its owner, so who may attach it can write anything. The
-- migration said the same; a restore without privileges (pg_restore -x) forgets it.
revoke execute on function control_plane.record_row_change(),
    control_plane.audit_table(regclass, text, text[], text[], text, boolean),
    control_plane.stop_audit_table(regclass) from public;
";

const WRITER: &str =
    "Writes records, and sees them, to tell a repeated write from a conflict. Sees no keys.";
const WRITE: [&str; 4] = [USAGE, "select, insert on control_plane.audit_logs", FUNCTIONS, HISTORY];

const READER: &str = "Reads records. Sees no keys.";
const READ: [&str; 3] = [USAGE, "select on control_plane.audit_logs", HISTORY];

const SERVICE: &str = "The service: writes and reads records, finds, makes and revokes keys.";
const SERVE: [&str; 6] = [
    USAGE,
    "select, insert on control_plane.audit_logs",
    FUNCTIONS,
    "select, insert on control_plane.audit_api_keys",
    "update (revoked_at) on control_plane.audit_api_keys",
    HISTORY,
];

const USAGE: &str = "usage on schema control_plane";
/// What a writer calls in its own transactions. Everybody may by default; databases where that was
/// taken away are not rare.
const FUNCTIONS: &str = "execute on function control_plane.record_audit_log(jsonb), \
                         control_plane.audit_log_problems(jsonb), \
                         control_plane.audit_log_time(text), \
                         control_plane.audit_log_address(text), \
                         control_plane.audit_context(jsonb)";
/// To see whether the schema is as new as the program.
const HISTORY: &str = "select on control_plane.schema_migrations";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_whatever_it_holds() {
        let reader = Some(r#"a"; drop role b; --"#.parse().unwrap());
        let sql = sql(&Roles { reader, ..Roles::default() });
        assert!(sql.contains(r#"to "a""; drop role b; --";"#), "{sql}");
        assert_eq!(sql.matches("\ngrant ").count(), 3);
    }

    #[test]
    fn a_name_that_would_mean_another_role_is_refused() {
        let long = "r".repeat(64);
        for wrong in ["", "public", "none", "a\nb", "a\0b", &long] {
            assert!(wrong.parse::<RoleName>().is_err(), "{wrong:?}");
        }
        for right in ["Public", "auditrail-writer", &long[1..]] {
            assert_eq!(right.parse::<RoleName>().unwrap().as_str(), right);
        }
    }

    #[test]
    fn roles_that_are_not_asked_for_get_nothing() {
        assert!(!sql(&Roles::default()).contains("\ngrant "));
        let sql = sql(&Roles::usual());
        assert_eq!(sql.matches("\ngrant ").count(), WRITE.len() + READ.len() + SERVE.len());
    }
}
