//! `witness create-key`: creates the key of a witness.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use serde_json::json;
use tlog::KeyName;

use crate::cli::WitnessCreateKeyArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::output::file::temporary_beside;

/// Creates the file, and prints the verifier key.
pub(super) fn run(output: Output, args: &WitnessCreateKeyArgs) -> Result<Exit, Error> {
    let name: KeyName =
        args.name.parse().map_err(|error| Error::Usage(format!("--name: {error}")))?;
    let key = auditrail_witness::new_key(name).map_err(|error| {
        Error::failed("no_randomness", format!("no random bytes for a key: {error}"))
    })?;
    write_new(&args.output, &format!("{}\n", key.to_secret_text()))?;
    let file = args.output.display();
    output.note(&format!("created {file}; keep it secret, and do not use it in two places"));
    let verifier = key.verifier().to_string();
    if output.json {
        output.document(&json!({"key": verifier, "file": file.to_string()}))?;
    } else {
        output.line(&verifier)?;
    }
    Ok(Exit::Success)
}

/// Creates a file that only its owner can read, with its whole content or not at all.
fn write_new(path: &Path, text: &str) -> Result<(), Error> {
    let mut file = temporary_beside(path)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.as_file().sync_all())
        .map_err(Error::io("write to", path))?;
    match file.persist_noclobber(path) {
        Ok(_) => {}
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Error::exists(path, "choose another file; a key is never overwritten"));
        }
        Err(error) => return Err(Error::io("rename the temporary file to", path)(error.error)),
    }
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = File::open(dir.unwrap_or(Path::new(".")));
    dir.and_then(|dir| dir.sync_all()).map_err(Error::io("sync the directory of", path))
}
