//! How long the bridge waits for a provider that says nothing more of a call.
//! Never looks at a clock. Enter at [`Waits`].

use serde::{Deserialize, Serialize};

/// A call that is never told to have ended is believed to have ended after so long a silence.
const STUCK_S: u32 = 4 * 3600;

/// How long a provider's silence is waited through, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// For the final record once all legs have ended, or for a leg once the record is there.
    pub final_wait_s: u32,
    /// For any word at all of a call that goes on.
    #[serde(default = "stuck_s")]
    pub stuck_s: u32,
}

impl Waits {
    pub fn new(final_wait_s: u32) -> Self {
        Self { final_wait_s, stuck_s: STUCK_S }
    }
}

fn stuck_s() -> u32 {
    STUCK_S
}
