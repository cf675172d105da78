//! Asking an account what it has of the things that a school's file names, for `discover` and `check --online`.
//! Never changes anything there. Enter at [`Survey`]; a platform whose account cannot be asked has none.

use async_trait::async_trait;

use super::Fault;
use super::check::Findings;
use crate::process::definition::{Manager, Route};

/// What the files of a school name beside a platform's own table.
#[derive(Clone, Copy)]
pub struct Named<'a> {
    pub roster: &'a [Manager],
    pub routes: &'a [Route],
}

/// One account that can be asked.
#[async_trait]
pub trait Survey: Send + Sync {
    /// Reports what the account lacks; an error if it could not be asked, and then nothing is reported.
    async fn compare(&self, named: Named<'_>, findings: &mut Findings<'_>) -> Result<(), Fault>;
}
