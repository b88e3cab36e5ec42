//! Files that are not the ZIP file of a pack.

use std::io::Write as _;

use auditrail_evidence::pack::names;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use proptest::prelude::*;

use super::support::{COMPLETE, Files, verified};

/// A file of a ZIP file, of which every number can be another one.
#[derive(Clone)]
struct Raw {
    name: String,
    local_name: String,
    flags: u16,
    method: u16,
    data: Vec<u8>,
    crc: u32,
    compressed: u32,
    length: u32,
    offset: Option<u32>,
    extra: Vec<u8>,
}

impl Raw {
    fn stored(name: &str, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).unwrap();
        Self {
            name: name.to_owned(),
            local_name: name.to_owned(),
            flags: 0,
            method: 0,
            data: bytes.to_vec(),
            crc: crc32fast::hash(bytes),
            compressed: length,
            length,
            offset: None,
            extra: Vec::new(),
        }
    }

    fn deflated(name: &str, bytes: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        let data = encoder.finish().unwrap();
        let compressed = u32::try_from(data.len()).unwrap();
        Self { method: 8, data, compressed, ..Self::stored(name, bytes) }
    }
}

fn number(out: &mut Vec<u8>, numbers: &[u16]) {
    numbers.iter().for_each(|number| out.extend(number.to_le_bytes()));
}

fn long(out: &mut Vec<u8>, numbers: &[u32]) {
    numbers.iter().for_each(|number| out.extend(number.to_le_bytes()));
}

fn zip(files: &[Raw]) -> Vec<u8> {
    let (mut out, mut central) = (Vec::new(), Vec::new());
    for file in files {
        let offset = file.offset.unwrap_or(u32::try_from(out.len()).unwrap());
        let (name, local) = (file.name.as_bytes(), file.local_name.as_bytes());
        let lengths = [name, local, &file.extra].map(|bytes| u16::try_from(bytes.len()).unwrap());
        long(&mut out, &[0x0403_4b50]);
        number(&mut out, &[20, file.flags, file.method, 0, 0]);
        long(&mut out, &[file.crc, file.compressed, file.length]);
        number(&mut out, &[lengths[1], 0]);
        out.extend(local);
        out.extend(&file.data);
        long(&mut central, &[0x0201_4b50]);
        number(&mut central, &[20, 20, file.flags, file.method, 0, 0]);
        long(&mut central, &[file.crc, file.compressed, file.length]);
        number(&mut central, &[lengths[0], lengths[2], 0, 0, 0]);
        long(&mut central, &[0, offset]);
        central.extend(name);
        central.extend(&file.extra);
    }
    let (offset, length) =
        (u32::try_from(out.len()).unwrap(), u32::try_from(central.len()).unwrap());
    let files = u16::try_from(files.len()).unwrap_or(u16::MAX);
    out.extend(central);
    long(&mut out, &[0x0605_4b50]);
    number(&mut out, &[0, 0, files, files]);
    long(&mut out, &[length, offset]);
    number(&mut out, &[0]);
    out
}

fn files() -> Vec<Raw> {
    Files::new(COMPLETE).0.iter().map(|(name, bytes)| Raw::deflated(name, bytes)).collect()
}

fn place(files: &[Raw], name: &str) -> usize {
    files.iter().position(|file| file.name == name).unwrap()
}

/// Why a pack with a changed file is not valid.
fn error(name: &str, change: impl FnOnce(&mut Raw)) -> String {
    let mut files = files();
    let place = place(&files, name);
    change(&mut files[place]);
    verified(&zip(&files)).unwrap_err().to_string()
}

#[test]
fn pack_of_another_zip_writer_is_read() {
    assert!(verified(&zip(&files())).is_ok());
    let stored: Vec<Raw> =
        Files::new(COMPLETE).0.iter().map(|(name, bytes)| Raw::stored(name, bytes)).collect();
    assert!(verified(&zip(&stored)).is_ok());
    // A time in an extra field, and the flag of names in UTF-8.
    let timed: Vec<Raw> = files()
        .into_iter()
        .map(|file| Raw { extra: vec![0x55, 0x54, 5, 0, 1, 0, 0, 0, 0], flags: 1 << 11, ..file })
        .collect();
    assert!(verified(&zip(&timed)).is_ok());
}

#[test]
fn other_names_are_refused() {
    for name in
        ["../policy", "/etc/passwd", "tile/0/000", "Checkpoint", "checkpoint\0", "", "C:\\x"]
    {
        let mut files = files();
        files.push(Raw::stored(name, b""));
        files.swap_remove(place(&files, names::README));
        let error = verified(&zip(&files)).unwrap_err().to_string();
        assert!(error.contains("which is not one of a pack"), "{name}: {error}");
    }
    let mut files = files();
    let readme = place(&files, names::README);
    files[readme] = Raw::stored(names::HASHES, b"");
    let error = verified(&zip(&files)).unwrap_err().to_string();
    assert_eq!(error, "it has hashes twice");
}

#[test]
fn many_files_are_refused_at_once() {
    let mut many = files();
    many.extend((0..20_000).map(|tile| Raw::stored(&format!("tile/0/{tile:03}"), b"")));
    let error = verified(&zip(&many)).unwrap_err().to_string();
    assert_eq!(error, "its ZIP directory names 20006 files; a pack has at most 7");
}

#[test]
fn each_missing_file_is_named() {
    for name in [names::CHECKPOINT, names::RECORDS, names::HASHES, names::RANGE] {
        let mut files = files();
        files.remove(place(&files, name));
        let error = verified(&zip(&files)).unwrap_err().to_string();
        assert!(error.contains(&format!("it has no {name}")), "{error}");
    }
}

#[test]
fn lies_of_the_directory_are_refused() {
    let records = names::RECORDS;
    for (part, error) in [
        ("does not have the length", error(records, |file| file.length -= 1)),
        ("does not have the length", error(records, |file| file.length += 1)),
        ("does not have the length", error(records, |file| file.length = 10)),
        ("compressed data are not valid", error(records, |file| file.compressed -= 3)),
        ("overlap", error(records, |file| file.compressed += 20)),
        ("overlap", error(records, |file| file.compressed = u32::MAX - 1)),
        ("lacks the sizes", error(records, |file| file.compressed = u32::MAX)),
        ("does not have the checksum", error(records, |file| file.crc ^= 1)),
        ("is encrypted", error(records, |file| file.flags = 1)),
        ("is encrypted", error(names::POLICY, |file| file.flags = 1 << 6)),
        ("by the method 12", error(records, |file| file.method = 12)),
        ("there is another file", error(records, |file| file.local_name = "records".to_owned())),
        ("there is another file", error(records, |file| file.offset = Some(0))),
        ("there is no header", error(records, |file| file.offset = Some(7))),
        ("ends before it", error(records, |file| file.offset = Some(u32::MAX - 1))),
        ("has 4000000 bytes", error(names::RANGE, |file| file.length = 4_000_000)),
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    // Stored data of two lengths.
    let mut files = files();
    let place = place(&files, records);
    files[place] = Raw { length: 9, ..Raw::stored(records, b"12345678") };
    let error = verified(&zip(&files)).unwrap_err().to_string();
    assert!(error.contains("does not have the length"), "{error}");
}

#[test]
fn bomb_takes_no_memory() {
    // 64 MiB of zeros in 64 KiB.
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    let zeros = vec![0; 1 << 20];
    (0..64).for_each(|_| encoder.write_all(&zeros).unwrap());
    let data = encoder.finish().unwrap();
    let compressed = u32::try_from(data.len()).unwrap();
    for name in [names::RECORDS, names::RANGE] {
        let length = if name == names::RANGE { 1 << 20 } else { 1 << 26 };
        let error = error(name, |file| {
            *file = Raw { data: data.clone(), compressed, length, ..file.clone() };
        });
        let is_refused = error.contains("longer than") || error.contains("have the length");
        assert!(is_refused, "{error}");
    }
}

#[test]
fn truncated_and_extended_files_are_refused() {
    let zip = Files::new(COMPLETE).zip();
    for length in (0..zip.len()).step_by(101).chain([zip.len() - 1]) {
        let error = verified(&zip[..length]).unwrap_err().to_string();
        assert!(error.contains("does not end with a ZIP directory"), "{length}: {error}");
    }
    let extended = [zip.as_slice(), b"x"].concat();
    assert!(verified(&extended).is_err());
    let prefixed = [b"x", zip.as_slice()].concat();
    assert!(verified(&prefixed).is_err());
}

#[test]
fn zip64_directory_is_read_where_it_must_be() {
    let zip = zip(&files());
    let (rest, end) = zip.split_at(zip.len() - 22);
    let word = |place: usize| u32::from_le_bytes(end[place..place + 4].try_into().unwrap());
    let (length, offset) = (word(12), word(16));
    let with = |located: u64, length: u64, files: u64, disk: u32| {
        let mut zip = rest.to_vec();
        long(&mut zip, &[0x0606_4b50]);
        zip.extend(44_u64.to_le_bytes());
        number(&mut zip, &[45, 45]);
        long(&mut zip, &[disk, 0]);
        [files, files, length, u64::from(offset)].iter().for_each(|n| zip.extend(n.to_le_bytes()));
        long(&mut zip, &[0x0706_4b50, 0]);
        zip.extend(located.to_le_bytes());
        long(&mut zip, &[1, 0x0605_4b50]);
        number(&mut zip, &[0, 0, u16::MAX, u16::MAX]);
        long(&mut zip, &[u32::MAX, u32::MAX]);
        number(&mut zip, &[0]);
        verified(&zip).map(|_| ()).map_err(|error| error.to_string())
    };
    let (end, length) = (rest.len() as u64, u64::from(length));
    assert_eq!(with(end, length, 6, 0), Ok(()));
    for (place, length, files, disk) in [
        (end + 1, length, 6, 0),
        (u64::MAX, length, 6, 0),
        (end, length + 1, 6, 0),
        (end, u64::MAX, 6, 0),
        (end, length, u64::MAX, 0),
        (end, length, 5, 0),
        (end, length, 6, 1),
    ] {
        assert!(with(place, length, files, disk).is_err(), "{place} {length} {files} {disk}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(verified(&bytes).is_err());
    }

    /// A changed byte is refused, or in a part that is not verified.
    #[test]
    fn changed_byte_shows_the_same_or_is_refused(place in any::<proptest::sample::Index>(), bit in 0..8_u32) {
        let zip = Files::new(COMPLETE).zip();
        let expected = verified(&zip).unwrap();
        let mut changed = zip.clone();
        *place.get_mut(&mut changed) ^= 1_u8 << bit;
        if let Ok(pack) = verified(&changed) {
            prop_assert_eq!(pack, expected);
        }
    }
}
