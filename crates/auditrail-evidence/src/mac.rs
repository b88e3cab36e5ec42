//! HMAC-SHA256 under keys of 32 bytes.
//!
//! Nearly all messages here are short: the name of a field and its value. Then the work is four blocks of SHA-256, and what
//! a general implementation adds to that, such as its buffers, takes as long as one of them. A log of a million records
//! has 28 million messages.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sha2::block_api::compress256;

/// The initial state of SHA-256 (FIPS 180-4, section 5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];
/// The longest message that fits into one block with its padding, which takes 9 bytes.
const SHORT_MAX: usize = 64 - 9;

/// The code of a message, in parts.
pub(crate) fn mac(key: &[u8; 32], message: &[&[u8]]) -> [u8; 32] {
    let length = message.iter().map(|part| part.len()).sum::<usize>();
    if length > SHORT_MAX {
        return general(key, message);
    }
    let mut block = [0; 64];
    let mut filled = 0;
    for part in message {
        block[filled..filled + part.len()].copy_from_slice(part);
        filled += part.len();
    }
    let inner = hash(key, 0x36, &mut block, filled);
    block = [0; 64];
    block[..32].copy_from_slice(&inner);
    hash(key, 0x5c, &mut block, 32)
}

/// The hash of the key with a pad, and of the bytes that a block starts with.
fn hash(key: &[u8; 32], pad: u8, block: &mut [u8; 64], filled: usize) -> [u8; 32] {
    let mut padded = [pad; 64];
    padded.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    block[filled] = 0x80;
    let bits = (64 + filled as u64) * 8;
    block[56..].copy_from_slice(&bits.to_be_bytes());
    let mut state = INITIAL;
    compress256(&mut state, &[padded, *block]);
    let mut hash = [0; 32];
    for (bytes, word) in hash.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    hash
}

fn general(key: &[u8; 32], message: &[&[u8]]) -> [u8; 32] {
    // A key as long as a block never has to be hashed first.
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    message.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_messages_have_the_same_code_as_in_general() {
        let bytes: Vec<u8> = (0..=200).collect();
        for length in 0..bytes.len() {
            let message = &bytes[..length];
            for key in [[0; 32], [0xff; 32], std::array::from_fn(|n| bytes[n] ^ 0x5a)] {
                let (start, rest) = message.split_at(length / 3);
                assert_eq!(mac(&key, &[start, rest]), general(&key, &[message]), "{length}");
            }
        }
    }
}
