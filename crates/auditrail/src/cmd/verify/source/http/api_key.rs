//! The API key for the URL of a log.

use std::env;
use std::path::Path;

use hyper::header::HeaderValue;

use crate::cli::HttpArgs;
use crate::cmd::verify::input;
use crate::error::Error;

/// The names that the clients of the service read too.
const KEY: &str = "AUDITRAIL_KEY";
const KEY_FILE: &str = "AUDITRAIL_KEY_FILE";
/// The longest key, in bytes. Keys of Auditrail are shorter; a proxy in front of the service may have its own.
const MAX_BYTES: usize = 256;

/// The header with the key of the file, else with that of the environment; `None` without a key. No message repeats it.
pub(super) fn header(args: &HttpArgs) -> Result<Option<HeaderValue>, Error> {
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let (text, place) = match (&args.api_key_file, variable(KEY), variable(KEY_FILE)) {
        (Some(file), ..) => from_file(file)?,
        (None, Some(_), Some(_)) => {
            return Err(Error::Usage(format!("both {KEY} and {KEY_FILE} are set; unset one")));
        }
        (None, Some(key), None) => (key, KEY.to_owned()),
        (None, None, Some(file)) => from_file(file.as_ref())?,
        (None, None, None) => return Ok(None),
    };
    let key = text.trim();
    let is_key = (1..=MAX_BYTES).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    let header = HeaderValue::from_str(&format!("Bearer {key}")).ok().filter(|_| is_key);
    let mut header = header.ok_or_else(|| {
        Error::Usage(format!(
            "{place} is not an API key: up to {MAX_BYTES} visible ASCII characters"
        ))
    })?;
    header.set_sensitive(true);
    Ok(Some(header))
}

/// The contents of a file, and its name for messages.
fn from_file(path: &Path) -> Result<(String, String), Error> {
    let bytes = input::read(path)?;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), format!("the content of {}", path.display())))
}
