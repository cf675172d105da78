//! Carries commands out in amoCRM: finds, creates or changes entities, safely on repetition. Never decides
//! what to do, never moves a lead backwards, never creates what it can find. Enter at [`AmoCourier`].

mod feed;
mod lead;
mod next_note;
mod person;
mod price;
mod read_back;
mod stage;
mod strays;
mod task;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::TimeDelta;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::batch_writes::{Write, WriteBatcher, WriteKind, WriteTo};
use super::classify::Reply;
use super::client::AmoClient;
use super::discover;
use super::drop_rejected;
use super::mirror::Mirror;
use super::oauth::OauthTokens;
use super::search::Search;
use super::settings::{Pipeline, Settings};
use super::shared_reads::SharedReads;
use super::subscription;
use crate::link;
use crate::message::library::Library;
use crate::message::outside::Outside;
use crate::platform::{Courier, Fault, Links, Mirroring, Receipt, Room, Try};
use crate::process::{Ask, At, Command, CommandId, LeadRole, ManagerId};
use crate::secret::Secret;
use crate::signal::Consent;

/// How often the account itself is checked (token, webhook).
const CHORE_EVERY: TimeDelta = TimeDelta::hours(24);

/// So many doubts are remembered, the newest: those of deliveries that another instance has settled do not
/// end here. Without its doubt a delivery is looked for as after a restart.
const DOUBTS_MAX: usize = 10_000;

/// The courier of one school's account.
pub struct AmoCourier {
    client: AmoClient,
    batcher: WriteBatcher,
    shared_reads: SharedReads,
    mirror: Mirror,
    settings: Arc<Settings>,
    /// Our managers → users of the account.
    managers: BTreeMap<ManagerId, u64>,
    /// The words of this school.
    texts: Library,
    /// The head's user: gets the tasks that nobody else can have.
    head: Option<u64>,
    /// Our own address for the account's webhooks; `None` if amoCRM cannot reach us.
    webhook: Option<Secret>,
    /// Takes a consent's code; `None` with a long-lived token.
    oauth: Option<OauthTokens>,
    /// Commands with an unclear outcome, since when, as far as this process has seen it.
    doubts: Mutex<BTreeMap<CommandId, At>>,
    /// The user whom the token stands for: the responsible of all that names none.
    token_user: OnceCell<Option<u64>>,
}

impl AmoCourier {
    fn doubts(&self) -> MutexGuard<'_, BTreeMap<CommandId, At>> {
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn doubt(&self, command: &CommandId, now: At) {
        let mut doubts = self.doubts();
        doubts.entry(command.clone()).or_insert(now);
        if doubts.len() > DOUBTS_MAX {
            let oldest = doubts.iter().min_by_key(|(_, since)| **since).map(|(id, _)| id.clone());
            oldest.iter().for_each(|id| _ = doubts.remove(id));
        }
    }

    pub fn new(client: AmoClient, settings: Arc<Settings>, managers: BTreeMap<ManagerId, u64>) -> Self {
        let (batcher, shared_reads) = (WriteBatcher::new(client.clone()), SharedReads::new(client.clone()));
        Self {
            client,
            batcher,
            shared_reads,
            mirror: Mirror::default(),
            settings,
            managers,
            texts: Library::shipped(),
            head: None,
            webhook: None,
            oauth: None,
            doubts: Mutex::default(),
            token_user: OnceCell::new(),
        }
    }

    pub fn saying(self, texts: Library) -> Self {
        Self { texts, ..self }
    }

    pub fn headed_by(self, head: Option<u64>) -> Self {
        Self { head, ..self }
    }

    /// Takes consents given on the account's page.
    pub fn consenting(self, tokens: OauthTokens) -> Self {
        Self { oauth: Some(tokens), ..self }
    }

    /// Keeps the account subscribed to this address, which contains the path secret.
    pub fn subscribed_to(self, webhook: Secret) -> Self {
        Self { webhook: Some(webhook), ..self }
    }
}

#[async_trait]
impl Courier for AmoCourier {
    /// Batches form from these lanes: several kinds of writes wait at a time, each up to a full request.
    fn room(&self) -> Room {
        Room { together: 200, alone: 6, money: 50 }
    }

    async fn deliver(
        &self,
        command: &Command,
        tried: Try,
        links: &dyn Links,
        now: At,
    ) -> Result<Receipt, Fault> {
        let since = self.doubts().get(&command.id).copied();
        let again = Mutex::default();
        let attempt = AmoAttempt { courier: self, command, tried, since, links, again: &again, now };
        let mut outcome = attempt.run().await;
        if let Ok(receipt) = &mut outcome {
            receipt.links.extend(again.into_inner().unwrap_or_else(PoisonError::into_inner));
        }
        if let Err(Fault::Unclear { .. }) = outcome {
            self.doubt(&command.id, now);
        }
        outcome
    }

    fn forget(&self, command: &CommandId) {
        self.doubts().remove(command);
    }

    async fn consent(&self, consent: &Consent) -> Result<(), Fault> {
        match &self.oauth {
            Some(tokens) => tokens.consent(consent).await,
            None => Err(Fault::never("the school signs in with a long-lived token")),
        }
    }

    async fn mirror(&self, links: &dyn Links, now: At) -> Result<Option<Mirroring>, Fault> {
        self.mirror.go_on(&self.client, links, now).await.map(Some)
    }

    fn ends(&self) -> Option<At> {
        self.client.tokens().ends()
    }

    async fn chore(&self, now: At) -> Result<At, Fault> {
        let daily = now + CHORE_EVERY;
        let token_due = self.client.tokens().upkeep().await?;
        if let Some(webhook) = &self.webhook {
            match subscription::ensure(&self.client, webhook).await {
                Ok(()) => {}
                // The tariff or the user may lack this right: deliveries continue, and the log says so. Whether
                // the account is alive is asked separately.
                Err(Fault::Denied { why } | Fault::Never { why }) => {
                    discover::is_open(&self.client).await?;
                    tracing::warn!("amoCRM: the webhook subscription cannot be checked: {why}");
                }
                Err(Fault::Later { why, after_ms }) => return Err(Fault::Later { why, after_ms }),
                Err(Fault::Unclear { why } | Fault::Missing { why } | Fault::Soon { why }) => {
                    return Err(Fault::later(why));
                }
            }
        }
        Ok(token_due.map_or(daily, |due| due.min(daily)))
    }
}

/// One attempt to deliver one command, with everything that it may look at.
#[derive(Clone, Copy)]
struct AmoAttempt<'a> {
    courier: &'a AmoCourier,
    command: &'a Command,
    tried: Try,
    /// When the outcome became unclear, if this process saw it.
    since: Option<At>,
    links: &'a dyn Links,
    /// Entries of the index that were lost and found again.
    again: &'a Mutex<Vec<(String, String)>>,
    now: At,
}

impl AmoAttempt<'_> {
    async fn run(&self) -> Result<Receipt, Fault> {
        let command = self.command;
        match &command.ask {
            Ask::SaveLead(ask) => self.save_lead(ask).await,
            Ask::SaveContact(person) => self.save_contact(person).await,
            Ask::SetStage { role, pipeline, stage, reason, refunded } => {
                let closes = if *refunded { stage::Closes::Won } else { stage::Closes::Open };
                self.set_stage((*role, *pipeline), *stage, *reason, closes).await
            }
            Ask::SetResponsible { role, manager } => self.set_responsible(*role, manager).await,
            Ask::SetPrice { role, price } => self.set_price(*role, price).await,
            Ask::SetTags { role, add, remove } => self.set_tags(*role, add, remove).await,
            Ask::ClearField { role, field } => self.clear_field(*role, *field).await,
            Ask::CreateTask(ask) => self.create_task(ask).await,
            Ask::MoveTask { task, due, responsible, text } => {
                self.move_task(task, *due, responsible.as_ref(), text.as_deref()).await
            }
            Ask::CloseTask { task, result } => self.close_task(task, result).await,
            Ask::AddNote { role, text } => self.add_note(*role, text).await,
            Ask::ShowNext { role, text } => self.show_next(*role, text.as_deref()).await,
            Ask::AddCall { role, call } => self.add_call(*role, call).await,
            Ask::ReadBack(what) => self.read_back(what).await,
            Ask::SetStatus { .. }
            | Ask::AddComment { .. }
            | Ask::SetOrderManager { .. }
            | Ask::SendLetter(_)
            | Ask::StartCall(_) => Err(not_for_the_crm()),
        }
    }

    fn client(&self) -> &AmoClient {
        &self.courier.client
    }

    fn batcher(&self) -> &WriteBatcher {
        &self.courier.batcher
    }

    fn settings(&self) -> &Settings {
        &self.courier.settings
    }

    fn search(&self) -> Search<'_> {
        let Self { courier, command, .. } = self;
        Search { client: &courier.client, shared_reads: &courier.shared_reads, urgency: command.urgency }
    }

    /// A write of this command; its id identifies its part of the answer.
    fn write(&self, kind: WriteKind, to: WriteTo, item: Value) -> Write {
        let Command { id, urgency, .. } = self.command;
        Write { kind, to, id: id.to_string(), item, instead: Vec::new(), urgency: *urgency }
    }

    fn words(&self, what: Outside) -> String {
        self.courier.texts.outside(what)
    }

    fn user(&self, manager: &ManagerId) -> Option<u64> {
        self.courier.managers.get(manager).copied()
    }

    fn pipeline(&self, role: LeadRole, further: Option<u64>) -> Result<&Pipeline, Fault> {
        let found = self.settings().pipeline(role, further);
        found.ok_or_else(|| {
            Fault::never(match further {
                Some(id) => format!("no pipeline of amocrm.sales_pipelines has the id {id}"),
                None => format!("no pipeline amocrm.pipelines.{} is configured", role.as_str()),
            })
        })
    }

    async fn link(&self, key: &str) -> Result<Option<u64>, Fault> {
        Ok(self.links.find(key).await?.and_then(|id| id.parse().ok()))
    }

    /// The known lead of this order: from the index, or because the order began as that lead. If there may have
    /// been more than the index says, also by the order's number.
    async fn known_lead(&self, role: LeadRole) -> Result<Option<u64>, Fault> {
        let order = &self.command.order;
        let linked = self.link(&link::lead(order, role)).await?;
        match linked.or_else(|| order.lead().filter(|_| role == LeadRole::Sales)) {
            None if self.tried == Try::MayBeDone => self.unlisted_lead(role).await,
            known => Ok(known),
        }
    }

    /// As [`Self::known_lead`]. A lane is worked in order, so a lead that is missing was refused, or is made in
    /// another lane or by a later command.
    async fn lead_id(&self, role: LeadRole) -> Result<u64, Fault> {
        self.known_lead(role)
            .await?
            .ok_or_else(|| Fault::Missing { why: format!("its {} lead was not made", role.as_str()) })
    }

    /// Changes one lead. What the account refuses and what can be dropped is dropped.
    async fn patch_lead(&self, id: u64, body: Value) -> Result<Vec<drop_rejected::LeftOut>, Fault> {
        match drop_rejected::send(self.batcher(), self.write(WriteKind::Lead, WriteTo::Known(id), body))
            .await?
        {
            (Reply::Rejected(rejection), _) if rejection.status == 404 => Err(lead_is_gone()),
            (Reply::Rejected(rejection), _) => Err(rejection.fault()),
            (_, left_out) => Ok(left_out),
        }
    }
}

fn not_for_the_crm() -> Fault {
    Fault::never("this command is not for the CRM")
}

/// Deleted, or merged into another lead: only a person knows which.
fn lead_is_gone() -> Fault {
    Fault::never("the lead is no longer in amoCRM: deleted, or merged into another")
}

/// Once something has been created, «nothing was done» is no longer true: the next try looks first.
fn after_a_write(fault: Fault) -> Fault {
    match fault {
        Fault::Later { why, .. } | Fault::Soon { why } => Fault::Unclear { why },
        other => other,
    }
}
