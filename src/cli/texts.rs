//! `dozvon texts`: lists, shows and fills in the texts and phrases that people read. Never changes anything;
//! shipped texts need no configuration. Enter at [`run`].

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};

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
    List,
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
        Action::List => list(&library),
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

fn list(library: &Library) -> String {
    let mut out = String::new();
    let shipped = [("letters", LETTERS), ("tasks", TASKS), ("scripts", SCRIPTS), ("parts", PARTS)];
    for (title, names) in shipped {
        let _ = writeln!(out, "{title}");
        names.iter().for_each(|name| text_line(&mut out, library, name));
    }
    let own = library.texts().map(|(name, _)| TextId::from(name));
    let own: Vec<TextId> = own.filter(|name| matches!(name, TextId::Own(_))).collect();
    if !own.is_empty() {
        let _ = writeln!(out, "of the school");
        own.iter().for_each(|name| text_line(&mut out, library, name));
    }
    let _ = writeln!(out, "phrases");
    for (name, phrase) in library.phrases() {
        let _ = writeln!(out, "  {name:<27} {:<7}  {}  {}", whose(phrase.shipped), phrase.file, phrase.words);
    }
    out
}

fn text_line(out: &mut String, library: &Library, name: &TextId) {
    let Some((_, text)) = library.texts().find(|(known, _)| *known == name.name()) else { return };
    let (year, month) = text.head.review;
    let body = library.render(name, &Vars::full_example()).body;
    let title = match library.title(name) {
        none if none == name.name() => body.lines().next().unwrap_or_default(),
        title => title,
    };
    let (whose, owner, file) = (whose(text.shipped), &text.head.owner, &text.file);
    let _ = writeln!(
        out,
        "  {name:<27} {whose:<7}  {year}-{month:02}  {owner}  {file}  {title}",
        name = name.name()
    );
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
