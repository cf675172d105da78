//! Which of the managers and offers that a school's files name are in its GetCourse account (sheet, 3.5), and
//! whether the author of comments is there. Never reads a client or an order. Enter at [`GcSurvey`].

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::Value;

use super::{Client, tech};
use crate::platform::Fault;
use crate::platform::check::Findings;
use crate::platform::survey::{Named, Survey};
use crate::process::Urgency;

/// Most items of the account that a finding names.
const SHOWN_MAX: usize = 8;

pub struct GcSurvey {
    pub client: Client,
    pub comment_author: Option<u64>,
}

#[async_trait]
impl Survey for GcSurvey {
    /// The lists are those of the account's own choice: staff without the role of a manager may be absent, so
    /// these are warnings.
    async fn compare(&self, named: Named<'_>, findings: &mut Findings<'_>) -> Result<(), Fault> {
        let managers = self.ids("common/get-personal-managers").await?;
        // An empty list says nothing.
        for manager in named.roster.iter().filter(|_| !managers.is_empty()) {
            if let Some(id) = manager.getcourse.filter(|id| !managers.contains(&id.to_string())) {
                let key = format!("managers.{}.getcourse", manager.id);
                findings.warn.add(key, format!("no manager `{id}` in GetCourse"), listed(&managers));
            }
        }
        if let Some(author) = self.comment_author.map(|id| id.to_string())
            && !managers.contains(&author)
            && !self.is_user(&author).await?
        {
            let why = format!("no user `{author}` in GetCourse: it would refuse every comment");
            findings.warn.add("getcourse.comment_author", why, listed(&managers));
        }
        let offers = self.ids("offer/get-offers").await?;
        for route in named.routes {
            let is_known = |offer: &&String| offers.is_empty() || offers.contains(offer.trim());
            for offer in route.offers.iter().filter(|offer| !is_known(offer)) {
                let key = format!("routes.{}.offers", route.name);
                findings.warn.add(key, format!("no offer `{offer}` in GetCourse"), listed(&offers));
            }
        }
        Ok(())
    }
}

impl GcSurvey {
    /// The author may be a user who is no manager.
    async fn is_user(&self, id: &str) -> Result<bool, Fault> {
        match self.client.read("user/get-fields", &[("userId", id)], Urgency::Backfill).await {
            Ok(data) => Ok(tech::only(&data, id).is_some()),
            Err(Fault::Never { .. }) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    async fn ids(&self, method: &str) -> Result<BTreeSet<String>, Fault> {
        let found = self.client.read(method, &[], Urgency::Backfill).await?;
        let items = found.as_array().map(Vec::as_slice).unwrap_or_default();
        let id = |item: &Value| match &item["id"] {
            Value::Number(id) => Some(id.to_string()),
            Value::String(id) => Some(id.trim().to_owned()),
            _ => None,
        };
        Ok(items.iter().filter_map(id).collect())
    }
}

/// A few of them: names of people are not repeated.
fn listed(ids: &BTreeSet<String>) -> String {
    let shown = ids.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
    match ids.len().saturating_sub(SHOWN_MAX) {
        0 => shown,
        more => format!("{shown}, {more} more"),
    }
}
