//! Files that only the bridge's own user may read: how they are made, and which are open to others. Never changes
//! the rights of what is there already: a person may have given them on purpose. Enter at [`keep_to_ourselves`],
//! [`folder`], [`options`] and [`open_to_others`].

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;

/// Rights of the group and of others.
const OTHERS: u32 = 0o077;

/// Entries of a data folder that are looked at; it has a handful.
const LOOKED_MAX: usize = 1_000;

/// Most of them that are named.
const NAMED_MAX: usize = 5;

/// Whatever this process makes from now on, a library's temporary files too, is closed to others.
pub fn keep_to_ourselves() {
    rustix::process::umask(Mode::from_raw_mode(OTHERS));
}

/// Makes a folder with those above it, if it is not there.
pub fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// For a file that is made if it is not there.
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600).create(true).truncate(false);
    options
}

/// Replaces a file's content, or makes it.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write;
    options().write(true).truncate(true).open(path)?.write_all(bytes)
}

/// What is wrong with a data folder, in words for an engineer: it or something in it can be read by others, or is a
/// link to somewhere else. `None` if all is well, or if there is no folder yet.
pub fn open_to_others(data: &Path) -> Option<String> {
    // A supervisor may make the folder itself a link to its own place.
    let root = std::fs::metadata(data).ok()?;
    let mut wide = Vec::new();
    if root.permissions().mode() & OTHERS != 0 {
        wide.push(format!("{} ({:04o})", data.display(), root.permissions().mode() & 0o7777));
    }
    let (mut folders, mut looked) = (vec![data.to_owned()], 0);
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            looked += 1;
            if looked > LOOKED_MAX {
                return told(wide, data);
            }
            let Ok(entry) = std::fs::symlink_metadata(&path) else { continue };
            let mode = entry.permissions().mode();
            if entry.is_symlink() {
                wide.push(format!("{} (a link)", path.display()));
            } else if mode & OTHERS != 0 {
                wide.push(format!("{} ({:04o})", path.display(), mode & 0o7777));
            }
            if entry.is_dir() {
                folders.push(path);
            }
        }
    }
    told(wide, data)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut all: Vec<PathBuf> = all.collect();
    all.sort();
    all
}

fn told(wide: Vec<String>, data: &Path) -> Option<String> {
    let more = wide.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let named = wide.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    let remedy = format!("close it: chmod -R go= {}", data.display());
    (!wide.is_empty()).then(|| format!("{named}{more}; {remedy}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_can_read_is_named() {
        let data = std::env::temp_dir().join(format!("dozvon-open-{}", crate::secret::random_token()));
        assert_eq!(open_to_others(&data), None, "there is nothing yet");
        folder(&data.join("spool")).expect("the test's own folder");
        write(&data.join("spool/rost.log"), b"x").expect("the test's own folder");
        assert_eq!(open_to_others(&data), None, "made by us");
        let widen = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode));
        widen(&data.join("spool/rost.log"), 0o640).expect("our own");
        widen(&data, 0o755).expect("our own");
        std::os::unix::fs::symlink("/tmp", data.join("tokens")).expect("our own");
        let found = open_to_others(&data).expect("found");
        for part in ["(0755)", "rost.log (0640)", "tokens (a link)", "chmod -R go="] {
            assert!(found.contains(part), "{part}: {found}");
        }
        std::fs::remove_dir_all(&data).expect("the test's own folder");
    }
}
