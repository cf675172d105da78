//! Unsorted requests (sheet 3.12; amocrm.ru/developers/content/crm_platform/unsorted-api): lists, the two kinds
//! that the API can create, what becomes of them. Their webhooks are not sent: no setting of the documentation
//! subscribes to them. Enter at [`Account::unsorted_requests`].

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::changes::LeadChange;
use super::checks::{Flaw, hal, page, problem, read_batch};
use super::complex::{Bundle, Made};
use super::model::Entity;
use super::{Account, count, not_allowed};
use crate::wire::{Query, WireAnswer, WireRequest};

const WRITE_MAX: usize = 250;

/// An unsorted request.
#[derive(Clone, Debug, Serialize)]
pub struct Unsorted {
    pub uid: String,
    /// `sip`, `forms`, `chats` or `mail`; the API creates the first two.
    pub category: String,
    pub source_uid: String,
    pub source_name: String,
    pub pipeline_id: i64,
    pub created_at: DateTime<Utc>,
    pub metadata: Value,
    pub lead: i64,
    pub contact: Option<i64>,
    pub company: Option<i64>,
    pub fate: Fate,
    pub sorted_at: Option<DateTime<Utc>>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    Waiting,
    Accepted,
    Declined,
    Linked,
}

/// What a request for an unsorted lead says of itself.
pub(super) struct Draft {
    category: String,
    source_uid: String,
    source_name: String,
    created_at: Option<DateTime<Utc>>,
    metadata: Map<String, Value>,
    /// The call is to be shown in the lead's feed.
    call: bool,
}

/// The unsorted status of a pipeline: an id of its own that no script uses.
pub(super) fn unsorted_status(pipeline: i64) -> i64 {
    pipeline * 10 + 1
}

impl Draft {
    pub fn read(
        category: &str,
        item: &Map<String, Value>,
        metadata: &Map<String, Value>,
    ) -> Result<Draft, Flaw> {
        if !matches!(category, "sip" | "forms" | "chats") {
            return Err(Flaw::choice("_embedded.metadata.category"));
        }
        let text = |key: &str| item.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
        let created_at = item.get("created_at").and_then(Value::as_i64);
        let mut metadata = metadata.clone();
        metadata.remove("category");
        let call = metadata.remove("is_call_event_needed") == Some(Value::Bool(true));
        Ok(Draft {
            category: category.to_owned(),
            source_uid: text("source_uid"),
            source_name: text("source_name"),
            created_at: created_at.and_then(|at| DateTime::from_timestamp(at, 0)),
            metadata,
            call: call && category == "sip",
        })
    }
}

impl Account {
    pub(super) fn unsorted_requests(
        &mut self,
        now: DateTime<Utc>,
        request: &WireRequest,
        rest: &[&str],
    ) -> WireAnswer {
        match (request.method.as_str(), rest) {
            ("GET", []) => self.list_unsorted(request),
            ("GET", ["summary"]) => self.unsorted_summary(request),
            ("POST", [category @ ("sip" | "forms")]) => self.add_unsorted(now, request, category),
            ("GET", [uid]) => match self.unsorted.iter().find(|one| one.uid == *uid && one.waits()) {
                Some(one) => hal(200, &self.read_unsorted(one)),
                None => WireAnswer::empty(204),
            },
            ("POST", [uid, "accept"]) => self.sort(now, request, uid, Fate::Accepted),
            ("DELETE", [uid, "decline"]) => self.sort(now, request, uid, Fate::Declined),
            ("POST", [uid, "link"]) => self.sort(now, request, uid, Fate::Linked),
            _ => not_allowed(),
        }
    }

    fn list_unsorted(&self, request: &WireRequest) -> WireAnswer {
        let query = request.query();
        let mut found: Vec<&Unsorted> =
            self.unsorted.iter().filter(|one| one.waits() && one.is_asked(&query)).collect();
        found.sort_by_key(|one| one.created_at);
        if query.get("order[created_at]").or(query.get("order[updated_at]")) == Some("desc") {
            found.reverse();
        }
        let shown = found.into_iter().map(|one| self.read_unsorted(one)).collect();
        page(request, "unsorted", shown, (50, 250), &self.base)
    }

    fn unsorted_summary(&self, request: &WireRequest) -> WireAnswer {
        let query = request.query();
        let (from, to) = query.range("filter[created_at]");
        let asked = |one: &&Unsorted| {
            let at = one.created_at.timestamp();
            one.is_asked(&query) && from.is_none_or(|from| at >= from) && to.is_none_or(|to| at <= to)
        };
        let found: Vec<&Unsorted> = self.unsorted.iter().filter(asked).collect();
        let with = |fate: Fate| found.iter().filter(|one| one.fate == fate).count();
        let took: Vec<i64> =
            found.iter().filter_map(|one| Some((one.sorted_at? - one.created_at).num_seconds())).collect();
        let average = took.iter().sum::<i64>() / i64::try_from(took.len().max(1)).unwrap_or(1);
        let of = |category: &str| json!({"total": found.iter().filter(|one| one.waits() && one.category == category).count()});
        hal(
            200,
            &json!({"total": with(Fate::Waiting), "accepted": with(Fate::Accepted),
                    "declined": with(Fate::Declined), "average_sort_time": average,
                    "categories": {"sip": of("sip"), "mail": of("mail"), "forms": of("forms"), "chats": of("chats")},
                    "_links": self.frame().links("/api/v4/leads/unsorted/summary")}),
        )
    }

    fn add_unsorted(&mut self, now: DateTime<Utc>, request: &WireRequest, category: &str) -> WireAnswer {
        let drafts = match read_batch(request, WRITE_MAX, |item| self.read_unsorted_item(item, category)) {
            Ok(drafts) => drafts,
            Err(answer) => return answer,
        };
        let same = |draft: &Draft| {
            let metadata = Value::Object(draft.metadata.clone());
            let known = |one: &&Unsorted| one.source_uid == draft.source_uid && one.metadata == metadata;
            self.unsorted.iter().filter(|one| one.waits() && one.category == category).any(|one| known(&one))
        };
        if drafts.iter().any(|(_, (draft, _))| same(draft)) {
            return problem(400, "Bad Request", "The same request is already unsorted");
        }
        let mut made = Vec::new();
        for (request_id, (draft, bundle)) in drafts {
            let (uid, _) = self.put_unsorted(now, draft, bundle);
            let Some(one) = self.unsorted.iter().find(|one| one.uid == uid) else { continue };
            made.push(json!({"uid": uid, "account_id": self.setup.account_id, "request_id": request_id,
                             "_links": self.unsorted_links(&uid), "_embedded": self.come_along(one)}));
        }
        hal(200, &json!({"_total_items": made.len(), "_embedded": {"unsorted": made}}))
    }

    fn read_unsorted_item(
        &self,
        item: &Map<String, Value>,
        category: &str,
    ) -> Result<(Draft, Bundle), Vec<Flaw>> {
        let empty = Map::new();
        let metadata = item.get("metadata").and_then(Value::as_object).unwrap_or(&empty);
        let mut missing: Vec<String> = ["source_name", "source_uid"]
            .iter()
            .filter(|key| item.get(**key).and_then(Value::as_str).is_none_or(str::is_empty))
            .map(|key| (*key).to_owned())
            .collect();
        let call: &[&str] = &["uniq", "duration", "service_code", "link", "phone", "called_at", "from"];
        let needed = if category == "sip" { call } else { &[] };
        missing.extend(
            needed.iter().filter(|key| !metadata.contains_key(**key)).map(|key| format!("metadata.{key}")),
        );
        if metadata.is_empty() {
            missing.push("metadata".to_owned());
        }
        if !missing.is_empty() {
            return Err(missing.into_iter().map(Flaw::missing).collect());
        }
        let embedded = item.get("_embedded").unwrap_or(&Value::Null);
        let mut lead = embedded.pointer("/leads/0").and_then(Value::as_object).cloned().unwrap_or_default();
        if let Some(pipeline) = item.get("pipeline_id") {
            lead.insert("pipeline_id".into(), pipeline.clone());
        }
        let bundle = self.read_bundle(&lead, embedded)?;
        Draft::read(category, item, metadata).map(|draft| (draft, bundle)).map_err(|flaw| vec![flaw])
    }

    /// Returns its uid and the ids of what came along.
    pub(super) fn put_unsorted(
        &mut self,
        now: DateTime<Utc>,
        draft: Draft,
        bundle: Bundle,
    ) -> (String, Made) {
        let main = self.main_pipeline().map_or(0, |pipeline| pipeline.id);
        let pipeline_id = bundle.lead.pipeline_id.unwrap_or(main);
        let made = self.make(now, bundle, true);
        if draft.call {
            let params = Value::Object(draft.metadata.clone());
            self.create_note(now, (Entity::Leads, made.lead), "call_in", params, 0);
        }
        let uid = format!("5be10c{:026x}", count(&mut self.ids.unsorted));
        self.unsorted.push(Unsorted {
            uid: uid.clone(),
            category: draft.category,
            source_uid: draft.source_uid,
            source_name: draft.source_name,
            pipeline_id,
            created_at: draft.created_at.unwrap_or(now),
            metadata: Value::Object(draft.metadata),
            lead: made.lead,
            contact: made.contact,
            company: made.company,
            fate: Fate::Waiting,
            sorted_at: None,
        });
        (uid, made)
    }

    /// Accepts, declines or joins a request; once only.
    fn sort(&mut self, now: DateTime<Utc>, request: &WireRequest, uid: &str, fate: Fate) -> WireAnswer {
        let Some(one) = self.unsorted.iter().find(|one| one.uid == uid).cloned() else {
            return problem(404, "Not Found", "Unsorted not found");
        };
        let body = request.json().unwrap_or(Value::Null);
        let user = body.get("user_id").and_then(Value::as_i64);
        if !one.waits() || user.is_some_and(|user| !self.knows_user(user)) {
            return problem(400, "Bad Request", "Handled already, or the user is unknown");
        }
        let author = user.unwrap_or(self.setup.token_user);
        let done = match fate {
            Fate::Accepted => self.accept(now, &one, body.get("status_id").and_then(Value::as_i64), author),
            Fate::Linked => self.join(now, &one, &body, author),
            _ => {
                self.delete_lead(now, one.lead, author);
                one.contact.into_iter().for_each(|contact| self.delete_contact(now, contact, author));
                Ok(json!({"uid": uid, "pipeline_id": one.pipeline_id, "category": one.category,
                          "created_at": one.created_at.timestamp(), "_embedded": self.come_along(&one)}))
            }
        };
        let known = self.unsorted.iter_mut().find(|known| known.uid == uid);
        match (done, known) {
            (Ok(body), Some(known)) => {
                (known.fate, known.sorted_at) = (fate, Some(now));
                hal(200, &body)
            }
            (Err(why), _) => problem(400, "Bad Request", why),
            (Ok(_), None) => problem(404, "Not Found", "Unsorted not found"),
        }
    }

    fn accept(
        &mut self,
        now: DateTime<Utc>,
        one: &Unsorted,
        status: Option<i64>,
        author: i64,
    ) -> Result<Value, &'static str> {
        let statuses = self.pipeline(one.pipeline_id).map(|pipeline| pipeline.statuses.as_slice());
        let statuses = statuses.unwrap_or_default();
        let status = match status {
            Some(id) => statuses.iter().find(|status| status.id == id),
            None => statuses.first(),
        };
        let Some(status_id) = status.map(|status| status.id) else {
            return Err("No such status in the pipeline");
        };
        for (kind, id) in [(Entity::Companies, one.company), (Entity::Contacts, one.contact)] {
            let Some(id) = id else { continue };
            let card = self.cards_mut(kind).get_mut(&id);
            if card.is_some_and(|card| std::mem::take(&mut card.hidden)) {
                self.echo_card(now, (kind, id), "add", None);
            }
        }
        let change = LeadChange { status_id: Some(status_id), ..LeadChange::default() };
        self.change_lead(now, one.lead, &change, author);
        Ok(json!({"uid": one.uid, "pipeline_id": one.pipeline_id, "category": one.category,
                  "created_at": one.created_at.timestamp(), "_embedded": self.come_along(one)}))
    }

    /// Only chats can be joined to a lead that exists.
    fn join(
        &mut self,
        now: DateTime<Utc>,
        one: &Unsorted,
        body: &Value,
        author: i64,
    ) -> Result<Value, &'static str> {
        let target = body.pointer("/link/entity_id").and_then(Value::as_i64);
        let is_lead = body.pointer("/link/entity_type").and_then(Value::as_str) == Some("leads");
        let Some(lead) = target.filter(|id| is_lead && self.has_entity(Entity::Leads, *id)) else {
            return Err("link.entity_id is no lead");
        };
        if one.category != "chats" {
            return Err("Only chats can be linked");
        }
        self.delete_lead(now, one.lead, author);
        Ok(json!({"uid": one.uid, "_embedded": {"leads": [self.line(Entity::Leads, lead)]}}))
    }

    fn read_unsorted(&self, one: &Unsorted) -> Value {
        json!({
            "uid": one.uid, "source_uid": one.source_uid, "source_name": one.source_name,
            "category": one.category, "pipeline_id": one.pipeline_id, "created_at": one.created_at.timestamp(),
            "metadata": one.metadata, "account_id": self.setup.account_id,
            "_links": self.unsorted_links(&one.uid), "_embedded": self.come_along(one),
        })
    }

    fn unsorted_links(&self, uid: &str) -> Value {
        self.frame().links(&format!("/api/v4/leads/unsorted/{uid}"))
    }

    fn come_along(&self, one: &Unsorted) -> Value {
        let card = |kind: Entity, id: Option<i64>| -> Vec<Value> {
            id.iter().map(|id| self.line(kind, *id)).collect()
        };
        json!({"contacts": card(Entity::Contacts, one.contact), "leads": [self.line(Entity::Leads, one.lead)],
               "companies": card(Entity::Companies, one.company)})
    }

    /// An entity as others name it.
    pub(super) fn line(&self, kind: Entity, id: i64) -> Value {
        json!({"id": id, "_links": self.frame().links(&format!("/api/v4/{}/{id}", kind.plural()))})
    }
}

impl Unsorted {
    fn waits(&self) -> bool {
        self.fate == Fate::Waiting
    }

    fn is_asked(&self, query: &Query) -> bool {
        let among = |name: &str, value: &str| {
            let list = query.list(name);
            list.is_empty() || list.contains(&value)
        };
        among("filter[uid]", &self.uid)
            && among("filter[category]", &self.category)
            && among("filter[pipeline_id]", &self.pipeline_id.to_string())
    }
}
