//! How long the bridge waits for further events of a call. Never reads a clock. Enter at [`Waits`].

use serde::{Deserialize, Serialize};

/// A call whose end is never reported counts as ended after this silence.
const STUCK_S: u32 = 4 * 3600;
/// So does one that is only in a menu or a queue.
const IN_MENU_S: u32 = 600;

/// How long to wait for a provider's events, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// For the final record once all legs have ended, or for a leg once the record is there.
    pub final_wait_s: u32,
    /// For any event of a call in progress.
    #[serde(default = "stuck_s")]
    pub stuck_s: u32,
}

impl Waits {
    pub fn new(final_wait_s: u32) -> Self {
        Self { final_wait_s, stuck_s: STUCK_S }
    }

    /// For any event of a call that is only in a menu or a queue.
    pub fn in_menu_s(&self) -> u32 {
        self.stuck_s.min(IN_MENU_S)
    }
}

fn stuck_s() -> u32 {
    STUCK_S
}
