//! The tables of the platforms: each is checked by its own folder.

use super::{Draft, Findings};
use crate::platform::check::Beside;
use crate::platforms::ALL;

pub(super) fn platforms(draft: &Draft, findings: &mut Findings) {
    for platform in ALL.iter().filter(|platform| !draft.platforms.has(platform)) {
        if let Some(why) = platform.missing {
            findings.warn.add(platform.name, why, format!("a table [{}]", platform.name));
        }
    }
    let variable = |name: &str| draft.around.get(name).map(str::to_owned);
    let beside = Beside { roster: draft.roster, figures: draft.figures, variable: &variable };
    for (_, settings) in draft.platforms.iter() {
        settings.check(&beside, findings);
    }
}
