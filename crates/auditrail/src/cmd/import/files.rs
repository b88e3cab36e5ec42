//! The list of input files: arguments, lists of paths, and directories.

mod walk;

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::input::{BYTE_ORDER_MARK, STDIN};
use crate::cli::ImportArgs;
use crate::error::Error;

/// The input files, checked.
#[derive(Debug, Default)]
pub(super) struct InputFiles {
    /// In the order of the arguments; the files of a directory are sorted by name.
    pub(super) paths: Vec<PathBuf>,
    /// Their total size, if all are regular files.
    pub(super) bytes: Option<u64>,
    /// What was left out, for the user.
    pub(super) notes: Vec<String>,
    seen: HashSet<(u64, u64)>,
    skipped: u64,
}

impl InputFiles {
    /// Collects the files and checks that each can be opened, before anything is written.
    ///
    /// # Errors
    /// When a file, list or directory cannot be read, or stdin is named twice.
    pub(super) fn collect(args: &ImportArgs) -> Result<Self, Error> {
        let mut files = Self { bytes: Some(0), ..Self::default() };
        let is_stdin = |path: &Path| path.as_os_str() == STDIN;
        let uses = args.files.iter().chain(&args.files_from).filter(|path| is_stdin(path)).count();
        if uses > 1 {
            return Err(Error::Usage("- (stdin) can be read only once".to_owned()));
        }
        check_rejects(args)?;
        for path in &args.files {
            if is_stdin(path) {
                files.bytes = None;
                files.paths.push(path.clone());
            } else {
                files.add(path, args.recursive)?;
            }
        }
        if let Some(list) = &args.files_from {
            for path in listed(list)? {
                files.add(&path, args.recursive)?;
            }
        }
        files.finish(args)
    }

    fn finish(mut self, args: &ImportArgs) -> Result<Self, Error> {
        if self.skipped > 0 {
            let skipped = self.skipped;
            self.notes.push(format!("{skipped} hidden or special files were skipped"));
        }
        if self.paths.is_empty() {
            let text = if args.recursive {
                "the directories contain no files"
            } else {
                "the list of files is empty"
            };
            self.notes.push(text.to_owned());
        }
        Ok(self)
    }

    /// Adds a file, or with `recursive` the files of a directory.
    fn add(&mut self, path: &Path, recursive: bool) -> Result<(), Error> {
        let metadata = fs::metadata(path).map_err(Error::io("read", path))?;
        if !metadata.is_dir() {
            return self.add_file(path, &metadata);
        }
        if !recursive {
            let text = "is a directory; --recursive imports the files in it";
            let error = io::Error::new(io::ErrorKind::IsADirectory, text);
            return Err(Error::io("read", path)(error));
        }
        let found = walk::files(path).map_err(|(path, error)| Error::io("read", &path)(error))?;
        self.skipped += found.skipped;
        for (path, metadata) in found.files {
            self.add_file(&path, &metadata)?;
        }
        Ok(())
    }

    /// Adds a file unless the same one was added before, by whatever path: its lines would be taken for
    /// different ones.
    fn add_file(&mut self, path: &Path, metadata: &Metadata) -> Result<(), Error> {
        // Pipes and the like are not opened, because their writer would take that for the start of the
        // import.
        if metadata.is_file() {
            File::open(path).map_err(Error::io("read", path))?;
            if !self.seen.insert((metadata.dev(), metadata.ino())) {
                let path = path.display();
                self.notes.push(format!("{path} is in the list of files already; it is read once"));
                return Ok(());
            }
            self.bytes = self.bytes.map(|bytes| bytes + metadata.len());
        } else {
            self.bytes = None;
        }
        self.paths.push(path.to_owned());
        Ok(())
    }
}

/// Refuses to write rejected records into a directory that is imported: a corrected line would be in two of its
/// files then, and be imported twice.
fn check_rejects(args: &ImportArgs) -> Result<(), Error> {
    let Some(rejects) = args.rejects.as_deref().filter(|_| args.recursive) else {
        return Ok(());
    };
    let parent = rejects.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = fs::canonicalize(parent.unwrap_or(Path::new(".")));
    let parent = parent.map_err(Error::io("write to", rejects))?;
    let is_inside = |input: &PathBuf| {
        fs::canonicalize(input).is_ok_and(|input| input.is_dir() && parent.starts_with(input))
    };
    match args.files.iter().find(|input| is_inside(input)) {
        Some(input) => {
            let (rejects, input) = (rejects.display(), input.display());
            let text =
                format!("{rejects} is in {input}, which is imported; choose another directory");
            Err(Error::Usage(text))
        }
        None => Ok(()),
    }
}

/// The paths in a list: separated by NUL if it contains one, else one per line.
fn listed(list: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut bytes = Vec::new();
    let read = if list.as_os_str() == STDIN {
        io::stdin().read_to_end(&mut bytes)
    } else {
        File::open(list).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map_err(Error::io("read", list))?;
    Ok(paths(&bytes))
}

fn paths(list: &[u8]) -> Vec<PathBuf> {
    let list = list.strip_prefix(BYTE_ORDER_MARK).unwrap_or(list);
    let separator = if list.contains(&0) { 0 } else { b'\n' };
    let entries = list.split(|byte| *byte == separator).map(|entry| {
        let is_line = separator == b'\n';
        entry.strip_suffix(b"\r").filter(|_| is_line).unwrap_or(entry)
    });
    entries
        .filter(|entry| !entry.is_empty())
        .map(|entry| {
            let path = PathBuf::from(OsString::from_vec(entry.to_vec()));
            // In a list, - is the name of a file.
            if path.as_os_str() == STDIN { Path::new(".").join(path) } else { path }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_separated_by_nul_or_line() {
        let of = |list: &[u8]| paths(list).into_iter().map(|path| path.display().to_string());
        let read = |list: &[u8]| of(list).collect::<Vec<_>>();
        assert_eq!(read(b"\xef\xbb\xbfa b\r\n\nc\n-"), ["a b", "c", "./-"]);
        assert_eq!(read(b"a\nb\0c\0"), ["a\nb", "c"]);
        assert_eq!(read(b""), Vec::<String>::new());
    }
}
