//! Mistakes of a setup that can be parsed: unknown names, invalid times. Reports all mistakes at once.
//! Enter at [`Setup::problems`].

use super::getcourse::model::STATUSES;
use super::script::{AnswerScript, Deed, EventScript, OrderScript};
use super::setup::Setup;

impl Setup {
    /// All mistakes at once, each with the script it is in.
    pub fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = self.managers.iter().flat_map(|manager| manager.problems()).collect();
        for (index, order) in self.orders.iter().enumerate() {
            let mut found = self.problems_of(order);
            if self.orders[..index].iter().any(|other| other.id == order.id) {
                found.push("another order has the same id".into());
            }
            problems.extend(found.into_iter().map(|text| format!("order {}: {text}", order.id)));
        }
        problems
    }

    fn problems_of(&self, order: &OrderScript) -> Vec<String> {
        let mut problems = Vec::new();
        if order.by != "client" {
            self.check_manager(&order.by, &mut problems);
        }
        let offer = self.getcourse.offers.iter().any(|offer| offer.id == order.offer);
        if !order.no_order && !offer && order.cost.is_none() {
            problems.push(format!("the offer {} does not exist, and no cost is given", order.offer));
        }
        for answer in order.answers.iter().chain(order.tasks.iter().map(|rule| &rule.act)) {
            self.check_answer(answer, &mut problems);
        }
        for answer in &order.answers {
            if answer.after_call.is_none() && answer.after_talk.is_none() {
                problems.push("an answer needs after_call or after_talk".into());
            }
        }
        for event in &order.events {
            self.check_event(event, &mut problems);
        }
        problems
    }

    fn check_answer(&self, answer: &AnswerScript, problems: &mut Vec<String>) {
        let named = answer.field.iter().zip(answer.value.iter());
        let fields = named.chain(answer.fields.iter().map(|(field, value)| (field, value)));
        for (field, value) in fields {
            self.check_field(field, value, problems);
        }
        if answer.date.is_some() {
            self.check_field(&self.people.date_field, "0", problems);
        }
        if let Some(stage) = &answer.stage {
            self.check_stage(stage, problems);
        }
        if let Some(reason) = &answer.loss_reason {
            self.check_reason(reason, problems);
        }
    }

    fn check_event(&self, event: &EventScript, problems: &mut Vec<String>) {
        let triggers = [
            event.at.is_some(),
            event.after_call.is_some(),
            event.after_talk.is_some(),
            event.after_task.is_some(),
            event.after_letter.is_some(),
        ];
        if triggers.iter().filter(|given| **given).count() != 1 {
            problems.push(format!(
                "{:?} needs exactly one of at, after_call, after_talk, after_task, after_letter",
                event.act
            ));
        }
        match event.act {
            Deed::Take | Deed::Assign | Deed::Leave | Deed::Return => {
                self.check_manager(&event.manager, problems)
            }
            _ if !event.manager.is_empty() => self.check_manager(&event.manager, problems),
            _ => {}
        }
        match event.act {
            Deed::Stage => self.check_stage(&event.value, problems),
            Deed::Lose => self.check_reason(&event.value, problems),
            Deed::Field => self.check_field(&event.field, &event.value, problems),
            Deed::Status if !STATUSES.iter().any(|(code, _)| *code == event.value) => {
                problems.push(format!("GetCourse has no status «{}»", event.value));
            }
            Deed::ShiftTask if event.to.is_none() => problems.push("shift_task needs `to`".into()),
            _ => {}
        }
    }

    fn check_manager(&self, key: &str, problems: &mut Vec<String>) {
        if !self.managers.iter().any(|manager| manager.key == key) {
            problems.push(format!("there is no manager «{key}»"));
        }
    }

    fn check_field(&self, name: &str, value: &str, problems: &mut Vec<String>) {
        let field = self
            .amocrm
            .lead_fields
            .iter()
            .find(|field| field.code.as_deref() == Some(name) || field.name == name);
        let Some(field) = field else {
            return problems.push(format!("leads have no field «{name}»"));
        };
        let choice = matches!(field.kind.as_str(), "select" | "radiobutton" | "multiselect");
        if choice && !value.is_empty() && !field.enums.iter().any(|known| known.value == value) {
            problems.push(format!("the field «{name}» has no choice «{value}»"));
        }
    }

    fn check_stage(&self, name: &str, problems: &mut Vec<String>) {
        let system = ["Успешно реализовано", "Закрыто и не реализовано"].contains(&name);
        let mut statuses = self.amocrm.pipelines.iter().flat_map(|pipeline| &pipeline.statuses);
        if !system && !statuses.any(|status| status.name == name || status.id.to_string() == name) {
            problems.push(format!("no pipeline has a stage «{name}»"));
        }
    }

    fn check_reason(&self, name: &str, problems: &mut Vec<String>) {
        if !self.amocrm.loss_reasons.iter().any(|reason| reason.name == name) {
            problems.push(format!("there is no loss reason «{name}»"));
        }
    }
}
