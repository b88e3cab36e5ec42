//! Directories of the checkout, and what `cargo metadata` says about it.

use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand};

use crate::error::{Error, Result};
use crate::sh::Sh;

/// The checkout this program belongs to.
#[derive(Debug)]
pub struct Workspace {
    metadata: Metadata,
}

impl Workspace {
    /// Runs `cargo metadata`.
    pub fn load() -> Result<Self> {
        // `cargo run` sets the variable; the compiled-in path serves a binary started by hand.
        let dir = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let metadata = MetadataCommand::new().current_dir(dir).no_deps().exec();
        Ok(Self { metadata: metadata.map_err(Error::Metadata)? })
    }

    /// The packages of the workspace.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The root of the checkout.
    pub fn root(&self) -> &Path {
        self.metadata.workspace_root.as_std_path()
    }

    /// The build directory; all generated files go below it.
    pub fn target(&self) -> &Path {
        self.metadata.target_directory.as_std_path()
    }

    /// The directory of installed tools.
    pub fn tools(&self) -> PathBuf {
        self.target().join("tools")
    }

    /// Files that are committed or would be, relative to the root.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let list = Sh::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .dir(self.root())
            .read()?;
        let paths = list.split_terminator('\0').map(PathBuf::from);
        Ok(paths.filter(|path| self.root().join(path).is_file()).collect())
    }
}
