//! The settings of retention in `serve`.

use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::resolver::{PrivatePath, Resolver};
use super::server::ServerTable;
use crate::cli::ServeArgs;

/// Resolved settings of the removal of expired records.
pub(crate) struct RetentionSettings {
    /// Whether this server may remove expired records. Without rules none expires.
    pub(crate) is_enabled: bool,
    /// Where records are archived before they are removed; `None` removes them without.
    pub(crate) archive_dir: Option<PathBuf>,
}

impl RetentionSettings {
    /// `found_file` is the path of the configuration file, unless the user named it: such a file must not say where
    /// records are copied to.
    pub(super) fn resolve(
        r: &mut Resolver<'_>,
        args: &ServeArgs,
        file: &ServerTable,
        found_file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let given = file.retention.as_ref();
        Ok(Self {
            is_enabled: r.setting("server.retention", "AUDITRAIL_RETENTION", None, given, true)?,
            archive_dir: r.private_path(&PrivatePath {
                key: "server.archive_dir",
                env: "AUDITRAIL_ARCHIVE_DIR",
                flag_name: "--archive-dir",
                flag: args.archive_dir.as_deref(),
                file: file.archive_dir.as_deref(),
                found_file,
            })?,
        })
    }
}
