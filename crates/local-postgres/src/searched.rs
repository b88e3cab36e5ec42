//! The report of an unsuccessful search for PostgreSQL.

/// Installation instructions, part of [`Error::NotFound`].
pub(crate) const HOW_TO_INSTALL: &str = "Debian and Ubuntu `apt-get install postgresql`, \
    Fedora and RHEL `dnf install postgresql-server`, Alpine `apk add postgresql`, \
    macOS `brew install postgresql`";

/// A directory that was searched, and the result.
#[derive(Clone, Debug)]
pub struct SearchedDir {
    /// The directory, or a description of several.
    pub place: String,
    /// Why it was rejected, as the end of a sentence.
    pub outcome: String,
}

impl SearchedDir {
    pub(crate) fn list(searched: &[Self]) -> String {
        let lines: Vec<String> =
            searched.iter().map(|dir| format!("  {}: {}", dir.place, dir.outcome)).collect();
        lines.join("\n")
    }
}
