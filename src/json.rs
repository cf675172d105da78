//! JSON of the bridge's own values, for everything that is kept or sent.
//! Never gives an empty text for a value that cannot be written, which would be kept in the place of an
//! order: that is a defect, it panics, and the panic costs the piece of work (see `panics`).
//! Enter at [`bytes`]; nothing else of the bridge writes JSON through serde.

use serde::Serialize;
use serde_json::Value;

/// Maps with other keys than texts are the only values that JSON has no words for.
const TEXT_KEYS: &str = "values that are kept have text keys only";

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
