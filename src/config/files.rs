//! The files of a configuration in memory: read once, so that the check sees a change either completely or
//! not at all. Never interprets them. Enter at [`Files::read`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::message::library::PHRASES_FILE;
use crate::problem::Problem;

/// Relative path with `/` → content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    folder: PathBuf,
    texts: BTreeMap<String, String>,
}

/// Largest allowed configuration file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Deepest file: `schools/<school>/process/<name>.toml`.
const DEPTH_MAX: usize = 4;

impl Files {
    /// All files below the folder whose names end in `.toml` or `.txt`.
    pub fn read(folder: &Path) -> Result<Self, Vec<Problem>> {
        let mut files = Self::new(folder, BTreeMap::new());
        let mut problems = Vec::new();
        files.walk(folder, "", 1, &mut problems);
        if problems.is_empty() { Ok(files) } else { Err(problems) }
    }

    pub fn new(folder: &Path, texts: BTreeMap<String, String>) -> Self {
        Self { folder: folder.to_owned(), texts }
    }

    /// All files, for tests and tools to read or change.
    pub fn texts_mut(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.texts
    }

    /// A path as the person gave it.
    pub(super) fn shown(&self, path: &str) -> String {
        self.folder.join(path).display().to_string()
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
                allowed: "dozvon.toml, schools/<school>/school.toml, process/*.toml, texts/*.txt, texts/phrases.toml"
                    .to_owned(),
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
            } else if path.is_file() && (name.ends_with(".toml") || name.ends_with(".txt")) {
                match read_small(&path) {
                    Ok(text) => {
                        self.texts.insert(inside, text);
                    }
                    Err(what) => problems.push(unreadable(&path, what)),
                }
            }
        }
    }
}

fn read_small(path: &Path) -> Result<String, String> {
    let bytes = std::fs::metadata(path).map(|meta| meta.len()).unwrap_or_default();
    if bytes > FILE_BYTES_MAX {
        return Err(format!("{bytes} bytes are too many; a file has at most {FILE_BYTES_MAX}"));
    }
    std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))
}
