//! Names for the ids of the stand-ins: pipelines, stages, managers, reasons. Enter at [`Names::of`].

use chrono_tz::Tz;

use crate::sandbox::Setup;
use crate::sandbox::amocrm::model::{LOST, WON};
use crate::sandbox::setup::PipelineSetup;

/// The dictionaries of a setup.
#[derive(Clone, Debug)]
pub struct Names {
    /// The school's zone.
    pub zone: Tz,
    pipelines: Vec<PipelineSetup>,
    /// amoCRM user, GetCourse id, extension, key, name.
    managers: Vec<NamedManager>,
    reasons: Vec<(i64, String)>,
    /// The user of the bridge's token.
    token_user: i64,
}

#[derive(Clone, Debug)]
struct NamedManager {
    user: i64,
    staff: i64,
    extension: String,
    key: String,
    name: String,
}

impl Names {
    pub fn of(setup: &Setup) -> Self {
        let managers = setup.managers.iter().map(|manager| NamedManager {
            user: manager.amocrm_user,
            staff: manager.getcourse_id,
            extension: manager.extension.clone().unwrap_or_default(),
            key: manager.key.clone(),
            name: manager.name.clone(),
        });
        Self {
            zone: setup.zone,
            pipelines: setup.amocrm.pipelines.clone(),
            managers: managers.collect(),
            reasons: setup
                .amocrm
                .loss_reasons
                .iter()
                .map(|reason| (reason.id, reason.name.clone()))
                .collect(),
            token_user: setup.amocrm.token_user,
        }
    }

    /// The pipeline's name.
    pub fn role(&self, pipeline: i64) -> &str {
        self.pipelines.iter().find(|known| known.id == pipeline).map_or("", |known| &known.name)
    }

    /// Whether it is the pipeline of first sales.
    pub fn is_main(&self, pipeline: i64) -> bool {
        self.pipelines.iter().any(|known| known.id == pipeline && known.main)
    }

    /// A stage's name.
    pub fn stage(&self, pipeline: i64, status: i64) -> String {
        let known = self.pipelines.iter().find(|known| known.id == pipeline);
        let found = known.and_then(|known| known.statuses.iter().find(|stage| stage.id == status));
        match (found, status) {
            (Some(stage), _) => stage.name.clone(),
            (None, WON) => "Успешно реализовано".to_owned(),
            (None, LOST) => "Закрыто и не реализовано".to_owned(),
            (None, other) => other.to_string(),
        }
    }

    /// A stage's name from `pipeline/status`, as histories write it.
    pub fn stage_of(&self, turn: &str) -> String {
        ids(turn).map_or_else(String::new, |(pipeline, status)| self.stage(pipeline, status))
    }

    /// The position of a stage in its pipeline, from 0; won and lost come last.
    pub fn place_of(&self, turn: &str) -> usize {
        let Some((pipeline, status)) = ids(turn) else { return 0 };
        let known = self.pipelines.iter().find(|known| known.id == pipeline);
        let place = known.and_then(|known| known.statuses.iter().position(|stage| stage.id == status));
        place.unwrap_or(if status == WON { 1001 } else { 1000 })
    }

    /// A manager's key by the amoCRM user; the number if the user is not a manager.
    pub fn manager(&self, user: i64) -> String {
        let found = self.managers.iter().find(|person| person.user == user);
        found.map_or_else(|| user.to_string(), |person| person.key.clone())
    }

    pub fn manager_text(&self, user: &str) -> String {
        user.parse().map_or_else(|_| user.to_owned(), |user| self.manager(user))
    }

    /// `bridge` for changes by the API or a robot, otherwise the manager's key.
    pub fn author(&self, user: i64) -> String {
        if user == 0 || user == self.token_user { "bridge".to_owned() } else { self.manager(user) }
    }

    pub fn extension(&self, extension: &str) -> String {
        let found =
            self.managers.iter().find(|person| person.extension == extension && !extension.is_empty());
        found.map_or_else(String::new, |person| person.key.clone())
    }

    /// A manager's key by the GetCourse id.
    pub fn staff(&self, id: i64) -> String {
        let found = self.managers.iter().find(|person| person.staff == id);
        found.map_or_else(|| id.to_string(), |person| person.key.clone())
    }

    pub fn reason(&self, id: i64) -> String {
        self.reasons.iter().find(|(known, _)| *known == id).map_or_else(String::new, |(_, name)| name.clone())
    }

    /// «Ирина» for the manager with this amoCRM user.
    pub fn first_name(&self, user: i64) -> String {
        let found = self.managers.iter().find(|person| person.user == user);
        let name = found.map_or("", |person| person.name.as_str());
        name.split_whitespace().next().unwrap_or("").to_owned()
    }
}

fn ids(turn: &str) -> Option<(i64, i64)> {
    let (pipeline, status) = turn.split_once('/')?;
    Some((pipeline.parse().ok()?, status.parse().ok()?))
}
