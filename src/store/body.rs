//! How bodies lie in a store: compressed when it pays, with a leading marker byte.
//! Never looks into a body. Enter at [`pack`] and [`unpack`].

use std::cell::RefCell;

use super::{DeadLetter, StoreError};
use crate::json;
use crate::process::At;

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// Smaller bodies stay plain: compressing them saves less than it costs.
const COMPRESS_FROM_BYTES: usize = 1024;

/// The fastest level: an accepted request is compressed before it is answered.
const LEVEL: i32 = 1;

/// No stored body is larger; a length above it means damage.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

thread_local! {
    /// A compressor owns some hundred kilobytes of tables: one per thread, not one per body.
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
}

/// Marker byte and body, compressed if that saves at least an eighth.
pub fn pack(body: &[u8]) -> Vec<u8> {
    if body.len() >= COMPRESS_FROM_BYTES
        && let Some(small) = compress(body)
        && small.len() < body.len() - body.len() / 8
    {
        return small;
    }
    let mut plain = Vec::with_capacity(body.len() + 1);
    plain.push(PLAIN);
    plain.extend_from_slice(body);
    plain
}

/// The body that [`pack`] was given.
pub fn unpack(stored: &[u8]) -> Result<Vec<u8>, StoreError> {
    let unreadable = |why: &str| StoreError::Unreadable(format!("a body {why}"));
    match stored.split_first() {
        Some((&PLAIN, body)) => Ok(body.to_vec()),
        Some((&ZSTD, body)) => {
            let bytes =
                zstd::bulk::Decompressor::upper_bound(body).ok_or_else(|| unreadable("has no length"))?;
            if bytes > BODY_BYTES_MAX {
                return Err(unreadable("claims to be larger than any body"));
            }
            zstd::bulk::decompress(body, bytes).map_err(|_| unreadable("does not decompress"))
        }
        Some(_) => Err(unreadable("was written by a newer version")),
        None => Err(unreadable("is empty")),
    }
}

/// As [`unpack`], but a damaged body is returned as it is, so that it does not hide the others; it will not
/// parse as JSON.
pub fn unpack_or_as_is(stored: &[u8]) -> Vec<u8> {
    unpack(stored).unwrap_or_else(|_| stored.to_vec())
}

/// A dead letter's stored form: its facts as a line of JSON, then its body as it is (JSON would
/// write each byte as a number).
pub fn pack_letter(letter: &DeadLetter) -> Vec<u8> {
    let head = DeadLetter { body: Vec::new(), ..letter.clone() };
    let mut text = json::bytes(&head);
    text.push(b'\n');
    text.extend_from_slice(&letter.body);
    pack(&text)
}

fn unpack_letter(stored: &[u8]) -> Result<DeadLetter, StoreError> {
    let text = unpack(stored)?;
    let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    let mut letter: DeadLetter = parse(&text[..end])?;
    letter.body = text.get(end + 1..).unwrap_or_default().to_vec();
    Ok(letter)
}

/// For lists: a damaged letter does not hide the others. It is shown with what is known of it, and its date
/// is old, so that retention removes it first.
pub fn letter_or_damaged(id: &str, stored: &[u8]) -> DeadLetter {
    unpack_letter(stored).unwrap_or_else(|error| DeadLetter {
        id: id.to_owned(),
        at: At::UNIX_EPOCH,
        why: format!("the letter itself is damaged and cannot be read: {error}"),
        order: None,
        body: Vec::new(),
        folded: 0,
    })
}

pub fn parse<T: serde::de::DeserializeOwned>(text: &[u8]) -> Result<T, StoreError> {
    // The error's own text may quote the data, so only the position is reported.
    serde_json::from_slice(text)
        .map_err(|error| StoreError::Unreadable(format!("JSON, column {}", error.column())))
}

fn compress(body: &[u8]) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = zstd::bulk::Compressor::new(LEVEL).ok();
        }
        let mut small = vec![ZSTD; 1 + zstd::zstd_safe::compress_bound(body.len())];
        let bytes = slot.as_mut()?.compress_to_buffer(body, &mut small[1..]).ok()?;
        small.truncate(1 + bytes);
        Some(small)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_back_as_it_was_and_large_ones_shrink() {
        for bytes in [0, 1, COMPRESS_FROM_BYTES - 1, COMPRESS_FROM_BYTES, 1 << 20] {
            let body = vec![b'x'; bytes];
            let stored = pack(&body);
            assert_eq!(unpack(&stored), Ok(body));
            assert_eq!(stored.len() < bytes, bytes >= COMPRESS_FROM_BYTES, "{bytes} bytes");
        }
    }

    #[test]
    fn damaged_bodies_are_told_not_invented() {
        let mut cut = pack(&vec![b'x'; 4096]);
        cut.truncate(10);
        for stored in [&[][..], &[9, 1, 2], &[ZSTD, 1, 2, 3], &cut] {
            assert!(matches!(unpack(stored), Err(StoreError::Unreadable(_))), "{stored:?}");
        }
    }
}
