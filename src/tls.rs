//! The one source of cryptography for every TLS client of the program. Enter at [`install_provider`].

use std::sync::Once;

/// Chooses the process's provider; a second call changes nothing.
pub fn install_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error only means that another thread installed it first.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
