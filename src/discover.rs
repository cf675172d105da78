//! `dozvon discover`: lists the ids of a school's amoCRM account, and where the configuration names something
//! that is missing there. Never changes anything. Enter at [`discover`].

use std::fmt::Write;
use std::sync::Arc;

use crate::clock::WallClock;
use crate::config::{Config, School};
use crate::outbound::{Builder, RealNetwork, Wiring};
use crate::platform::amocrm::settings::Auth;
use crate::platform::amocrm::{
    self,
    discover::{Found, Named},
};
use crate::secret::Vault;
use crate::store::Backend;
use crate::store::embedded::Embedded;

/// Prints the account for a person, with a line for each mismatch. The account's budget and its tokens are in
/// the store; before there is one, a long-lived token works without it.
pub async fn discover(
    config: &Config,
    school: &School,
    backend: &Backend,
) -> Result<(String, Vec<String>), String> {
    let settings = school.crm().ok_or_else(|| format!("school {} has no [amocrm]", school.id))?;
    let store = match (backend.visit().await, &settings.auth) {
        (Err(_), Auth::LongLived { .. }) => Embedded::in_memory().map(|store| Arc::new(store) as _),
        (visited, _) => visited,
    };
    let wiring = Wiring {
        store: store.map_err(|error| error.to_string())?,
        clock: Arc::new(WallClock),
        vault: config.instance.vault_key.as_ref().map(Vault::new),
        data: config.instance.data.clone(),
        url: config.instance.url.clone(),
    };
    let client = amocrm::client(settings, &school.id, &mut Builder::new(&RealNetwork, &wiring, None))?;
    let found = crate::platform::amocrm::discover::discover(&client).await;
    let found = found.map_err(|fault| format!("amoCRM cannot be read: {fault}"))?;
    let managers = school.process.roster.iter().filter_map(|m| Some((m.id.clone(), m.amocrm?))).collect();
    let mismatches = found.against(settings, &managers).into_iter();
    let lines = mismatches.map(|one| format!("  {}: {}; there are: {}", one.key, one.wrong, one.allowed));
    Ok((shown(&found), lines.collect()))
}

fn shown(found: &Found) -> String {
    let mut text = format!("account {} «{}», {}\n", found.account_id, found.name, found.zone);
    for pipeline in found.pipelines.iter().filter(|pipeline| !pipeline.archived) {
        let _ = writeln!(text, "\npipeline {} {}", pipeline.id, pipeline.name);
        rows(&mut text, &pipeline.statuses);
    }
    text.push_str("\nusers\n");
    for user in &found.users {
        let away = if user.active { "" } else { " (deactivated)" };
        let _ = writeln!(text, "  {} {}{away}", user.id, user.name);
    }
    for (title, named) in [
        ("lead fields", &found.lead_fields),
        ("contact fields", &found.contact_fields),
        ("loss reasons", &found.loss_reasons),
        ("task types", &found.task_types),
    ] {
        let _ = writeln!(text, "\n{title}");
        rows(&mut text, named);
    }
    text
}

fn rows(text: &mut String, named: &[Named]) {
    for one in named {
        let _ = writeln!(text, "  {} {}", one.id, one.name);
    }
}
