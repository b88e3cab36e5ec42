//! The file `README.md` of a pack.

use tlog::Checkpoint;

use super::range::PackRange;

/// How to verify a pack: `README.md`.
#[must_use]
pub fn readme(checkpoint: &Checkpoint, range: &PackRange) -> String {
    let PackRange { from_seq, to_seq, filters, records, left } = range;
    let (origin, size) = (checkpoint.origin(), checkpoint.size());
    let mut text = format!(
        "# Evidence from the audit log {origin}\n\n\
         This pack has {records} records with a seq from {from_seq} to {to_seq}, under a checkpoint of size {size}.\n"
    );
    if filters.is_empty() {
        text.push_str(
            "It is complete: it has a line for each seq of that range, and a verifier checks that.\n",
        );
        if *left > 0 {
            text.push_str(&format!(
                "{left} more have only their entry, as `left`: the record had left the log when the pack was made.\n"
            ));
        }
    } else {
        text.push_str(
            "It does not claim to be complete. Only records that match these filters were to be exported:\n\n",
        );
        for (name, value) in filters {
            let value =
                value.as_deref().map_or("(withheld)".to_owned(), |value| format!("{value:?}"));
            text.push_str(&format!("    {name}: {value}\n"));
        }
    }
    text.push_str(VERIFY);
    text
}

const VERIFY: &str = r#"
## How to verify it

Nothing here needs the audit log, its database or a network. What you need is a policy: a text file with the public key
of the log, and those of witnesses if there are any (https://c2sp.org/tlog-policy). Get it from a source that you trust.
The file `policy` of this pack names the keys under which it was made; compare them with those that you know.

    auditrail verify pack --policy trusted.policy case.zip
    python3 auditrail_verify.py trusted.policy case.zip

The script needs nothing but Python 3.8. Take it from a source that you trust too: the one in this pack is a convenience.

## How to verify it by hand

1. `checkpoint` is a signed note (https://c2sp.org/signed-note): origin, size and root of the tree, and signatures of the
   text by Ed25519.
2. Each line of `records.ndjson` is a record. The commitment to a field is HMAC-SHA256 with the salt as key, of the name, a
   zero byte, a byte 1 and the value; for null a byte 0 and nothing. A field that is withheld or erased has only its
   commitment.
3. The hash of the fields is SHA-256 of `auditrail/fields/v1`, a newline, and the 14 commitments in this order: actor_type,
   actor_id, action, target_type, target_id, metadata, ip_address, user_agent, tenant_id, request_id, outcome, actor_name,
   target_name, recorded_by.
4. The entry of a record is `auditrail/entry/v1`, a newline, the 16 bytes of the id, the time in microseconds since 1970 as 8
   bytes, big-endian, and the hash of the fields. A line with `left` has the entry itself. The leaf is SHA-256 of a zero
   byte and the entry.
5. `hashes` has hashes of 32 bytes, from the left of the tree to the right: for each line the hash of its leaf, and for
   the leaves between two lines those of the fewest perfect subtrees that consist of exactly them. A node is SHA-256 of a
   byte 1 and the hashes of its two children (RFC 6962, section 2.1). All together lead to the root of the checkpoint.
6. `range.json` declares what the pack has. Without filters there is a line for each seq from `from_seq` to `to_seq`.
"#;
