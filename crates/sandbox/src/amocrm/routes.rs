//! Which request goes where: tokens and the account's state first, then the path (sheet 1, 3). It never reads an
//! entity. Enter at [`Account::handle`].

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::checks::problem;
use super::model::Entity;
use super::{Account, Unpaid, not_allowed};
use crate::rng::Rng;
use crate::wire::{WireAnswer, WireRequest};

/// Most starts of a Salesbot in one request.
const BOTS_MAX: usize = 100;

impl Account {
    /// Answers a request that has passed the gate.
    pub fn handle(&mut self, now: DateTime<Utc>, request: &WireRequest, rng: &mut Rng) -> WireAnswer {
        if let Some(host) = request.header("host") {
            self.base = format!("http://{host}");
        }
        let path = request.path_only().to_owned();
        let words: Vec<&str> = path.split('/').skip(1).collect();
        if let ["oauth2", rest @ ..] = words.as_slice() {
            return self.oauth(now, request, rest, rng);
        }
        if self.renamed.is_some() {
            return problem(401, "Unauthorized", "Аккаунт не найден (101)");
        }
        if let Err(answer) = self.auth.check(now, request) {
            return answer;
        }
        if let Some(answer) = self.refused(request, &words) {
            return answer;
        }
        match words.as_slice() {
            ["api", "v4", rest @ ..] => self.route(now, request, rest),
            ["api", "v2", "events"] if request.method == "POST" => self.pop_up(request),
            ["api", "v2", "salesbot", "run"] if request.method == "POST" => self.run_bot(request),
            _ => problem(404, "Not Found", "No such method"),
        }
    }

    fn oauth(
        &mut self,
        now: DateTime<Utc>,
        request: &WireRequest,
        words: &[&str],
        rng: &mut Rng,
    ) -> WireAnswer {
        let domain = self.base.split_once("://").map_or(self.base.as_str(), |(_, host)| host).to_owned();
        let valid = match (request.method.as_str(), words) {
            ("POST", ["access_token"]) => {
                // Nobody who follows the claim leaves the stand-in.
                return self.auth.token(now, request, &self.setup, rng, &domain);
            }
            ("GET", ["account", "current", "subdomain"]) => {
                self.auth.knows_refresh(now, request.header("x-refresh-token").unwrap_or(""))
            }
            ("GET", ["account", "subdomain"]) => self.auth.check(now, request).is_ok(),
            _ => return problem(405, "Method Not Allowed", "POST only"),
        };
        if !valid {
            return problem(401, "Unauthorized", "Неверный логин или пароль");
        }
        let subdomain = self.renamed.as_ref().unwrap_or(&self.setup.subdomain);
        WireAnswer::json(
            200,
            &json!({"id": self.setup.account_id, "subdomain": subdomain, "domain": domain, "top_level_domain": "ru"}),
        )
    }

    /// An unpaid account, and methods for administrators (sheet 1.7).
    fn refused(&self, request: &WireRequest, words: &[&str]) -> Option<WireAnswer> {
        let read = request.method == "GET";
        if self.unpaid == Unpaid::All || (self.unpaid == Unpaid::Writes && !read) {
            return Some(problem(402, "Payment Required", "Аккаунт не оплачен"));
        }
        let managed = matches!(words, ["api", "v4", "users" | "roles" | "webhooks", ..]);
        let denied = managed && !self.setup.token_admin;
        denied.then(|| problem(403, "Forbidden", "Недостаточно прав для вызова данного метода (244)"))
    }

    fn route(&mut self, now: DateTime<Utc>, request: &WireRequest, words: &[&str]) -> WireAnswer {
        match (request.method.as_str(), words) {
            ("GET", ["account"]) => self.account(request),
            ("GET", ["users", rest @ ..]) => self.users(request, rest),
            ("GET", ["roles", rest @ ..]) => self.roles(request, rest),
            ("GET", ["leads", "pipelines", rest @ ..]) => self.pipelines(request, rest),
            ("GET", ["leads", "loss_reasons", rest @ ..]) => self.loss_reasons(request, rest),
            (_, ["leads", "unsorted", rest @ ..]) => self.unsorted_requests(now, request, rest),
            ("GET", ["events", rest @ ..]) => self.events(request, rest),
            ("GET", ["webhooks"]) => self.list_subscriptions(request),
            ("POST", ["webhooks"]) => self.subscribe(now, request),
            ("DELETE", ["webhooks"]) => self.unsubscribe(request),
            ("POST", ["leads", "complex"]) => self.complex(now, request),
            ("POST", ["calls"]) => self.add_calls(now, request),
            (_, ["tasks"]) => self.tasks(now, request, None),
            (_, ["tasks", task]) if number(task).is_some() => self.tasks(now, request, number(task)),
            (_, [kind, rest @ ..]) if Entity::from_word(kind).is_some() => {
                let kind = Entity::from_word(kind).unwrap_or(Entity::Leads);
                self.route_entity(now, request, kind, rest)
            }
            (_, ["account" | "users" | "roles" | "events" | "webhooks" | "calls", ..]) => not_allowed(),
            _ => problem(404, "Not Found", "No such method"),
        }
    }

    /// What leads, contacts and companies have in common.
    fn route_entity(
        &mut self,
        now: DateTime<Utc>,
        request: &WireRequest,
        kind: Entity,
        words: &[&str],
    ) -> WireAnswer {
        match (request.method.as_str(), words) {
            ("GET", ["custom_fields", rest @ ..]) => self.custom_fields(request, kind, rest),
            ("GET" | "POST", ["tags"]) => self.tags_of(request, kind),
            (_, ["notes", rest @ ..]) => self.notes(now, request, kind, None, rest),
            (_, [id, "notes", rest @ ..]) => self.notes(now, request, kind, number(id), rest),
            (_, [id, word @ ("links" | "link" | "unlink")]) => {
                self.links(now, request, kind, number(id), word)
            }
            (_, [word @ ("links" | "link" | "unlink")]) => self.links(now, request, kind, None, word),
            (_, [] | [_]) => {
                let id = words.first().and_then(|word| number(word));
                match kind {
                    _ if id.is_none() && !words.is_empty() => problem(404, "Not Found", "No such method"),
                    Entity::Leads => self.lead_requests(now, request, id),
                    kind => self.card_requests(now, request, kind, id),
                }
            }
            _ => problem(404, "Not Found", "No such method"),
        }
    }

    /// `POST /api/v2/salesbot/run` (sheet 3.19): success says nothing of what the bot will do. The newer
    /// `/api/v4/bots` is not known to exist here, so it answers 404.
    fn run_bot(&mut self, request: &WireRequest) -> WireAnswer {
        let Some(Value::Array(runs)) =
            request.json().filter(|runs| runs.as_array().is_some_and(|runs| runs.len() <= BOTS_MAX))
        else {
            return problem(400, "Bad Request", "An array of up to 100 runs is needed");
        };
        let known = |run: &Value| {
            let id = run["entity_id"].as_i64().unwrap_or(0);
            let kind = match run["entity_type"].as_i64() {
                Some(1) => Entity::Contacts,
                Some(2) => Entity::Leads,
                _ => return false,
            };
            run["bot_id"].is_i64() && self.has_entity(kind, id)
        };
        if runs.is_empty() || !runs.iter().all(known) {
            return problem(400, "Bad Request", "bot_id, entity_id and entity_type are needed");
        }
        self.bot_runs.extend(runs);
        WireAnswer::json(
            200,
            &json!({"success": true, "_links": {"self": {"href": "/api/v2/salesbot/run", "method": "post"}}}),
        )
    }
}

fn number(word: &str) -> Option<i64> {
    word.parse().ok()
}
