//! What a witness responds.

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use tlog::{NoteSignature, SignatureError, SignedNote, VerifierKey};

use super::Cosigned;
use super::error::WitnessError;
use crate::known_size;

/// How much of a response is quoted in an error.
const EXCERPT_CHARS: usize = 200;

/// A response that the client goes on with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Response {
    /// Lines of signatures, of which none was verified yet.
    Cosigned(String),
    /// The size that the witness has cosigned last.
    OldSize(u64),
}

impl Response {
    pub(super) fn read(
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Self, WitnessError> {
        let is_size = headers.get(CONTENT_TYPE).is_some_and(|value| value == known_size::TYPE);
        match status {
            StatusCode::OK => match std::str::from_utf8(body) {
                Ok(text) => Ok(Self::Cosigned(text.to_owned())),
                Err(_) => Err(WitnessError::unexpected("the body is not UTF-8")),
            },
            StatusCode::CONFLICT if is_size => match known_size::parse(body) {
                Some(size) => Ok(Self::OldSize(size)),
                None => Err(WitnessError::unexpected(format!(
                    "a conflict without a size: {}",
                    excerpt(body)
                ))),
            },
            status => Err(WitnessError::Refused { status: status.as_u16(), detail: excerpt(body) }),
        }
    }
}

/// The verified cosignatures of a checkpoint, the latest one of each key. Lines of other keys are ignored; one of these
/// keys that is not valid refutes the response.
pub(super) fn verified(
    checkpoint: &SignedNote,
    lines: &str,
    keys: &[VerifierKey],
) -> Result<Vec<Cosigned>, WitnessError> {
    let lines = NoteSignature::parse_lines(lines).map_err(WitnessError::Lines)?;
    let mut cosignatures = Vec::new();
    for key in keys {
        let mut latest: Option<Cosigned> = None;
        for signature in lines.iter().filter(|signature| signature.is_by(key)) {
            let time = time(checkpoint, signature, key)?;
            if latest.as_ref().is_none_or(|latest| latest.time < time) {
                latest = Some(Cosigned { signature: signature.clone(), time });
            }
        }
        cosignatures.extend(latest);
    }
    if let ([], Some(key)) = (cosignatures.as_slice(), keys.first()) {
        let key = key.name().clone();
        return Err(WitnessError::Signature(SignatureError::Missing { key }));
    }
    Ok(cosignatures)
}

/// The time that a cosignature of this checkpoint states.
fn time(
    checkpoint: &SignedNote,
    signature: &NoteSignature,
    key: &VerifierKey,
) -> Result<u64, WitnessError> {
    let text = checkpoint.text().to_owned();
    let mut note = SignedNote::new(text).map_err(WitnessError::Lines)?;
    note.push(signature.clone());
    let verified = note.verify(key).map_err(WitnessError::Signature)?;
    verified.time.filter(|time| *time > 0).ok_or(WitnessError::NoTime)
}

fn excerpt(body: &[u8]) -> String {
    let begin = String::from_utf8_lossy(&body[..body.len().min(EXCERPT_CHARS * 4)]);
    begin.trim_end().chars().take(EXCERPT_CHARS).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tlog::{Algorithm, SigningKey};

    use super::*;

    fn read(status: u16, kind: &'static str, body: &[u8]) -> Result<Response, WitnessError> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind.parse().unwrap())]);
        Response::read(StatusCode::from_u16(status).unwrap(), &headers, body)
    }

    proptest! {
        /// No response panics, and none of strangers is a cosignature.
        #[test]
        fn responses_of_strangers_are_refused(
            status in prop::sample::select(vec![200_u16, 409, 500]),
            is_size in any::<bool>(),
            body in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..300),
                "(\u{2014} (witness\\.example|w) [A-Za-z0-9+/]{100}(AAAA|A=|==)?\n){0,3}"
                    .prop_map(String::into_bytes),
            ],
        ) {
            let kind = if is_size { known_size::TYPE } else { "text/plain" };
            if let Ok(Response::Cosigned(text)) = read(status, kind, &body) {
                let seed = [9; 32];
                let name = "witness.example".parse().unwrap();
                let key = SigningKey::from_seed(name, Algorithm::Cosignature, &seed).verifier();
                let checkpoint = SignedNote::new("log.example\n0\n\n".to_owned()).unwrap();
                prop_assert!(verified(&checkpoint, &text, &[key]).is_err());
            }
        }
    }

    #[test]
    fn other_statuses_are_refusals() {
        for status in [201, 204, 302, 400, 403, 404, 409, 422, 500] {
            let error = read(status, "text/plain", b"17\n").unwrap_err();
            let refused =
                matches!(error, WitnessError::Refused { status: found, .. } if found == status);
            assert!(refused, "{error}");
        }
    }

    #[test]
    fn excerpt_is_short_and_plain() {
        let body = [b"\x1b[2J\n".as_slice(), &[b'x'; 10_000]].concat();
        let text = excerpt(&body);
        assert!(text.starts_with("\\u{1b}[2J\\nx") && text.len() < 300, "{text}");
    }
}
