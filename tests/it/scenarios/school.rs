//! A school for scenarios: two sellers, a head, one route, every pipeline and a second one for sales.

use std::collections::BTreeMap;

use dozvon::message::library::Library;
use dozvon::process::calendar::Calendar;
use dozvon::process::definition::{Dictionary, Figures, Manager, Process, Route};
use dozvon::process::{LeadRole, ManagerId, SchoolId, Stage};

pub fn process(figures: Figures) -> Process {
    let stages = vec![
        Stage::New,
        Stage::InWork,
        Stage::Dialling,
        Stage::Talked,
        Stage::Promised,
        Stage::PartPaid,
        Stage::Won,
        Stage::Lost,
    ];
    let values = ["реклама", "сайт"].map(str::to_owned).to_vec();
    let source_kind = Dictionary { field: Some(301), values };
    Process {
        school: SchoolId::from("school"),
        name: "Школа".to_owned(),
        config_hash: "scenario".to_owned(),
        figures,
        roster: vec![
            manager("anna", "Анна", Head::Yes),
            manager("irina", "Ирина", Head::No),
            manager("oleg", "Олег", Head::No),
        ],
        routes: vec![route("any", &[])],
        zone: chrono_tz::Europe::Moscow,
        currency: "RUB".to_owned(),
        calendar: Calendar::default(),
        pipelines: BTreeMap::from([
            (LeadRole::Sales, stages),
            (LeadRole::Fulfilment, vec![Stage::New]),
            (LeadRole::Revival, vec![Stage::New]),
        ]),
        link_hosts: vec!["school.example".to_owned()],
        reads_orders: true,
        // A second sales pipeline, in which nobody is «promised» or paid in part.
        sales_pipelines: BTreeMap::from([(
            8123420,
            vec![Stage::New, Stage::InWork, Stage::Dialling, Stage::Talked, Stage::Won, Stage::Lost],
        )]),
        dictionaries: BTreeMap::from([("source_kind".to_owned(), source_kind)]),
        texts: Library::default(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Head {
    Yes,
    No,
}

pub fn manager(id: &str, name: &str, head: Head) -> Manager {
    Manager {
        id: ManagerId::from(id),
        name: name.to_owned(),
        head: head == Head::Yes,
        active: true,
        amocrm: None,
        getcourse: None,
        email: None,
        extension: Some("101".to_owned()),
    }
}

pub fn route(name: &str, offers: &[&str]) -> Route {
    Route {
        name: name.to_owned(),
        offers: offers.iter().map(|offer| (*offer).to_owned()).collect(),
        lead_name: "Заказ".to_owned(),
        ..Route::default()
    }
}

/// The same school with other figures (a school's own process file), further routes before its own,
/// and other people where there are any.
pub fn changed(
    figures: toml::Table,
    routes: &[toml::Table],
    managers: &[toml::Table],
) -> Result<Process, String> {
    let mut school = process(figures.try_into().map_err(|fault| format!("[process]: {fault}"))?);
    for table in routes {
        let (name, table) = named(table)?;
        let mut route: Route = table.try_into().map_err(|fault| format!("[[route]]: {fault}"))?;
        route.name = name;
        school.routes.insert(0, route);
    }
    if !managers.is_empty() {
        school.roster.clear();
    }
    for table in managers {
        let (id, table) = named(table)?;
        let mut manager: Manager = table.try_into().map_err(|fault| format!("[[manager]]: {fault}"))?;
        manager.id = ManagerId(id);
        school.roster.push(manager);
    }
    Ok(school)
}

/// Takes the table's own `id` out: the school's file has it as the table's name.
fn named(table: &toml::Table) -> Result<(String, toml::Table), String> {
    let mut table = table.clone();
    let id = table.remove("id").and_then(|id| id.as_str().map(str::to_owned)).ok_or("`id` is missing")?;
    Ok((id, table))
}
