//! `/v1/log/...`: the transparency log as others read it.

use auditrail_core::{AuditLogService, OnInvalid, Scope};
use auditrail_evidence::ConsistencyDocument;
use serde_json::json;
use tlog::{Edge, FULL_WIDTH, Hash, Resource, TilePath, bundle, consistency, leaf_hash};

use super::openapi::{described, fits, names};
use crate::support::client::Answer;
use crate::support::db_keys::ServiceWithDbKeys;
use crate::support::service::{Service, input, record};
use crate::support::signed::{accepted, key, sign};

const CHECKPOINT: &str = "/v1/log/checkpoint";
const TILES: [&str; 4] = ["0/000", "0/002.p/88", "1/000.p/2", "entries/002.p/88"];

/// Writes records with these numbers and adds them to the log.
async fn write(service: &Service, numbers: std::ops::Range<u32>) {
    service.write(numbers.map(|number| record(number, Some("t1"))).collect()).await;
    service.db.sequence().await;
}

async fn get(service: &Service, path: &str) -> Answer {
    service.get(path).key("verify").send().await
}

async fn tile(service: &Service, path: TilePath) -> Answer {
    get(service, &format!("/v1/log/{path}")).await
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

#[tokio::test]
async fn checkpoint_is_that_of_the_policy() {
    let service = Service::start().await;
    let none = get(&service, CHECKPOINT).await;
    assert_eq!(none.problem(), (404, "no_checkpoint".to_owned()));
    let detail = none.json()["detail"].to_string();
    assert!(detail.contains("AUDITRAIL_SIGNING_KEY_FILE"), "{detail}");
    for size in [0, 3, 300] {
        write(&service, 0..size).await;
        let signed = sign(&service.db).await;
        let answer = get(&service, CHECKPOINT).await;
        assert_eq!(answer.status.as_u16(), 200);
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(answer.header("cache-control"), "no-cache");
        let checkpoint = accepted(&answer.body);
        assert_eq!((&checkpoint, checkpoint.size()), (&signed, size.into()));
    }
}

/// The tree is computed from the bundles alone, and then every tile is compared with it.
#[tokio::test]
async fn tiles_and_bundles_are_those_of_the_checkpoint() {
    let service = Service::start().await;
    write(&service, 0..600).await;
    let checkpoint = sign(&service.db).await;
    let size = checkpoint.size();
    let (mut edge, mut tiles, mut ids) = (Edge::new(), Vec::new(), Vec::new());
    for index in 0..size.div_ceil(256) {
        let path = TilePath::in_tree(Resource::Entries, index, size).unwrap();
        let answer = tile(&service, path).await;
        assert_eq!(answer.header("content-type"), "application/octet-stream");
        for entry in bundle::entries(&answer.body).map(Result::unwrap) {
            ids.push(entry["auditrail/entry/v1\n".len()..][..16].to_vec());
            edge.push(leaf_hash(entry), &mut |level, index, hashes| {
                tiles.push((TilePath::full(Resource::Hashes(level), index), hashes.to_vec()));
            });
        }
    }
    for level in 0..edge.levels() {
        let index = size >> (8 * (level + 1));
        let resource = Resource::Hashes(u8::try_from(level).unwrap());
        tiles.push((TilePath::in_tree(resource, index, size).unwrap(), edge.level(level).to_vec()));
    }
    assert_eq!(edge.root(), *checkpoint.root());
    for number in 0..600_u128 {
        assert!(ids.contains(&uuid::Uuid::from_u128(number).as_bytes().to_vec()), "{number}");
    }
    assert_eq!(tiles.len(), 4);
    for (path, hashes) in tiles {
        let answer = tile(&service, path).await;
        let expected: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
        assert_eq!(answer.body, expected, "{path}");
        assert_eq!(answer.header("content-type"), "application/octet-stream");
        let cache = "private, max-age=31536000, immutable";
        assert_eq!(answer.header("cache-control"), cache);
    }
}

#[tokio::test]
async fn partial_tiles_are_the_beginning_of_full_ones() {
    let service = Service::start().await;
    write(&service, 0..300).await;
    let full = get(&service, "/v1/log/tile/0/000").await.body;
    assert_eq!(full.len(), FULL_WIDTH * Hash::BYTES);
    for width in [1, 7, 255] {
        let part = get(&service, &format!("/v1/log/tile/0/000.p/{width}")).await;
        assert_eq!(part.body, full[..width * Hash::BYTES]);
        let entries = get(&service, &format!("/v1/log/tile/entries/000.p/{width}")).await;
        assert_eq!(bundle::entries(&entries.body).count(), width);
    }
}

#[tokio::test]
async fn unknown_tiles_are_404() {
    let service = Service::start().await;
    write(&service, 0..300).await;
    sign(&service.db).await;
    for path in [
        "0/001",
        "0/001.p/45",
        "0/002.p/1",
        "1/000",
        "1/000.p/2",
        "2/000.p/1",
        "entries/001",
        "entries/001.p/45",
        "entries/002",
        "0/x999/x999/999",
        // No paths of tiles.
        "0/1",
        "0/0000",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/01",
        "64/000",
        "data/000",
        "0/000/",
        "0/000.p/1/x",
        "-1/000",
        "0/x999/x999/x999/x999/x999/x999/x999/999",
        "..%2f..%2fcheckpoint",
        "%00",
    ] {
        let answer = get(&service, &format!("/v1/log/tile/{path}")).await;
        assert_eq!(answer.problem(), (404, "no_tile".to_owned()), "{path}");
    }
    for path in [CHECKPOINT, "/v1/log/keys", "/v1/log/tile/0/000"] {
        let answer = get(&service, &format!("{path}?a=1")).await;
        assert_eq!(answer.status, 400, "{path}");
        assert_eq!(answer.errors(), [("a".to_owned(), "unknown_field".to_owned())], "{path}");
    }
}

#[tokio::test]
async fn consistency_proofs_are_valid_for_all_checkpoints() {
    let service = Service::start().await;
    let mut checkpoints = vec![sign(&service.db).await];
    let mut from = 0;
    for records in [1, 2, 253, 1, 300] {
        write(&service, from..from + records).await;
        from += records;
        checkpoints.push(sign(&service.db).await);
    }
    for (place, later) in checkpoints.iter().enumerate() {
        for earlier in &checkpoints[..=place] {
            let (from, to) = (earlier.size(), later.size());
            let answer = get(&service, &format!("/v1/log/consistency?from={from}&to={to}")).await;
            assert_eq!(answer.header("content-type"), "application/json");
            let document = ConsistencyDocument::parse(&answer.body).unwrap();
            assert_eq!((document.from, document.to), (from, to));
            let hashes = &document.hashes;
            consistency::verify(hashes, from, earlier.root(), to, later.root()).unwrap();
        }
    }
}

#[tokio::test]
async fn invalid_and_unknown_sizes_are_refused() {
    let service = Service::start().await;
    write(&service, 0..3).await;
    for (query, errors) in [
        ("", &[("from", "empty"), ("to", "empty")][..]),
        ("?from=x&to=-1", &[("from", "bad_format"), ("to", "bad_format")]),
        ("?from=%2B1&to=9223372036854775808", &[("from", "bad_format"), ("to", "bad_format")]),
        ("?from=1&to=", &[("to", "empty")]),
        ("?from=2&to=1", &[("from", "bad_format")]),
        ("?from=1&to=2&a=1", &[("a", "unknown_field")]),
    ] {
        let answer = get(&service, &format!("/v1/log/consistency{query}")).await;
        assert_eq!(answer.problem(), (400, "invalid_parameter".to_owned()), "{query}");
        let expected = errors.iter().map(|(name, code)| ((*name).to_owned(), (*code).to_owned()));
        assert_eq!(answer.errors(), expected.collect::<Vec<_>>(), "{query}");
    }
    for query in ["?from=0&to=4", "?from=3&to=9223372036854775807"] {
        let answer = get(&service, &format!("/v1/log/consistency{query}")).await;
        assert_eq!(answer.problem(), (404, "no_tree".to_owned()), "{query}");
    }
    assert_eq!(get(&service, "/v1/log/consistency?from=0&to=0").await.status, 200);
}

#[tokio::test]
async fn keys_are_those_that_have_signed() {
    let service = Service::start().await;
    assert_eq!(get(&service, "/v1/log/keys").await.json(), json!({"data": []}));
    write(&service, 0..1).await;
    sign(&service.db).await;
    let answer = get(&service, "/v1/log/keys").await;
    assert_eq!(answer.json(), json!({"data": [key().verifier().to_string()]}));
    assert_eq!(answer.header("content-type"), "application/json");
}

#[tokio::test]
async fn documents_match_their_schemas() {
    let service = Service::start().await;
    write(&service, 0..3).await;
    sign(&service.db).await;
    let keys = get(&service, "/v1/log/keys").await.json();
    let consistency = get(&service, "/v1/log/consistency?from=1&to=3").await.json();
    for (schema, sent) in [("VerifierKeys", keys), ("ConsistencyProof", consistency)] {
        let properties = &described(schema)["properties"];
        assert_eq!(names(&sent), names(properties), "{schema}");
        for (name, value) in sent.as_object().unwrap() {
            assert!(fits(&properties[name], value), "{schema}.{name}: {properties}");
        }
    }
}

/// Entries have ids and times of all tenants; hashes show nothing.
#[tokio::test]
async fn key_of_a_tenant_gets_hashes_and_no_entries() {
    let service = ServiceWithDbKeys::start().await;
    let inputs = (0..600).map(|number| input(&record(number, None)));
    service.log.create_many(inputs.collect(), OnInvalid::Refuse).await.unwrap();
    service.db.sequence().await;
    let size = sign(&service.db).await.size();
    let tenant = service.token(&[Scope::Verify], Some("t1")).await;
    for path in TILES {
        let answer = service.get(&format!("/v1/log/tile/{path}"), &tenant).await;
        if path.starts_with("entries/") {
            assert_eq!(answer.problem(), (403, "other_tenant".to_owned()), "{path}");
        } else {
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
        }
    }
    // Also those that the log does not have.
    let missing = service.get("/v1/log/tile/entries/x999/999", &tenant).await;
    assert_eq!(missing.problem(), (403, "other_tenant".to_owned()));
    assert_eq!(accepted(&service.get(CHECKPOINT, &tenant).await.body).size(), size);
}

#[tokio::test]
async fn revoked_key_is_refused_in_the_same_request() {
    let service = ServiceWithDbKeys::start().await;
    sign(&service.db).await;
    for path in
        [CHECKPOINT, "/v1/log/keys", "/v1/log/consistency?from=0&to=0", "/v1/log/tile/0/000.p/1"]
    {
        let token = service.token(&[Scope::Verify], None).await;
        service.db.sequence().await;
        assert_eq!(service.get(path, &token).await.status, 200, "{path}");
        let revoke =
            "update control_plane.audit_api_keys set revoked_at = now() where revoked_at is null";
        service.db.as_owner(revoke).await;
        let refused = service.get(path, &token).await;
        assert_eq!(refused.problem(), (401, "invalid_key".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn checkpoint_keeps_its_last_state_while_the_log_grows() {
    let service = Service::start().await;
    write(&service, 0..3).await;
    sign(&service.db).await;
    let before = text(&get(&service, CHECKPOINT).await);
    write(&service, 3..9).await;
    assert_eq!(text(&get(&service, CHECKPOINT).await), before);
    // What is not signed yet can be read already: it is part of a later checkpoint.
    assert_eq!(get(&service, "/v1/log/tile/0/000.p/9").await.status, 200);
}
