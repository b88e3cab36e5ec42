//! The signature of a checkpoint, verified by `openssl`.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::save;
use crate::error::{Error, Result};
use crate::sh::Sh;

/// The `SubjectPublicKeyInfo` of an Ed25519 key in DER, up to the key (RFC 8410).
const PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// The type of an Ed25519 key, before its bytes.
const ED25519: u8 = 1;

/// Fails unless `openssl` accepts the signature of the checkpoint, and refuses it for another text.
pub(super) fn verify(dir: &Path, checkpoint: &str, vkey: &str) -> Result<()> {
    let (text, signature) = parts(checkpoint).ok_or_else(|| refused("the checkpoint"))?;
    let key = key(vkey).ok_or_else(|| refused("the verifier key"))?;
    save(&dir.join("key.der"), &[&PREFIX[..], &key].concat())?;
    save(&dir.join("signature"), &signature)?;
    save(&dir.join("text"), text.as_bytes())?;
    let openssl = || {
        Sh::within("30", "openssl")
            .args([
                "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", "key.der",
            ])
            .args(["-sigfile", "signature", "-in", "text"])
            .dir(dir)
    };
    openssl().quietly()?;
    save(&dir.join("text"), text.replacen("600", "601", 1).as_bytes())?;
    if openssl().works() {
        return Err(Error::Refused("openssl accepts the signature of another text".into()));
    }
    Ok(())
}

/// The signed text of a note, and the 64 bytes of its only signature, which the id of the key precedes.
fn parts(note: &str) -> Option<(&str, Vec<u8>)> {
    let end = note.find("\n\n")?;
    let signature = note[end..].trim().rsplit(' ').next()?;
    let bytes = STANDARD.decode(signature).ok()?;
    let signature = bytes.get(4..).filter(|signature| signature.len() == 64)?;
    Some((&note[..=end], signature.to_vec()))
}

/// The 32 bytes of the key in `NAME+ID+KEY`.
fn key(vkey: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(vkey.splitn(3, '+').nth(2)?).ok()?;
    let key = bytes.strip_prefix(&[ED25519]).filter(|key| key.len() == 32)?;
    Some(key.to_vec())
}

fn refused(what: &str) -> Error {
    Error::Refused(format!("{what} of the example has another form than it should"))
}
