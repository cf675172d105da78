//! A request that may be decoded: its platform's check has accepted it, now or before it was stored.
//! Nothing else makes one, so an unverified request cannot be decoded.
//! Enter at [`Verified::check`].

use super::{Hooks, RawRequest, Reception, Refused};

/// A request that its platform's check has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified(RawRequest);

impl Verified {
    /// Asks the platform's check.
    pub fn check(hooks: &dyn Hooks, request: RawRequest) -> Result<(Self, Reception), Refused> {
        let reception = hooks.verify(&request)?;
        Ok((Self(request), reception))
    }

    /// Out of the store, where only verified requests stand.
    pub fn stored(request: RawRequest) -> Self {
        Self(request)
    }

    pub fn request(&self) -> &RawRequest {
        &self.0
    }
}
