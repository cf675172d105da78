//! Writes the bridge's own values as JSON.
//! Never returns an empty text for a value that cannot be written, which would be committed in place of a
//! record: it panics, and the piece of work fails (see `panics`).
//! Enter at [`bytes`]; nothing else in the bridge writes JSON through serde.

use serde::Serialize;
use serde_json::Value;

/// JSON can write everything except maps whose keys are not texts.
const TEXT_KEYS: &str = "stored values have text keys only";

pub fn bytes(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect(TEXT_KEYS)
}

pub fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect(TEXT_KEYS)
}

pub fn value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect(TEXT_KEYS)
}

/// A unit variant as JSON and the configuration spell it; empty for anything else.
pub fn name(of: &impl Serialize) -> String {
    value(of).as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::panics::caught_now;

    #[test]
    fn what_cannot_be_written_is_no_empty_text() {
        let pairs = BTreeMap::from([((1, 2), "a")]);
        assert!(caught_now(|| bytes(&pairs)).is_err());
        assert!(caught_now(|| text(&pairs)).is_err());
        assert!(caught_now(|| value(&pairs)).is_err());
        assert_eq!(bytes(&Some("a")), b"\"a\"");
    }
}
