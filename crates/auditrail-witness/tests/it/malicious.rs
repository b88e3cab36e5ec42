//! The client against servers that are not an honest witness.

use std::time::Duration;

use auditrail_witness::WitnessError;
use tlog::{NoteError, NoteSignature, SignatureError, SignedNote, SigningKey};

use crate::fake::Fake;
use crate::support::{LONG, Log, witness_key};

const SIZE: &str = "content-type: text/x.tlog.size\r\n";

/// The error of asking a server for a cosignature of a checkpoint of size 7.
async fn error_of(fake: &Fake) -> WitnessError {
    let log = Log::new("entry", 7);
    let (client, checkpoint) = (fake.client(LONG), log.checkpoint(7));
    let asked = client.cosign(&checkpoint, &log);
    let result = tokio::time::timeout(LONG, asked).await.expect("the client hangs");
    result.expect_err("the response is accepted")
}

/// The error for a response with status 200 and this body.
async fn error_of_body(body: &str) -> WitnessError {
    error_of(&Fake::with_status("200 OK", "", body).await).await
}

fn line(key: &SigningKey, note: &SignedNote, time: u64) -> String {
    NoteSignature::new(key, note.text(), time).to_string()
}

#[tokio::test]
async fn wrong_signatures_are_refused() {
    let log = Log::new("entry", 7);
    let (checkpoint, other) = (log.checkpoint(7), log.checkpoint(6));
    let key = witness_key(9);
    let good = line(&key, &checkpoint, 5);
    // Of another checkpoint, beside a valid one too.
    let of_another = line(&key, &other, 5);
    for body in [of_another.clone(), format!("{good}{of_another}")] {
        let error = error_of_body(&body).await;
        let is_invalid = matches!(error, WitnessError::Signature(SignatureError::Invalid { .. }));
        assert!(is_invalid, "{error:?}");
    }
    // By another key, and by none.
    for body in [line(&witness_key(8), &checkpoint, 5), String::new()] {
        let error = error_of_body(&body).await;
        let is_missing = matches!(error, WitnessError::Signature(SignatureError::Missing { .. }));
        assert!(is_missing, "{error:?}");
    }
    // Without a time, or with one that no clock shows.
    let error = error_of_body(&line(&key, &checkpoint, 0)).await;
    assert!(matches!(error, WitnessError::NoTime), "{error:?}");
    let error = error_of_body(&line(&key, &checkpoint, u64::MAX)).await;
    assert!(matches!(error, WitnessError::Signature(_)), "{error:?}");
    // Other lines.
    for body in ["nonsense\n", &good[..good.len() - 1], &format!("{good}\n"), &good.repeat(101)] {
        let error = error_of_body(body).await;
        let is_lines = matches!(
            error,
            WitnessError::Lines(NoteError::Signature { .. } | NoteError::TooManySignatures)
        );
        assert!(is_lines, "{error:?}");
    }
}

#[tokio::test]
async fn latest_cosignature_counts_and_unknown_keys_do_not() {
    let log = Log::new("entry", 7);
    let checkpoint = log.checkpoint(7);
    let line = |seed, time| line(&witness_key(seed), &checkpoint, time);
    let body = [line(8, 1), line(9, 5), line(9, 7), line(9, 6)].concat();
    let fake = Fake::with_status("200 OK", "", &body).await;
    let cosigned = fake.client(LONG).cosign(&checkpoint, &log).await.unwrap();
    let found: Vec<(u64, String)> =
        cosigned.iter().map(|one| (one.time, one.signature.to_string())).collect();
    assert_eq!(found, [(7, line(9, 7))]);
}

#[tokio::test]
async fn large_responses_are_cut_off() {
    let unlimited = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let chunk = b"10\r\nxxxxxxxxxxxxxxxx\r\n";
    let error = error_of(&Fake::start(unlimited, Some(chunk)).await).await;
    assert!(matches!(error, WitnessError::Unexpected { .. }), "{error:?}");
    let announced = b"HTTP/1.1 409 Conflict\r\ncontent-length: 999999999999\r\n\r\n".to_vec();
    let error = error_of(&Fake::start(announced, Some(b"7")).await).await;
    assert!(matches!(error, WitnessError::Unexpected { .. }), "{error:?}");
    let headers = Fake::start(b"HTTP/1.1 200 OK\r\n".to_vec(), Some(b"x: y\r\n")).await;
    let error = error_of(&headers).await;
    assert!(matches!(error, WitnessError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn redirect_is_not_followed() {
    let target = Fake::with_status("200 OK", "", "").await;
    let location = format!("location: http://{}/add-checkpoint\r\n", target.address);
    for status in ["302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let error = error_of(&Fake::with_status(status, &location, "").await).await;
        assert!(matches!(error, WitnessError::Refused { status: 302..=308, .. }), "{error:?}");
    }
    assert_eq!(target.requests(), 0);
}

#[tokio::test]
async fn silent_server_is_left_after_the_timeout() {
    let log = Log::new("entry", 7);
    let timeout = Duration::from_millis(100);
    let mut dripping = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n".to_vec();
    dripping.extend_from_slice("\u{2014} ".as_bytes());
    for response in [Vec::new(), dripping] {
        let fake = Fake::start(response.clone(), None).await;
        let result = fake.client(timeout).cosign(&log.checkpoint(7), &log).await;
        // A connection that is closed before the end of the body is no response either.
        let is_none =
            matches!(result, Err(WitnessError::Timeout { .. } | WitnessError::Unreachable { .. }));
        assert!(is_none, "{result:?}");
    }
}

#[tokio::test]
async fn sizes_that_lead_nowhere_end() {
    // Larger than the log.
    let fake = Fake::with_status("409 Conflict", SIZE, "9223372036854775807\n").await;
    let error = error_of(&fake).await;
    assert!(matches!(error, WitnessError::Ahead { size: 7, .. }), "{error:?}");
    // The same after a proof from there, and the one of the request.
    for (size, requests) in [("3\n", 2), ("0\n", 1)] {
        let fake = Fake::with_status("409 Conflict", SIZE, size).await;
        let error = error_of(&fake).await;
        assert!(matches!(error, WitnessError::Unexpected { .. }), "{error:?}");
        assert_eq!(fake.requests(), requests);
    }
    // Not a size.
    for body in ["", "x\n", "7", "-1\n"] {
        let error = error_of(&Fake::with_status("409 Conflict", SIZE, body).await).await;
        assert!(matches!(error, WitnessError::Unexpected { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn errors_show_no_control_characters() {
    let error = error_of(&Fake::with_status("403 Forbidden", "", "\x1b[2Jno\r\n").await).await;
    let text = error.to_string();
    assert_eq!(text, "the witness has refused the checkpoint with status 403: \\u{1b}[2Jno");
}
