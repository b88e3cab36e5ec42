//! The settings of retention.

use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::resolver::{PrivatePath, Resolver, Scalar};

/// Resolved settings of the removal of expired records.
pub(crate) struct RetentionSettings {
    /// Whether this server may remove expired records. Without rules none expires.
    pub(crate) is_enabled: bool,
    /// Where records are archived before they are removed; `None` removes them without.
    pub(crate) archive_dir: Option<PathBuf>,
}

/// The archive directory in the flags and in the configuration file.
pub(super) struct ArchiveDirSources<'a> {
    pub(super) flag: Option<&'a Path>,
    pub(super) file: Option<&'a Path>,
    /// The path of the configuration file, unless the user named it: such a file must not say where records are
    /// copied to.
    pub(super) found_file: Option<&'a Path>,
}

impl RetentionSettings {
    /// `enabled` is the switch in the configuration file.
    pub(super) fn resolve(
        r: &mut Resolver<'_>,
        enabled: Option<&Scalar>,
        archive_dir: &ArchiveDirSources<'_>,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            is_enabled: r.setting(
                "server.retention",
                "AUDITRAIL_RETENTION",
                None,
                enabled,
                true,
            )?,
            archive_dir: archive_dir.resolve(r)?,
        })
    }
}

impl ArchiveDirSources<'_> {
    /// The archive directory, of `serve` and of `retention run`.
    pub(super) fn resolve(&self, r: &mut Resolver<'_>) -> Result<Option<PathBuf>, ConfigError> {
        let Self { flag, file, found_file } = *self;
        r.private_path(&PrivatePath {
            key: "server.archive_dir",
            env: "AUDITRAIL_ARCHIVE_DIR",
            flag_name: "--archive-dir",
            flag,
            file,
            found_file,
        })
    }
}
