//! How bodies lie in a store: compressed when it pays, with a leading marker byte.
//! Never looks into a body. Enter at [`pack`] and [`unpack`].

use std::cell::RefCell;
use std::sync::LazyLock;

use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};

use super::{DeadLetter, StoreError};
use crate::json;
use crate::process::At;

const PLAIN: u8 = 0;
/// Compressed alone, as earlier versions wrote it.
const ZSTD: u8 = 1;
/// Compressed with the first [`SAMPLES`].
const ZSTD_SAMPLES_1: u8 = 2;

/// Bodies of each kind. A stored body repeats most of one, so it is written as the difference, a third of its length or a little more.
/// This file must not change, not by a byte: what was written with it could not be read. Another one needs another
/// marker beside it.
static SAMPLES: &[u8] = include_bytes!("body/samples-1.txt");

/// Smaller bodies stay plain: compressing them saves nothing.
const COMPRESS_FROM_BYTES: usize = 64;

/// The fastest level: an accepted request is compressed before it is answered.
const LEVEL: i32 = 1;

/// No stored body is larger; a length above it means damage.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

static TO_SAMPLES: LazyLock<EncoderDictionary<'static>> =
    LazyLock::new(|| EncoderDictionary::copy(SAMPLES, LEVEL));
static FROM_SAMPLES: LazyLock<DecoderDictionary<'static>> =
    LazyLock::new(|| DecoderDictionary::copy(SAMPLES));

thread_local! {
    /// Each owns some hundred kilobytes of tables: one per thread, not one per body.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
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
        Some((&(ZSTD | ZSTD_SAMPLES_1), body)) => {
            let bytes = Decompressor::upper_bound(body).filter(|_| !body.is_empty());
            let bytes = bytes.ok_or_else(|| unreadable("has no length"))?;
            if bytes > BODY_BYTES_MAX {
                return Err(unreadable("claims to be larger than any body"));
            }
            decompress(body, bytes).ok_or_else(|| unreadable("does not decompress"))
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
            *slot = Compressor::with_prepared_dictionary(&TO_SAMPLES).ok();
        }
        let mut small = vec![ZSTD_SAMPLES_1; 1 + zstd::zstd_safe::compress_bound(body.len())];
        let bytes = slot.as_mut()?.compress_to_buffer(body, &mut small[1..]).ok()?;
        small.truncate(1 + bytes);
        Some(small)
    })
}

/// A body that was compressed alone does not refer to the samples.
fn decompress(body: &[u8], bytes: usize) -> Option<Vec<u8>> {
    DECOMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = Decompressor::with_prepared_dictionary(&FROM_SAMPLES).ok();
        }
        slot.as_mut()?.decompress(body, bytes).ok()
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

    /// What a school's orders consist of most: another client's delivery.
    #[test]
    fn a_body_like_the_samples_is_written_as_the_difference() {
        let body = r#"{"seq":7,"command":{"id":"gc-31.4-00aa","order":"gc-31","client":"c-gc-31","urgency":"usual","ask":"create_task","task":"t4·gc-31","role":"sales","kind":"call","text":"Позвонить: Пётр, „Вёрстка“, 12 000 ₽","due":"2027-01-12T09:00:00Z","minutes":15,"responsible":"olga"},"created_at":"2027-01-12T08:00:00Z","state":{"state":"waiting"},"attempts":0,"raw":12}"#;
        let stored = pack(body.as_bytes());
        assert_eq!(stored[0], ZSTD_SAMPLES_1);
        assert!(stored.len() * 5 < body.len() * 2, "{} of {} bytes", stored.len(), body.len());
        assert_eq!(unpack(&stored), Ok(body.as_bytes().to_vec()));
    }

    #[test]
    fn what_earlier_versions_and_these_samples_wrote_can_be_read() {
        let body = "\"wait\":{\"is\":\"promised\"},\"timers\":{}, ".repeat(40);
        let alone = zstd::bulk::compress(body.as_bytes(), LEVEL).expect("it compresses");
        assert_eq!(unpack(&[&[ZSTD][..], &alone].concat()), Ok(body.into_bytes()));
        let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(SAMPLES));
        assert_eq!(
            digest, "4789068841df8f91db403db892720f534a162879566e137dec115f7362a6936d",
            "the samples must not change, see SAMPLES"
        );
    }

    #[test]
    fn damaged_bodies_are_told_not_invented() {
        let mut cut = pack(&vec![b'x'; 4096]);
        cut.truncate(10);
        for stored in [&[][..], &[9, 1, 2], &[ZSTD, 1, 2, 3], &[ZSTD_SAMPLES_1], &cut] {
            assert!(matches!(unpack(stored), Err(StoreError::Unreadable(_))), "{stored:?}");
        }
    }
}
