//! A school's file from the example that the tests check: with what is known of the school, from its account where
//! there is one, and marks where a person has to go on. Enter at [`SchoolFile::text`].

use crate::config::MARK;
use crate::discover::file::{Access, Blocks, quoted};
use crate::platform::amocrm::discover::Found;
use crate::platform::entry::PlatformKind;
use crate::platforms::ALL;

const EXAMPLE: &str = include_str!("../../deploy/example/schools/rost/school.toml");

/// What is known of a school.
pub struct SchoolFile<'a> {
    /// Its short name.
    pub school: &'a str,
    /// Its name for clients.
    pub name: &'a str,
    pub zone: chrono_tz::Tz,
    /// The CRM's address.
    pub crm: Option<&'a str>,
    /// The address of the source of orders.
    pub orders: Option<&'a str>,
    /// The CRM's account, if it could be asked.
    pub account: Option<(&'a Found, Access<'a>)>,
    /// The command that wrote it.
    pub by: &'a str,
}

impl SchoolFile<'_> {
    /// Every line outside of comments can be read; `check` is content when the marks are filled in.
    pub fn text(&self) -> String {
        let blocks = self.account.as_ref().map(|(found, access)| Blocks::of(found, access));
        // The example's own head speaks of invented ids.
        let (_, body) = EXAMPLE.split_once("\n\n").unwrap_or(("", EXAMPLE));
        let mut text = format!(
            "# {}: written by `{}`. `dozvon check` names the lines that are still to be filled in.\n",
            self.school, self.by
        );
        if blocks.is_some() {
            text.push_str(
                "# What its account has stands here by name: look whether each name means what its key says.\n",
            );
        }
        let (mut table, mut is_off, mut replaced) = (String::new(), false, Vec::new());
        for paragraph in body.split("\n\n") {
            let of = paragraph.lines().find(|line| line.starts_with('[')).map(root);
            if let Some((root, block)) =
                of.as_deref().zip(blocks.as_ref()).and_then(|(of, it)| it.instead(of))
            {
                table = root.to_owned();
                is_off = false;
                if !replaced.contains(&root) {
                    text.push_str(&format!("\n{block}\n"));
                    replaced.push(root);
                }
                continue;
            }
            for line in paragraph.lines() {
                if line.starts_with('[') {
                    table = root(line);
                    let kind = ALL.iter().find(|platform| platform.name == table).map(|one| one.kind);
                    // To be switched on when the account is there.
                    is_off = matches!(kind, Some(PlatformKind::Line { .. } | PlatformKind::Channel));
                }
                let line = self.filled(&table, line, blocks.as_ref());
                let is_comment = line.is_empty() || line.starts_with('#');
                text.push_str(&format!("\n{}{line}", if is_off && !is_comment { "#" } else { "" }));
            }
            text.push('\n');
        }
        text
    }

    /// `MY_SCHOOL_` for the school `my-school`.
    fn prefix(&self) -> String {
        format!("{}_", self.school.to_uppercase().replace('-', "_"))
    }

    /// One line, with what is known, or with a mark.
    fn filled(&self, table: &str, line: &str, blocks: Option<&Blocks>) -> String {
        let line = line.replace("DEMO_", &self.prefix());
        let given = |value: Option<&str>| quoted(value.unwrap_or(MARK));
        let key = line.split(" = ").next().unwrap_or_default();
        let kind = ALL.iter().find(|platform| platform.name == table).map(|platform| platform.kind);
        match (table, kind, key) {
            ("", _, "name") => format!("name = {}", quoted(self.name)),
            ("", _, "zone") | (_, Some(PlatformKind::Orders), "zone") => format!("zone = \"{}\"", self.zone),
            (_, Some(PlatformKind::Crm), "url") => format!("url = {}", given(self.crm)),
            (_, Some(PlatformKind::Orders), "url") => format!("url = {}", given(self.orders)),
            // Nobody calls a new school's addresses yet.
            ("", _, "secrets") => format!("{line}\nold_addresses = false"),
            (_, Some(PlatformKind::Orders), "link_hosts") => "link_hosts = []".to_owned(),
            ("routes", _, "fields" | "pipeline" | "task") | ("dictionaries", _, "field")
                if blocks.is_some() =>
            {
                format!("# {MARK}: {line}")
            }
            ("routes", _, "responsible") if blocks.is_some() => {
                responsible(&line, blocks.map(|blocks| &*blocks.managers).unwrap_or_default())
            }
            _ if !line.starts_with('#') && is_invented(&line) => format!("{line} # {MARK}"),
            _ => line,
        }
    }
}

impl Blocks {
    /// The tables of the account instead of the example's.
    fn instead(&self, of: &str) -> Option<(&'static str, &str)> {
        let kind = ALL.iter().find(|platform| platform.name == of).map(|platform| platform.kind);
        match of {
            "managers" => Some(("managers", &self.roster)),
            "answers" => Some(("answers", &self.answers)),
            _ if kind == Some(PlatformKind::Crm) => Some(("crm", &self.crm)),
            _ => None,
        }
    }
}

/// The first name of `[amocrm.pipelines.sales]`.
fn root(line: &str) -> String {
    line.trim_matches(['[', ']']).split('.').next().unwrap_or_default().to_owned()
}

/// A route of the example names managers that the school does not have.
fn responsible(line: &str, managers: &[String]) -> String {
    let first = managers.last().map(String::as_str).unwrap_or_default();
    if line.contains("managers = ") {
        let all = managers.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
        format!("responsible = {{ by = \"queue\", managers = [{all}] }} # {MARK}")
    } else if line.contains("manager = ") {
        format!("responsible = {{ by = \"fixed\", manager = {first:?} }} # {MARK}")
    } else {
        line.to_owned()
    }
}

/// Ids, numbers and addresses of the example.
fn is_invented(line: &str) -> bool {
    let mut digits = 0;
    let has_id = line.chars().any(|c| {
        digits = if c.is_ascii_digit() { digits + 1 } else { 0 };
        digits >= 6
    });
    has_id || line.contains("@rost.example") || line.starts_with("extension")
}
