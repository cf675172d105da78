//! Stages: a lead only moves forward, and a lead that a person closed stays closed (K2). Never reopens a
//! lead, never moves one back from a pipeline that a person chose, never sends a loss reason without the
//! loss. Enter at [`AmoAttempt::set_stage`].

use serde_json::json;

use super::{AmoAttempt, lead_is_gone};
use crate::platform::amocrm::card::{Lead, list, number};
use crate::platform::amocrm::client::Call;
use crate::platform::amocrm::wire::{LOST, WON};
use crate::platform::{Fault, Receipt};
use crate::process::{LeadRole, RefusalReason, Stage};

/// What a loss may close: a won lead only after its money was given back (L16).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closes {
    Open,
    Won,
}

impl AmoAttempt<'_> {
    /// `Won` overrides everything, even a loss (L4), and is sent at once. Every other move reads the lead
    /// first: the webhook about a person's own move may be late or lost.
    pub(super) async fn set_stage(
        &self,
        (role, further): (LeadRole, Option<u64>),
        stage: Stage,
        reason: Option<RefusalReason>,
        closes: Closes,
    ) -> Result<Receipt, Fault> {
        let Some(status) = self.status(role, further, stage)? else { return Ok(Receipt::default()) };
        let id = self.lead_id(role).await?;
        // A pipeline that has left the school's file still wins and loses its leads.
        let mut pipeline = match further {
            Some(id) => id,
            None => self.pipeline(role, None)?.id,
        };
        if stage != Stage::Won {
            let lead = self.search().lead(id).await?.ok_or_else(lead_is_gone)?;
            let refunded = closes == Closes::Won && stage == Stage::Lost && lead.status == WON;
            if !refunded && !self.is_forward(&lead, (role, further), stage, status).await? {
                return Ok(Receipt::default());
            }
            if stage == Stage::Lost {
                pipeline = lead.pipeline;
            }
        }
        // The ids of won and lost are the same in every pipeline, so both ids are always sent.
        let mut body = json!({ "pipeline_id": pipeline, "status_id": status });
        let reason = reason.and_then(|reason| self.settings().loss_reasons.get(&reason));
        if let (LOST, Some(reason)) = (status, reason) {
            body["loss_reason_id"] = (*reason).into();
        }
        self.patch_lead(id, body).await?;
        if stage == Stage::Won {
            self.close_strays(id).await?;
        }
        Ok(Receipt::default())
    }

    async fn is_forward(
        &self,
        lead: &Lead,
        (role, further): (LeadRole, Option<u64>),
        stage: Stage,
        status: u64,
    ) -> Result<bool, Fault> {
        if lead.is_closed() {
            // A loss without a reason may still get one.
            return Ok(stage == Stage::Lost && lead.status == LOST && lead.loss_reason.is_none());
        }
        if stage == Stage::Lost {
            return Ok(true);
        }
        let pipeline = self.pipeline(role, further)?;
        if lead.pipeline != pipeline.id || lead.status == status {
            return Ok(false);
        }
        match pipeline.stages.iter().find(|(_, status)| **status == lead.status) {
            Some((current, _)) => Ok(*current < stage),
            None => self.stands_before(lead, status).await,
        }
    }

    /// For a status that the school's file does not name, the pipeline's own order decides.
    async fn stands_before(&self, lead: &Lead, status: u64) -> Result<bool, Fault> {
        let path = format!("/api/v4/leads/pipelines/{}/statuses", lead.pipeline);
        let Some(body) = self.client().read(&Call::get(&path, &[], self.command.urgency)).await? else {
            return Ok(true);
        };
        let sort = |wanted: u64| {
            let statuses = list(&body["_embedded"]["statuses"]);
            let found = statuses.iter().find(|one| number(&one["id"]) == Some(wanted))?;
            number::<i64>(&found["sort"])
        };
        Ok(match (sort(lead.status), sort(status)) {
            (Some(current), Some(wanted)) => current < wanted,
            _ => true,
        })
    }
}
