//! Recognises formats that cannot be imported, by the first bytes of the input.

/// Bytes of look-ahead that [`unsupported`] needs.
pub(in super::super) const LOOK_AHEAD_BYTES: usize = 512;

/// Offset and value of the magic of a tar archive (POSIX.1-1988 "ustar").
const TAR: (usize, &[u8]) = (257, b"ustar");

/// The first bytes of a format, and the message.
const MAGIC: [(&[u8], &str); 17] = [
    (b"PK\x03\x04", "this is a zip archive; unpack it and import the files in it"),
    (b"PK\x05\x06", "this is an empty zip archive"),
    (b"PK\x07\x08", "this is a zip archive; unpack it and import the files in it"),
    (
        b"BZh",
        "this is bzip2-compressed; decompress it first: bzip2 -dc FILE | auditrail import … -",
    ),
    (
        b"\xfd7zXZ\x00",
        "this is xz-compressed; decompress it first: xz -dc FILE | auditrail import … -",
    ),
    (
        b"\x28\xb5\x2f\xfd",
        "this is zstd-compressed; decompress it first: zstd -dc FILE | auditrail import … -",
    ),
    (
        b"\x04\x22\x4d\x18",
        "this is lz4-compressed; decompress it first: lz4 -dc FILE | auditrail import … -",
    ),
    (b"\xff\x06\x00\x00sNaPpY", "this is snappy-compressed; decompress it first"),
    (
        b"\x1f\x9d",
        "this is a compress (.Z) file; decompress it first: uncompress -c FILE | auditrail import … -",
    ),
    (b"7z\xbc\xaf\x27\x1c", "this is a 7z archive; unpack it and import the files in it"),
    (b"Rar!\x1a\x07", "this is a rar archive; unpack it and import the files in it"),
    (b"LZIP", "this is lzip-compressed; decompress it first: lzip -dc FILE | auditrail import … -"),
    (b"PAR1", "this is a Parquet file; convert it to one JSON object per line"),
    (b"ORC", "this is an ORC file; convert it to one JSON object per line"),
    (b"Obj\x01", "this is an Avro file; convert it to one JSON object per line"),
    (b"\xff\xfe\x00\x00", "this is UTF-32 text; convert it first: iconv -f UTF-32 -t UTF-8"),
    (b"\x00\x00\xfe\xff", "this is UTF-32 text; convert it first: iconv -f UTF-32 -t UTF-8"),
];

/// What the input is and what to do, if it is in a known format that is neither text nor gzip.
pub(super) fn unsupported(begin: &[u8]) -> Option<&'static str> {
    let (tar_at, tar) = TAR;
    if begin.get(tar_at..).is_some_and(|rest| rest.starts_with(tar)) {
        return Some("this is a tar archive; unpack it and import the files in it");
    }
    let found = MAGIC.iter().find(|(magic, _)| begin.starts_with(magic));
    found.map(|(_, message)| *message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_gzip_are_supported() {
        for begin in [&b"{\"a\":1}"[..], b"[", b"", b"\xef\xbb\xbf{", b"\x1f\x8b\x08", b"OR", b"PK"]
        {
            assert_eq!(unsupported(begin), None, "{begin:?}");
        }
    }

    #[test]
    fn archives_are_named() {
        for (begin, name) in [(&b"PK\x03\x04\x14"[..], "a zip"), (b"BZh91AY", "bzip2")] {
            assert!(unsupported(begin).unwrap().contains(name));
        }
        let mut tar = vec![b'x'; 257];
        tar.extend(b"ustar\x0000");
        assert!(unsupported(&tar).unwrap().contains("tar"));
    }
}
