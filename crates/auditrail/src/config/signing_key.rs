//! Where the key is that signs checkpoints.

use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::resolver::{PrivatePath, Resolver};

/// The file of the key in the flags and in the configuration file.
pub(super) struct SigningKeySources<'a> {
    pub(super) flag: Option<&'a Path>,
    pub(super) file: Option<&'a Path>,
    /// The path of the configuration file, unless the user named it: such a file must not say what signs.
    pub(super) found_file: Option<&'a Path>,
}

impl SigningKeySources<'_> {
    /// The file, of `serve` and of `log-key`.
    pub(super) fn resolve(&self, r: &mut Resolver<'_>) -> Result<Option<PathBuf>, ConfigError> {
        let Self { flag, file, found_file } = *self;
        r.private_path(&PrivatePath {
            key: "server.signing_key_file",
            env: "AUDITRAIL_SIGNING_KEY_FILE",
            flag_name: "--signing-key-file",
            flag,
            file,
            found_file,
        })
    }
}
