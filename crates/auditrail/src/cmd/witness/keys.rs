//! The keys in files and arguments.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use tlog::{SigningKey, VerifierKey};

use crate::cli::WitnessServeArgs;
use crate::error::Error;

/// Most bytes of a key file: a key has some hundred.
const KEY_MAX: u64 = 4 * 1024;
/// Most bytes of a list of logs: ten thousand keys.
const LIST_MAX: u64 = 1024 * 1024;
/// The permissions of users other than the owner.
const OTHERS: u32 = 0o077;

/// The secret key in a file that only its owner can read.
pub(super) fn secret(path: &Path) -> Result<SigningKey, Error> {
    let mut file = File::open(path).map_err(Error::io("read the key file", path))?;
    let mode = file.metadata().map_err(Error::io("read the key file", path))?.mode();
    if mode & OTHERS != 0 {
        return Err(Error::Failed {
            code: "key_file_exposed",
            detail: format!("other users can read the key file {}", path.display()),
            source: None,
            hint: Some("run `chmod 600` on it; if others may have read it, create a new key"),
        });
    }
    let text = read(&mut file, KEY_MAX).map_err(Error::io("read the key file", path))?;
    let line = text.trim_end_matches(['\n', '\r']);
    SigningKey::from_secret_text(line).map_err(|error| Error::Failed {
        code: "bad_key",
        detail: format!("{} has no key of a witness", path.display()),
        source: Some(error.into()),
        hint: Some("create one with `auditrail witness create-key`"),
    })
}

/// The keys of `--log` and of the lines of `--log-file`.
pub(super) fn logs(args: &WitnessServeArgs) -> Result<Vec<VerifierKey>, Error> {
    let mut keys = Vec::new();
    for text in &args.logs {
        keys.push(parse(text, "--log")?);
    }
    let Some(path) = &args.log_file else { return Ok(keys) };
    let list = File::open(path).and_then(|mut file| read(&mut file, LIST_MAX));
    let list = list.map_err(Error::io("read the list of logs", path))?;
    for (number, line) in (1..).zip(list.lines().map(str::trim)) {
        if !line.is_empty() && !line.starts_with('#') {
            keys.push(parse(line, &format!("{}, line {number}", path.display()))?);
        }
    }
    Ok(keys)
}

fn parse(text: &str, place: &str) -> Result<VerifierKey, Error> {
    text.parse().map_err(|error| Error::Usage(format!("{place}: {error}")))
}

fn read(file: &mut File, max: u64) -> io::Result<String> {
    let mut text = String::new();
    let length = file.take(max + 1).read_to_string(&mut text)?;
    if length as u64 > max {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {max} bytes"),
        ));
    }
    Ok(text)
}
