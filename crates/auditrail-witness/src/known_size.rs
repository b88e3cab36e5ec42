//! The size that a witness has cosigned last, in a response with status 409 (<https://c2sp.org/tlog-witness>).

use tlog::SIZE_MAX;

/// The content type of such a response. Other responses with status 409 have no size.
pub(crate) const TYPE: &str = "text/x.tlog.size";

/// The body.
pub(crate) fn to_text(size: u64) -> String {
    format!("{size}\n")
}

/// Reads a body: a decimal number without leading zeros, and a newline.
pub(crate) fn parse(body: &[u8]) -> Option<u64> {
    let size = std::str::from_utf8(body).ok()?.strip_suffix('\n')?.parse().ok()?;
    let is_plain = to_text(size).as_bytes() == body;
    (is_plain && size <= SIZE_MAX).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_has_one_form() {
        for size in [0, 17, SIZE_MAX] {
            assert_eq!(parse(to_text(size).as_bytes()), Some(size));
        }
        let others: [&[u8]; 10] = [
            b"",
            b"\n",
            b"17",
            b"017\n",
            b"+1\n",
            b"-1\n",
            b"1\n\n",
            b"9223372036854775808\n",
            b"99999999999999999999999\n",
            b"\xff\n",
        ];
        for body in others {
            assert_eq!(parse(body), None, "{body:?}");
        }
    }
}
