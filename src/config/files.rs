//! The files of a configuration in memory: read once, so that the check sees a change either completely or
//! not at all. Never interprets them. Enter at [`Files::read`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::locate::{self, Place};
use crate::message::library::PHRASES_FILE;
use crate::problem::Problem;

/// Relative path with `/` → content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    folder: PathBuf,
    texts: BTreeMap<String, String>,
    /// Files that are not read although they lie where others are.
    unread: BTreeSet<String>,
    /// Files in another encoding: they are checked all the same, so that one does not hide the mistakes of the others.
    foreign: Vec<Problem>,
    /// Folders in `schools/` in which nothing is.
    empty: BTreeSet<String>,
}

/// Largest allowed configuration file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Files are read to this depth, one more than any has its place in, so that a folder of one's own is noticed.
const DEPTH_MAX: usize = 5;

/// Stands in a written file where a person has to write something.
pub const MARK: &str = "ЗАПОЛНИТЕ";

/// Lines of one file that are named; more are counted.
const MARKS_SHOWN: usize = 8;

impl Files {
    /// All files below the folder whose names end in `.toml` or `.txt`.
    pub fn read(folder: &Path) -> Result<Self, Vec<Problem>> {
        let mut files = Self::new(folder, BTreeMap::new());
        let mut problems = Vec::new();
        files.walk(folder, "", 1, &mut problems);
        if problems.is_empty() { Ok(files) } else { Err(problems) }
    }

    pub fn new(folder: &Path, texts: BTreeMap<String, String>) -> Self {
        Self {
            folder: folder.to_owned(),
            texts,
            unread: BTreeSet::new(),
            foreign: Vec::new(),
            empty: BTreeSet::new(),
        }
    }

    /// All files, for tests and tools to read or change.
    pub fn texts_mut(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.texts
    }

    /// A path as the person gave it.
    pub(super) fn shown(&self, path: &str) -> String {
        self.path(path).display().to_string()
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// The path of a school's file, as the person gave it.
    pub fn school_file(&self, school: &str) -> String {
        self.shown(&format!("schools/{school}/school.toml"))
    }

    pub(super) fn get(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Names of the folders in `schools/`.
    pub fn schools(&self) -> Vec<String> {
        let names =
            self.texts.keys().filter_map(|path| Some(path.strip_prefix("schools/")?.split_once('/')?.0));
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.dedup();
        names
    }

    /// Files in a folder: name without its ending, path, content.
    pub(super) fn within<'a>(
        &'a self,
        folder: &'a str,
        ending: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
        self.texts.iter().filter_map(move |(path, text)| {
            let name = path.strip_prefix(folder)?.strip_suffix(ending)?;
            (!name.contains('/')).then_some((name, path.as_str(), text.as_str()))
        })
    }

    /// SHA-256 over paths and contents below a folder, hex. The map gives the stable order.
    pub(super) fn hash(&self, folder: &str) -> String {
        let mut hash = Sha256::new();
        for (path, text) in self.texts.iter().filter(|(path, _)| path.starts_with(folder)) {
            // Lengths separate the parts, so that two different sets of files never give the same bytes.
            hash.update((path.len() as u64).to_be_bytes());
            hash.update(path.as_bytes());
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        hex::encode(hash.finalize())
    }

    /// The place of a problem in its file.
    pub fn place(&self, problem: &Problem) -> Option<Place> {
        let (_, text) = self.texts.iter().find(|(path, _)| self.shown(path) == problem.file)?;
        locate::place(text, problem)
    }

    /// Files with another ending in the folder of texts or processes: somebody expects them to be read.
    pub(super) fn unread(&self) -> Vec<Problem> {
        let warning = |path: &String| Problem {
            file: self.shown(path),
            key: String::new(),
            wrong: "nothing reads this file".to_owned(),
            allowed:
                "texts/<name>.txt, texts/phrases.toml and process/<name>.toml; keep other files elsewhere"
                    .to_owned(),
        };
        self.unread.iter().map(warning).collect()
    }

    /// What is still to be filled in, by file.
    pub(super) fn unfilled(&self) -> Vec<Problem> {
        let marked = |(path, text): (&String, &String)| {
            let lines = text.lines().enumerate().filter(|(_, line)| line.contains(MARK));
            let lines: Vec<String> = lines.map(|(index, _)| (index + 1).to_string()).collect();
            let more = lines.len().saturating_sub(MARKS_SHOWN);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let shown = lines.iter().take(MARKS_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
            (!lines.is_empty()).then(|| Problem {
                file: self.shown(path),
                key: String::new(),
                wrong: format!("still to be filled in: «{MARK}» stands in line {shown}{more}"),
                allowed: "the school's own value, without the mark".to_owned(),
            })
        };
        self.texts.iter().filter_map(marked).collect()
    }

    /// Files in another encoding than UTF-8, below a folder.
    pub(super) fn foreign(&self, folder: &str) -> impl Iterator<Item = Problem> {
        let beginning = self.shown(folder);
        self.foreign.iter().filter(move |problem| problem.file.starts_with(&beginning)).cloned()
    }

    /// Folders of schools without a file.
    pub(super) fn empty(&self) -> impl Iterator<Item = Problem> {
        self.empty.iter().map(|folder| Problem {
            file: self.shown(folder),
            key: String::new(),
            wrong: "a school without a file".to_owned(),
            allowed: "school.toml in it, or no such folder".to_owned(),
        })
    }

    /// Files that nothing reads: a typing mistake, or a wrong folder.
    pub(super) fn stray(&self) -> Vec<Problem> {
        let known = |path: &str| match path.split('/').collect::<Vec<_>>()[..] {
            // The second is what `dozvon sandbox` reads.
            ["dozvon.toml" | "sandbox.toml"] => true,
            ["schools", _, "school.toml"] => true,
            ["schools", _, "process", name] => name.ends_with(".toml"),
            ["schools", _, "texts", name] => name.ends_with(".txt") || name == PHRASES_FILE,
            _ => false,
        };
        let stray = self.texts.keys().filter(|path| !known(path));
        stray
            .map(|path| Problem {
                file: self.shown(path),
                key: String::new(),
                wrong: "nothing reads this file".to_owned(),
                allowed: match path.split('/').collect::<Vec<_>>()[..] {
                    ["schools", school, folder @ ("texts" | "process"), .., name] => {
                        format!("move it to {}", self.shown(&format!("schools/{school}/{folder}/{name}")))
                    }
                    _ => "dozvon.toml, schools/<school>/school.toml, process/*.toml, texts/*.txt, texts/phrases.toml"
                        .to_owned(),
                },
            })
            .collect()
    }

    fn walk(&mut self, folder: &Path, prefix: &str, depth: usize, problems: &mut Vec<Problem>) {
        let unreadable = |path: &Path, what: String| Problem {
            file: path.display().to_string(),
            key: String::new(),
            wrong: what,
            allowed: "a readable folder with `dozvon.toml` and `schools/`".to_owned(),
        };
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return problems.push(unreadable(folder, format!("cannot be read: {error}"))),
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let inside = format!("{prefix}{name}");
            if path.is_dir() && depth < DEPTH_MAX {
                self.walk(&path, &format!("{inside}/"), depth + 1, problems);
                let has_files = self.texts.keys().any(|file| file.starts_with(&format!("{inside}/")));
                if prefix == "schools/" && !name.starts_with('.') && !has_files {
                    self.empty.insert(inside);
                }
            } else if path.is_file() && (name.ends_with(".toml") || name.ends_with(".txt")) {
                match read_small(&path) {
                    Ok(text) => {
                        self.texts.insert(inside, text);
                    }
                    Err(Unread { wrong, allowed: None, .. }) => problems.push(unreadable(&path, wrong)),
                    Err(Unread { wrong, allowed: Some(allowed), text }) => {
                        let problem = unreadable(&path, wrong);
                        let problem = Problem { allowed: allowed.to_owned(), ..problem };
                        match text {
                            Some(text) => {
                                self.foreign.push(problem);
                                self.texts.insert(inside, text);
                            }
                            None => problems.push(problem),
                        }
                    }
                }
            } else if path.is_file() && !name.starts_with('.') && is_read_in(prefix) {
                self.unread.insert(inside);
            }
        }
    }
}

/// Whether each file of this folder is meant to be read.
fn is_read_in(prefix: &str) -> bool {
    matches!(
        prefix.trim_end_matches('/').split('/').collect::<Vec<_>>()[..],
        ["schools", _, "texts" | "process"]
    )
}

/// Why a file gives no text.
struct Unread {
    wrong: String,
    allowed: Option<&'static str>,
    /// What it says in the encoding that it probably has.
    text: Option<String>,
}

fn read_small(path: &Path) -> Result<String, Unread> {
    let bytes = std::fs::metadata(path).map(|meta| meta.len()).unwrap_or_default();
    if bytes > FILE_BYTES_MAX {
        let wrong = format!("{bytes} bytes are too many");
        return Err(Unread { wrong, allowed: Some("a file of at most a mebibyte"), text: None });
    }
    let bytes = std::fs::read(path).map_err(|error| Unread {
        wrong: format!("cannot be read: {error}"),
        allowed: None,
        text: None,
    })?;
    decoded(bytes)
}

/// Editors of Windows save other encodings without saying so.
fn decoded(bytes: Vec<u8>) -> Result<String, Unread> {
    let not = |what: &str, bytes: &[u8]| Unread {
        wrong: format!("the text is {what}"),
        allowed: Some("UTF-8: save the file again with the encoding UTF-8"),
        // A mark at the beginning tells UTF-16.
        text: Some(encoding_rs::WINDOWS_1251.decode(bytes).0.into_owned()),
    };
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(not("in UTF-16", &bytes));
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| not("not in UTF-8, perhaps in Windows-1251", error.as_bytes()))?;
    // The mark that some editors put before UTF-8.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_encodings_are_named_and_a_mark_is_taken_off() {
        for (bytes, expected) in [
            (b"\xff\xfea\0".to_vec(), Err("the text is in UTF-16")),
            (b"\xfe\xff\0a".to_vec(), Err("the text is in UTF-16")),
            (b"\xd8\xea\xee\xeb\xe0".to_vec(), Err("the text is not in UTF-8, perhaps in Windows-1251")),
            (b"\xef\xbb\xbfname".to_vec(), Ok("name")),
            ("Школа".as_bytes().to_vec(), Ok("Школа")),
        ] {
            let read = decoded(bytes).map_err(|unread| unread.wrong);
            assert_eq!(read.as_deref().map_err(String::as_str), expected);
        }
    }
}
