//! A request that its platform's check has accepted, now or before it was stored. Only such a request can be
//! decoded.
//! Enter at [`Verified::check`].

use super::{Hooks, RawRequest, Reception, Refused};

/// A request that its platform's check has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified(RawRequest);

impl Verified {
    /// Runs the platform's check.
    pub fn check(hooks: &dyn Hooks, request: RawRequest) -> Result<(Self, Reception), Refused> {
        let reception = hooks.verify(&request)?;
        Ok((Self(request), reception))
    }

    /// From the store, which contains only verified requests.
    pub fn stored(request: RawRequest) -> Self {
        Self(request)
    }

    pub fn request(&self) -> &RawRequest {
        &self.0
    }
}
