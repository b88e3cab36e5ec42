//! The configuration file, `auditrail.toml`.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::ConfigError;
use super::found;
use super::resolver::Scalar;
use super::server::ServerTable;

/// The name of the file in errors.
const NAME: &str = "the configuration file";

/// The contents of `auditrail.toml`. Relative paths are resolved against the file's directory.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigFile {
    pub(super) database_url: Option<String>,
    pub(super) database_url_file: Option<PathBuf>,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) pg_bin: Option<PathBuf>,
    pub(super) lock_timeout: Option<Scalar>,
    #[serde(default)]
    pub(super) server: ServerTable,
}

impl ConfigFile {
    /// Reads the file that the user named.
    pub(super) fn read_named(path: &Path) -> Result<Self, ConfigError> {
        let text = File::open(path).and_then(found::read_bounded).map_err(|source| {
            ConfigError::Unreadable { name: NAME, path: path.to_owned(), source }
        })?;
        Self::parse(&text, path)
    }

    /// Reads the file at `path`, in the working directory or named by a file there; `None` if it does not exist.
    ///
    /// # Errors
    /// Also if another user could have written it.
    pub(super) fn read_found(path: &Path) -> Result<Option<Self>, ConfigError> {
        let text = found::read(path, NAME)?;
        text.map(|text| Self::parse(&text, path)).transpose()
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let mut file: Self = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let before = text.get(..start).unwrap_or_default();
            ConfigError::Toml {
                path: path.to_owned(),
                line: before.matches('\n').count() + 1,
                detail: error.message().trim_end().replace('\n', "; "),
            }
        })?;
        let base = path.parent().unwrap_or(Path::new(""));
        let ConfigFile { database_url_file, data_dir, pg_bin, server, .. } = &mut file;
        for path in [
            database_url_file,
            data_dir,
            pg_bin,
            &mut server.cursor_key_file,
            &mut server.maintenance_database_url_file,
            &mut server.archive_dir,
            &mut server.signing_key_file,
        ] {
            *path = path.take().map(|path| base.join(path));
        }
        Ok(file)
    }
}
