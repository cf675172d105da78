//! `dozvon texts`: lists, shows and fills in the texts and phrases that people read. Never changes anything;
//! shipped texts need no configuration. Enter at [`run`].

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::check::unusable;
use crate::config::{Config, Files};
use crate::message::library::{Library, PhraseText, Text, Vars};
use crate::message::text::{LETTERS, PARTS, SCRIPTS, TASKS, TextId};
use crate::out::{self, Stop};
use crate::problem::nearest;

#[derive(Args)]
pub struct Options {
    /// Folder with `dozvon.toml` and `schools/`; only read with `--school`.
    #[arg(long, global = true, env = "DOZVON_CONFIG", default_value = "config")]
    config: PathBuf,
    /// With this school's own texts. Without it: the shipped ones.
    #[arg(long, global = true)]
    school: Option<String>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Every text and phrase: name, own or shipped, month of review, owner, file, title.
    List {
        /// A JSON array of objects: name, kind, own, file, title; review and owner of texts.
        #[arg(long)]
        json: bool,
    },
    /// The source of one, ready to be saved in a school's folder `texts`.
    Show { name: String },
    /// One with an example for every variable.
    Render {
        name: String,
        /// With the fewest variables that an order can have.
        #[arg(long)]
        bare: bool,
    },
}

pub fn run(options: &Options) -> Result<(), Stop> {
    let (library, school) = match &options.school {
        None => (Library::shipped(), None),
        Some(school) => of_school(options, school)?,
    };
    let text = match &options.action {
        Action::List { json: true } => format!("{}\n", as_json(&library)),
        Action::List { json: false } => list(&library),
        Action::Show { name } => match find(&library, name)? {
            Found::Text(text) => text.source.clone(),
            Found::Phrase(phrase) => shown(name, phrase),
        },
        Action::Render { name, bare } => match find(&library, name)? {
            Found::Text(_) => rendered(&library, name, *bare, school),
            Found::Phrase(_) => format!("{}\n", library.phrase_example(name, !bare)),
        },
    };
    out::print(&text)
}

fn of_school(options: &Options, school: &str) -> Result<(Library, Option<String>), Stop> {
    let files = Files::read(&options.config).map_err(|problems| unusable(None, &problems))?;
    let schools = files.schools();
    if !schools.iter().any(|known| known == school) {
        return Err(format!("no school {school}; there are: {}", schools.join(", ")).into());
    }
    let (library, name) =
        Config::texts(&files, school).map_err(|problems| unusable(Some(&files), &problems))?;
    Ok((library, Some(name)))
}

enum Found<'l> {
    Text(&'l Text),
    Phrase(&'l PhraseText),
}

fn find<'l>(library: &'l Library, name: &str) -> Result<Found<'l>, Stop> {
    let text = library.texts().find(|(known, _)| *known == name).map(|(_, text)| Found::Text(text));
    let phrase = library.phrases().find(|(known, _)| *known == name).map(|(_, text)| Found::Phrase(text));
    text.or(phrase).ok_or_else(|| {
        let all = library.texts().map(|(name, _)| name).chain(library.phrases().map(|(name, _)| name));
        let meant = nearest(name, all).map(|near| format!("is `{near}` meant? ")).unwrap_or_default();
        format!("no text is named {name}; {meant}`dozvon texts list` names all").into()
    })
}

/// The texts by kind, those of the school last.
fn groups(library: &Library) -> Vec<(&'static str, Vec<TextId>)> {
    let shipped = [("letters", LETTERS), ("tasks", TASKS), ("scripts", SCRIPTS), ("parts", PARTS)];
    let own = library.texts().map(|(name, _)| TextId::from(name));
    let own = own.filter(|name| matches!(name, TextId::Own(_))).collect();
    let shipped = shipped.into_iter().map(|(title, names)| (title, names.to_vec()));
    shipped.chain([("of the school", own)]).filter(|(_, names)| !names.is_empty()).collect()
}

fn list(library: &Library) -> String {
    let mut out = String::new();
    for (title, names) in groups(library) {
        let _ = writeln!(out, "{title}");
        names.iter().for_each(|name| text_line(&mut out, library, name));
    }
    let _ = writeln!(out, "phrases");
    for (name, phrase) in library.phrases() {
        let _ = writeln!(out, "  {name:<27} {:<7}  {}  {}", whose(phrase.shipped), phrase.file, phrase.words);
    }
    out
}

fn as_json(library: &Library) -> Value {
    let of_text = |kind: &str, id: &TextId| {
        let (name, text) = library.texts().find(|(known, _)| *known == id.name())?;
        let (review, title) = (review(text), title(library, id));
        let Text { shipped, file, head, .. } = text;
        Some(json!({ "name": name, "kind": kind, "own": !shipped, "review": review, "owner": head.owner,
            "file": file, "title": title }))
    };
    let groups = groups(library);
    let texts = groups.iter().flat_map(|(kind, ids)| ids.iter().filter_map(|id| of_text(kind, id)));
    let phrases = library.phrases().map(|(name, phrase)| {
        json!({ "name": name, "kind": "phrases", "own": !phrase.shipped, "file": phrase.file, "title": phrase.words })
    });
    texts.chain(phrases).collect()
}

fn text_line(out: &mut String, library: &Library, name: &TextId) {
    let Some((_, text)) = library.texts().find(|(known, _)| *known == name.name()) else { return };
    let (review, title) = (review(text), title(library, name));
    let (name, whose, owner, file) = (name.name(), whose(text.shipped), &text.head.owner, &text.file);
    let _ = writeln!(out, "  {name:<27} {whose:<7}  {review}  {owner}  {file}  {title}");
}

fn review(text: &Text) -> String {
    let (year, month) = text.head.review;
    format!("{year}-{month:02}")
}

/// The title, else the first line.
fn title(library: &Library, name: &TextId) -> String {
    match library.title(name) {
        none if none == name.name() => {
            let body = library.render(name, &Vars::full_example()).body;
            body.lines().next().unwrap_or_default().to_owned()
        }
        title => title.to_owned(),
    }
}

fn whose(shipped: bool) -> &'static str {
    if shipped { "shipped" } else { "own" }
}

/// A phrase as it stands in `phrases.toml`.
fn shown(name: &str, phrase: &PhraseText) -> String {
    let variables = match phrase.variables.is_empty() {
        true => "none".to_owned(),
        false => phrase.variables.join(", "),
    };
    let (table, key) = name.split_once('.').unwrap_or(("", name));
    let words = toml::Value::from(phrase.words.as_str());
    format!("# variables: {variables}\n[{table}]\n{key} = {words}\n")
}

fn rendered(library: &Library, name: &str, bare: bool, school: Option<String>) -> String {
    let mut vars = if bare { Vars::bare_example() } else { Vars::full_example() };
    vars.school.name = school.unwrap_or(vars.school.name);
    let text = library.render(&TextId::from(name), &vars);
    let subject = if text.subject.is_empty() { String::new() } else { format!("{}\n\n", text.subject) };
    format!("{subject}{}\n", text.body)
}
