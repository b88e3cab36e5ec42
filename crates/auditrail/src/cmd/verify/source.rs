//! Where a log is read from: a directory or a URL with the paths of <https://c2sp.org/tlog-tiles>.
//!
//! Nothing that is read is trusted, so each resource has a maximum size.

mod directory;
mod http;

use tlog::{Hash, Resource, TilePath, bundle};

use super::input::invalid;
use crate::cli::HttpArgs;
use crate::error::Error;
use directory::Directory;
use http::Http;

/// The largest checkpoint, in bytes; the parser of notes refuses a longer one.
const CHECKPOINT_MAX: usize = 256 * 1024;
/// The largest bundle, in bytes. 256 entries take 20 KB, and longer ones are not entries of audit records.
const BUNDLE_MAX: usize = 64 * 1024;

/// A source of checkpoints, tiles and entries.
pub(super) struct Source {
    name: String,
    place: Place,
}

enum Place {
    Directory(Directory),
    Http(Box<Http>),
}

/// Entries, and their hashes as the source has them.
pub(super) struct Part {
    /// The tile of entries.
    pub(super) path: TilePath,
    /// As many entries as the tile is wide.
    pub(super) entries: Vec<Vec<u8>>,
    /// The tile of level 0 with the same index, and the same number of hashes.
    pub(super) hashes: Vec<Hash>,
}

impl Source {
    /// A URL if it begins with `http://` or `https://`, else a directory. Connects only when read.
    pub(super) fn open(name: &str, http: &HttpArgs) -> Result<Self, Error> {
        let place = if name.starts_with("http://") || name.starts_with("https://") {
            Place::Http(Box::new(Http::new(name, http)?))
        } else if http.api_key_file.is_some() {
            let detail = format!("--api-key-file is for an http(s) URL, and {name} is not one");
            return Err(Error::Usage(detail));
        } else {
            Place::Directory(Directory::open(name.as_ref())?)
        };
        Ok(Self { name: name.to_owned(), place })
    }

    /// As the arguments have it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The bytes of the checkpoint. Without one the source is not that of a log, so it is not an invalid one.
    pub(super) async fn checkpoint(&self) -> Result<Vec<u8>, Error> {
        let bytes = self.read("checkpoint", CHECKPOINT_MAX).await?;
        bytes.ok_or_else(|| Error::Failed {
            code: "no_log",
            detail: format!("{} has no `checkpoint`", self.name),
            source: None,
            hint: Some("name the directory or URL that has `checkpoint` and `tile`; that of a service ends in /v1/log"),
        })
    }

    /// Entries with their hashes, neither of which is verified. `path` is a tile of entries.
    pub(super) async fn part(&self, path: TilePath) -> Result<Part, Error> {
        let hashes = TilePath::in_tree(Resource::Hashes(0), path.index(), path.size_min());
        let hashes = match hashes {
            Some(path) => self.hashes(path).await?,
            None => Vec::new(),
        };
        Ok(Part { path, entries: self.entries(path).await?, hashes })
    }

    async fn entries(&self, path: TilePath) -> Result<Vec<Vec<u8>>, Error> {
        let (stored, bytes) = self.tile(path, |_| BUNDLE_MAX).await?;
        let entries: Result<Vec<Vec<u8>>, _> =
            bundle::entries(&bytes).map(|entry| entry.map(<[u8]>::to_vec)).collect();
        let mut entries =
            entries.map_err(|error| invalid(format!("{stored} of {}: {error}", self.name)))?;
        let (found, width) = (entries.len(), stored.width());
        if found != width {
            let name = &self.name;
            return Err(invalid(format!("{stored} of {name} has {found} entries, not {width}")));
        }
        entries.truncate(path.width());
        Ok(entries)
    }

    /// The hashes of a tile, which are not verified.
    pub(super) async fn hashes(&self, path: TilePath) -> Result<Vec<Hash>, Error> {
        let length = |path: TilePath| path.width() * Hash::BYTES;
        let (stored, bytes) = self.tile(path, length).await?;
        let mut hashes = stored.hashes(&bytes).ok_or_else(|| {
            invalid(format!(
                "{stored} of {} has {} bytes; its {} hashes take {}",
                self.name,
                bytes.len(),
                stored.width(),
                length(stored)
            ))
        })?;
        hashes.truncate(path.width());
        Ok(hashes)
    }

    /// The bytes of a tile. Where the source has no partial tile any more, because the log has grown, the full one
    /// serves in its place.
    async fn tile(
        &self,
        path: TilePath,
        max: impl Fn(TilePath) -> usize,
    ) -> Result<(TilePath, Vec<u8>), Error> {
        let full = TilePath::full(path.resource(), path.index());
        let bytes = self.read(&path.to_string(), max(path)).await?;
        match bytes {
            Some(bytes) => return Ok((path, bytes)),
            None if !path.is_full() => {
                if let Some(bytes) = self.read(&full.to_string(), max(full)).await? {
                    return Ok((full, bytes));
                }
            }
            None => {}
        }
        let name = &self.name;
        Err(invalid(format!("{path} is missing in {name}, so the log is not complete")))
    }

    /// A resource of at most `max` bytes; `None` if the source does not have it.
    async fn read(&self, path: &str, max: usize) -> Result<Option<Vec<u8>>, Error> {
        let bytes = match &self.place {
            Place::Directory(directory) => directory.read(path, max),
            Place::Http(http) => http.read(path, max).await,
        }?;
        if bytes.as_ref().is_some_and(|bytes| bytes.len() > max) {
            return Err(invalid(format!(
                "{path} of {} is longer than the {max} bytes that it may have",
                self.name
            )));
        }
        Ok(bytes)
    }
}
