//! Changes of packs.

use auditrail_evidence::pack::names;
use auditrail_evidence::{Entry, FIELDS, Salt, fields_root};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tlog::{Checkpoint, SignedNote};

use super::support::{Files, key};

pub(super) fn swap_values(files: &mut Files) {
    files.edit_lines(|lines| {
        let fields = |line: &str| line.split_once("\"fields\"").map(|(_, after)| after.to_owned());
        let (first, second) = (fields(&lines[0]).unwrap(), fields(&lines[1]).unwrap());
        let swapped = [lines[0].replace(&first, &second), lines[1].replace(&second, &first)];
        lines[..2].clone_from_slice(&swapped);
    });
}

/// Changes a character of the first Base64 of a member.
pub(super) fn flip(files: &mut Files, member: &str) {
    let start = format!("\"{member}\":\"");
    let text = files.text(names::RECORDS);
    let place = text.find(&start).unwrap() + start.len();
    let mut bytes = text.into_bytes();
    bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
    files.set(names::RECORDS, bytes);
}

pub(super) fn put_in(files: &mut Files) {
    files.edit_lines(|lines| lines.insert(1, lines[0].replace("\"seq\":50", "\"seq\":51")));
    files.replace(names::RANGE, "\"records\":5", "\"records\":6");
}

pub(super) fn edit_hash(files: &mut Files, number: usize) {
    let hashes = files.0.get_mut(names::HASHES).unwrap();
    hashes[number * 32] ^= 1;
}

pub(super) fn cut(files: &mut Files, bytes: usize) {
    let hashes = files.0.get_mut(names::HASHES).unwrap();
    hashes.truncate(hashes.len() - bytes);
}

/// Replaces the first hash of a record by that of a changed one, which only the root shows.
pub(super) fn change_both(files: &mut Files) {
    let line = files.text(names::RECORDS).lines().next().unwrap().replace("action 5", "action 6");
    let document: Value = serde_json::from_str(&line).unwrap();
    let commitments = FIELDS.map(|field| {
        let shown = &document["fields"][field.as_str()];
        let salt = STANDARD.decode(shown["salt"].as_str().unwrap()).unwrap();
        Salt(salt.try_into().unwrap()).commitment(field, shown["value"].as_str())
    });
    let entry = Entry {
        id: document["id"].as_str().unwrap().parse().unwrap(),
        created_at: document["created_at"].as_str().unwrap().parse().unwrap(),
        fields_root: fields_root(&commitments),
    };
    let hashes = files.0.get_mut(names::HASHES).unwrap();
    // The six perfect subtrees of 250 leaves come first.
    hashes[6 * 32..7 * 32].copy_from_slice(&entry.leaf_hash().0);
    files.edit_lines(|lines| lines[0] = line);
}

pub(super) fn remove_filters(files: &mut Files) {
    files.replace(names::RANGE, r#"[["action","action 1"]]"#, "[]");
    files.replace(names::RANGE, "false", "true");
}

/// A line that shows a record as one that left, with an entry that is not its own.
pub(super) fn left(line: &str) -> String {
    let seq = &line[..line.find(',').unwrap()];
    let entry = [b"auditrail/absent/v1\n".as_slice(), &[1; 16]].concat();
    format!("{seq},\"left\":\"{}\"}}", STANDARD.encode(entry))
}

fn checkpoint(files: &Files) -> Checkpoint {
    let note = SignedNote::parse(&files.0[names::CHECKPOINT]).unwrap();
    Checkpoint::parse(note.text()).unwrap()
}

/// The signature is that of another key, under the name and id of the trusted one.
pub(super) fn sign_again(files: &mut Files) {
    let mut other = checkpoint(files).to_note().unwrap();
    other.sign(&key(2), 0);
    let last = |note: &str| note.lines().last().unwrap().split(' ').nth(2).unwrap().to_owned();
    let [trusted, other] = [files.text(names::CHECKPOINT), other.to_string()]
        .map(|note| STANDARD.decode(last(&note)).unwrap());
    let forged = STANDARD.encode([&trusted[..4], &other[4..]].concat());
    let before = last(&files.text(names::CHECKPOINT));
    files.replace(names::CHECKPOINT, &before, &forged);
}

pub(super) fn sign_by_another(files: &mut Files) {
    let mut note = checkpoint(files).to_note().unwrap();
    note.sign(&key(2), 0);
    files.set(names::CHECKPOINT, note.to_string());
}
