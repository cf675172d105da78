//! THE LIST of platforms, and a school's settings for each. Contains nothing specific to a platform: each is
//! one value of its folder. Enter at [`ALL`].

use std::any::Any;
use std::sync::Arc;

use crate::platform::entry::{Platform, PlatformKind, Settings};
use crate::platform::telephony::provider::LineSettings;
use crate::platform::{amocrm, getcourse, mail, telephony};

/// One line per platform, in the order in which they are shown to people.
pub static ALL: &[&Platform] = &[
    &getcourse::PLATFORM,
    &amocrm::PLATFORM,
    &telephony::mango::PLATFORM,
    &telephony::sipuni::PLATFORM,
    &telephony::telphin::PLATFORM,
    &telephony::zadarma::PLATFORM,
    &mail::PLATFORM,
];

/// The telephony providers.
pub fn lines() -> impl Iterator<Item = &'static Platform> {
    ALL.iter().copied().filter(|platform| matches!(platform.kind, PlatformKind::Line { .. }))
}

/// The platforms that one school has configured, in the order of the list.
#[derive(Debug, Clone, Default)]
pub struct Platforms(Vec<(&'static Platform, Arc<dyn Settings>)>);

impl Platforms {
    pub fn push(&mut self, platform: &'static Platform, settings: Arc<dyn Settings>) {
        self.0.push((platform, settings));
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static Platform, &dyn Settings)> {
        self.0.iter().map(|(platform, settings)| (*platform, &**settings))
    }

    pub fn has(&self, platform: &Platform) -> bool {
        self.0.iter().any(|(known, _)| known.name == platform.name)
    }

    /// The settings of this type.
    pub fn get<S: Settings>(&self) -> Option<&S> {
        self.iter().find_map(|(_, settings)| (settings as &dyn Any).downcast_ref())
    }

    /// The school's telephony providers.
    pub fn lines(&self) -> impl Iterator<Item = (&'static Platform, &dyn LineSettings)> {
        self.iter().filter_map(|(platform, settings)| Some((platform, settings.as_line()?)))
    }
}
