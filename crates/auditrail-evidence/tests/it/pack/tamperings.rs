//! Each way to change a pack, beside its ZIP file.

use auditrail_evidence::pack::names;

use super::edits::{
    change_both, cut, edit_hash, flip, left, put_in, remove_filters, sign_again, sign_by_another,
    swap_values,
};
use super::support::{COMPLETE, FILTERED, Files, Options};

/// A change of a pack, and a part of the sentence that refuses it.
pub(super) type Tampering = (&'static str, Options<'static>, fn(&mut Files), &'static str);

/// Every change that is not of the ZIP file.
pub(super) const TAMPERINGS: &[Tampering] = &[
    (
        "value changed",
        COMPLETE,
        |f| f.replace(names::RECORDS, "action 2", "action 3"),
        "is not entry 254 of the log",
    ),
    (
        "time changed",
        COMPLETE,
        |f| f.replace(names::RECORDS, ".000253Z", ".000252Z"),
        "is not entry 253 of the log",
    ),
    (
        "id changed",
        COMPLETE,
        |f| f.replace(names::RECORDS, "0000000000fa", "0000000000fb"),
        "is not entry 250",
    ),
    (
        "null made of a value",
        FILTERED,
        |f| f.replace(names::RECORDS, "\"outcome 1\"", "null"),
        "is not entry 50",
    ),
    ("values of two records swapped", COMPLETE, swap_values, "is not entry 250 of the log"),
    ("salt edited", COMPLETE, |f| flip(f, "salt"), "is not entry 250 of the log"),
    (
        "commitment edited",
        Options { withheld: &["metadata"], ..COMPLETE },
        |f| flip(f, "withheld"),
        "is not entry 250 of the log",
    ),
    (
        "record removed",
        COMPLETE,
        |f| f.edit_lines(|lines| drop(lines.remove(4))),
        "seq 254 is missing",
    ),
    (
        "first record removed",
        COMPLETE,
        |f| f.edit_lines(|lines| drop(lines.remove(0))),
        "seq 250 is missing",
    ),
    (
        "last record removed",
        COMPLETE,
        |f| f.edit_lines(|lines| drop(lines.pop())),
        "seq 255 is missing",
    ),
    (
        "record removed from a filtered pack",
        FILTERED,
        |f| f.edit_lines(|lines| drop(lines.remove(1))),
        "is not entry 150",
    ),
    (
        "last record removed from a filtered pack",
        FILTERED,
        |f| f.edit_lines(|lines| drop(lines.pop())),
        "declares 5",
    ),
    ("all records removed", FILTERED, |f| f.set(names::RECORDS, ""), "the pack has 0 records"),
    (
        "removed, and the number corrected",
        FILTERED,
        |f| {
            f.edit_lines(|lines| drop(lines.remove(1)));
            f.replace(names::RANGE, "\"records\":5", "\"records\":4");
        },
        "is not entry 150",
    ),
    ("record put in", FILTERED, put_in, "is not entry 51"),
    (
        "record put in twice",
        COMPLETE,
        |f| f.edit_lines(|l| l.insert(1, l[0].clone())),
        "seq 250 follows seq 250",
    ),
    ("order changed", COMPLETE, |f| f.edit_lines(|lines| lines.swap(3, 4)), "seq 253 is missing"),
    (
        "order of a filtered pack changed",
        FILTERED,
        |f| f.edit_lines(|l| l.swap(1, 2)),
        "is not entry 150",
    ),
    (
        "record of another range",
        COMPLETE,
        |f| f.edit_lines(|l| l.push(l[5].replace("255", "256"))),
        "declared range",
    ),
    (
        "seq changed",
        COMPLETE,
        |f| f.replace(names::RECORDS, "\"seq\":250", "\"seq\":251"),
        "seq 250 is missing",
    ),
    (
        "seq of a filtered pack changed",
        FILTERED,
        |f| f.replace(names::RECORDS, "\"seq\":50", "\"seq\":51"),
        "entry 51",
    ),
    ("hash of a record edited", COMPLETE, |f| edit_hash(f, 9), "is not entry 253 of the log"),
    ("hash of a subtree edited", COMPLETE, |f| edit_hash(f, 0), "do not lead to the root"),
    ("last hash edited", COMPLETE, |f| edit_hash(f, 14), "do not lead to the root"),
    ("hashes cut short", COMPLETE, |f| cut(f, 32), "`hashes` ends before the hashes up to seq 300"),
    ("hashes cut within one", COMPLETE, |f| cut(f, 1), "do not lead to the root"),
    (
        "no hashes",
        COMPLETE,
        |f| f.set(names::HASHES, ""),
        "`hashes` ends before the hashes up to seq 250",
    ),
    (
        "hashes longer",
        COMPLETE,
        |f| f.0.get_mut(names::HASHES).unwrap().push(0),
        "more hashes than the 6 lines",
    ),
    (
        "record and its hash changed",
        COMPLETE,
        change_both,
        "do not lead to the root of the checkpoint of size 300",
    ),
    (
        "range made smaller",
        COMPLETE,
        |f| f.replace(names::RANGE, "255", "254"),
        "not in the declared range",
    ),
    (
        "range made larger",
        COMPLETE,
        |f| f.replace(names::RANGE, "255", "256"),
        "seq 256 is missing",
    ),
    (
        "range beyond the checkpoint",
        COMPLETE,
        |f| f.replace(names::RANGE, "255", "300"),
        "checkpoint has size 300",
    ),
    (
        "range that ends before it starts",
        COMPLETE,
        |f| f.replace(names::RANGE, "255", "249"),
        "the seqs 250 to 249",
    ),
    (
        "other number of records",
        COMPLETE,
        |f| f.replace(names::RANGE, "\"records\":6", "\"records\":5"),
        "declares 5",
    ),
    ("filters removed", FILTERED, remove_filters, "seq 20 is missing"),
    (
        "complete with filters",
        FILTERED,
        |f| f.replace(names::RANGE, "false", "true"),
        "complete as true, with 1 filter",
    ),
    (
        "left with filters",
        FILTERED,
        |f| f.edit_lines(|l| l[0] = left(&l[0])),
        "seq 50 is one that left",
    ),
    (
        "record hidden as left",
        COMPLETE,
        |f| f.edit_lines(|l| l[0] = left(&l[0])),
        "is not entry 250",
    ),
    (
        "left edited",
        Options { left: &[250], ..COMPLETE },
        |f| flip(f, "left"),
        "is not in its only form",
    ),
    (
        "version of the future",
        COMPLETE,
        |f| f.replace(names::RANGE, "pack/v1", "pack/v2"),
        "version \"auditrail/pack/v2\"",
    ),
    (
        "member put in",
        COMPLETE,
        |f| f.replace(names::RECORDS, "{\"seq\"", "{\"x\":1,\"seq\""),
        "unknown field `x`",
    ),
    (
        "member twice",
        COMPLETE,
        |f| f.replace(names::RECORDS, "{\"seq\":250", "{\"seq\":250,\"seq\":250"),
        "duplicate",
    ),
    (
        "member missing",
        COMPLETE,
        |f| f.replace(names::RECORDS, "\"id\":\"", "\"left\":\""),
        "has neither",
    ),
    (
        "seq that is text",
        COMPLETE,
        |f| f.replace(names::RECORDS, "\"seq\":250", "\"seq\":\"250\""),
        "line 1",
    ),
    (
        "seq that is negative",
        COMPLETE,
        |f| f.replace(names::RECORDS, "\"seq\":250", "\"seq\":-1"),
        "line 1",
    ),
    (
        "id in another form",
        COMPLETE,
        |f| f.replace(names::RECORDS, "\"01900000-", "\"01900000"),
        "`id` is not in",
    ),
    (
        "time in another form",
        COMPLETE,
        |f| f.replace(names::RECORDS, "000250Z", "00025Z"),
        "`created_at` is not in",
    ),
    (
        "empty line",
        COMPLETE,
        |f| f.edit_lines(|lines| lines.insert(2, String::new())),
        "line 3 of records.ndjson",
    ),
    (
        "line that does not end",
        COMPLETE,
        |f| f.0.get_mut(names::RECORDS).unwrap().truncate(3000),
        "does not end",
    ),
    (
        "line of something else",
        COMPLETE,
        |f| f.edit_lines(|lines| lines[5] = "[]".to_owned()),
        "line 6 of records",
    ),
    (
        "huge line",
        COMPLETE,
        |f| f.edit_lines(|l| l[1] = " ".repeat(5_000_000)),
        "line 2 of records.ndjson is longer",
    ),
    (
        "nested line",
        COMPLETE,
        |f| f.edit_lines(|lines| lines[1] = "[".repeat(100_000)),
        "line 2 of records.ndjson",
    ),
    (
        "signed by another key",
        COMPLETE,
        sign_again,
        "not trusted: the signature by log.example/audit",
    ),
    (
        "signed by a key of the same name",
        COMPLETE,
        sign_by_another,
        "there is no signature by log.example/audit",
    ),
    (
        "checkpoint of another size",
        COMPLETE,
        |f| f.replace(names::CHECKPOINT, "\n300\n", "\n301\n"),
        "not one of this text",
    ),
    ("no checkpoint", COMPLETE, |f| f.set(names::CHECKPOINT, ""), "`checkpoint` is not valid"),
    (
        "range that is no JSON",
        COMPLETE,
        |f| f.set(names::RANGE, "{"),
        "range.json is not the range of a pack",
    ),
];
