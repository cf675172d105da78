//! Events as Telphin writes them: names, their order, microseconds (sheet 3).
//! It never parses anything back.
//! Enter at [`Leg::event`].

use chrono::{DateTime, Utc};

use super::TelphinSetup;
use super::extension_id;
use crate::calls::Call;

/// As the extension sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    In,
    Out,
}

impl Flow {
    pub fn dial(self) -> &'static str {
        match self {
            Flow::In => "dial-in",
            Flow::Out => "dial-out",
        }
    }
}

/// One extension's part of a conversation.
#[derive(Clone, Debug)]
pub struct Leg {
    pub call_id: String,
    pub flow: Flow,
    pub extension: String,
    pub name: String,
    /// Digits, no plus.
    pub client: String,
}

impl Leg {
    /// The pairs of one event; `micros` of talk stand on hang-ups only.
    pub fn event(
        &self,
        at: DateTime<Utc>,
        kind: &str,
        status: &str,
        micros: Option<i64>,
        setup: &TelphinSetup,
    ) -> Vec<(String, String)> {
        let id = extension_id(&self.extension).unwrap_or_default().to_string();
        let full = format!("{}*{}@sipproxy.telphin.ru", setup.client_number, self.extension);
        let dials = kind.starts_with("dial");
        let mut pairs = vec![
            ("EventType", kind.to_owned()),
            ("CallID", self.call_id.clone()),
            ("SubCallID", format!("{id}-{}", self.call_id)),
        ];
        match self.flow {
            Flow::Out => {
                pairs.push(("CallerIDNum", self.extension.clone()));
                if dials {
                    pairs.push(("CallerIDName", self.name.clone()));
                    pairs.push(("CalledDID", String::new()));
                }
                pairs.push(("CalledNumber", self.client.clone()));
                pairs.push(("CallerExtension", full));
                pairs.push(("CallerExtensionID", id.clone()));
                if dials {
                    pairs.push(("CalledExtension", String::new()));
                    pairs.push(("CalledExtensionID", String::new()));
                }
            }
            Flow::In => {
                pairs.push(("CallerIDNum", self.client.clone()));
                pairs.push(("CallerIDName", self.client.clone()));
                pairs.push(("CalledDID", setup.line.clone()));
                pairs.push(("CalledNumber", self.extension.clone()));
                pairs.push(("CalledExtension", full));
                pairs.push(("CalledExtensionID", id.clone()));
            }
        }
        pairs.push(("CallStatus", status.to_owned()));
        pairs.push(("CallFlow", if self.flow == Flow::In { "in" } else { "out" }.to_owned()));
        if self.flow == Flow::Out {
            pairs.push(("CallAPIID", self.call_id.to_lowercase()));
        }
        pairs.push(("EventTime", at.timestamp_micros().to_string()));
        if let Some(micros) = micros {
            pairs.push(("Duration", micros.to_string()));
            if micros > 0 {
                pairs.push(("RecID", format!("{id}-{}", "ABCDEF00".repeat(4))));
            }
        }
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// The hang-up's status (3.2); a refusal is not told apart, a wrong number looks like a phone that is off.
pub fn status(call: &Call) -> &'static str {
    match call.reason {
        _ if call.answered_at.is_some() => "ANSWER",
        1121 => "BUSY",
        1131..=1133 => "CHANUNAVAIL",
        1110 => "CANCEL",
        2000..=2999 => "CONGESTION",
        _ => "NOANSWER",
    }
}
