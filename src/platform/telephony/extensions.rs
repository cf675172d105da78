//! Compares the managers' extensions with those of a provider's account. Never changes anything there. Enter at
//! [`LineSurvey`]; a provider implements [`Extensions`] if its account can be asked.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::platform::Fault;
use crate::platform::check::Findings;
use crate::platform::http::{NoResponse, Response};
use crate::platform::survey::{Named, Survey};

/// An account that lists its extensions.
#[async_trait]
pub trait Extensions: Send + Sync {
    async fn known(&self) -> Result<BTreeSet<String>, Fault>;
}

/// The comparison, the same for every provider.
pub struct LineSurvey {
    pub provider: &'static str,
    pub extensions: Box<dyn Extensions>,
}

#[async_trait]
impl Survey for LineSurvey {
    /// With two providers an extension may belong to the other one, so these are warnings.
    async fn compare(&self, named: Named<'_>, findings: &mut Findings<'_>) -> Result<(), Fault> {
        let known = self.extensions.known().await?;
        let all = known.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        for manager in named.roster.iter().filter(|manager| manager.active) {
            if let Some(extension) = manager.extension.as_ref().filter(|one| !known.contains(*one)) {
                let wrong = format!("no extension `{extension}` in {}", self.provider);
                findings.warn.add(format!("managers.{}.extension", manager.id), wrong, all.clone());
            }
        }
        Ok(())
    }
}

/// No answer to a question about extensions.
pub fn no_response(silence: NoResponse) -> Fault {
    Fault::later(silence.to_string())
}

/// An answer without the list; its text is not repeated.
pub fn refused(provider: &str, response: &Response) -> Fault {
    let why = format!("{provider} answers {} without its extensions", response.status);
    match response.status {
        401 | 403 => Fault::denied(format!("{why}: are the keys right?")),
        _ => Fault::later(why),
    }
}
