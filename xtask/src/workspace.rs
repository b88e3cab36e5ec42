//! Where things are, and what `cargo` knows about our crates.

use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand};

use crate::error::{Error, Result};
use crate::sh::Sh;

/// The checkout this program was started for.
#[derive(Debug)]
pub(crate) struct Workspace {
    metadata: Metadata,
}

impl Workspace {
    pub(crate) fn load() -> Result<Self> {
        // Cargo tells where the package is; built-in path otherwise, for a program run by hand.
        let here = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let metadata = MetadataCommand::new().current_dir(here).no_deps().exec();
        Ok(Self { metadata: metadata.map_err(Error::Metadata)? })
    }

    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    pub(crate) fn root(&self) -> &Path {
        self.metadata.workspace_root.as_std_path()
    }

    /// The build directory; everything we make goes below it.
    pub(crate) fn target(&self) -> &Path {
        self.metadata.target_directory.as_std_path()
    }

    /// Where tools are installed that the machine lacks.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target().join("tools")
    }

    /// Files that are or would be committed, relative to the root.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>> {
        let list = Sh::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .dir(self.root())
            .read()?;
        let paths = list.split_terminator('\0').map(PathBuf::from);
        Ok(paths.filter(|path| self.root().join(path).is_file()).collect())
    }
}
