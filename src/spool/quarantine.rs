//! The quarantine: unreadable bytes of a spool, kept in a file next to it for a person. Never keeps the same
//! bytes twice (a spool is read again after a restart) and never grows without bound. Enter at
//! [`Quarantine::keep`]. The file itself is the state: removing it means that the damage was dealt with.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::log::MARK;
use crate::private;
use crate::process::SchoolId;

/// Limit per school; further damage is only logged.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// One school's file.
#[derive(Debug, Clone)]
pub struct Quarantine {
    school: SchoolId,
    file: PathBuf,
}

impl Quarantine {
    pub fn beside(folder: &Path, school: &SchoolId) -> Self {
        Self { school: school.clone(), file: folder.join(format!("{school}.damaged")) }
    }

    /// Bytes in the file.
    pub fn bytes(&self) -> u64 {
        std::fs::metadata(&self.file).map_or(0, |file| file.len())
    }

    /// Keeps `bytes`, the beginning of a damaged range of `all` bytes.
    pub fn keep(&self, bytes: &[u8], all: u64) {
        let (school, file) = (&self.school, self.file.display());
        match self.append(bytes) {
            Ok(kept) => tracing::error!(
                %school, bytes = all, kept, %file,
                "ALARM: a part of the spool is damaged and was quarantined; the whole records after it are still processed. \
                 Check its content, then remove the file"
            ),
            Err(error) => tracing::error!(
                %school, bytes = all, %error, %file,
                "ALARM: a part of the spool is damaged and cannot be quarantined; the whole records after it are still processed"
            ),
        }
    }

    /// Removes the file if nothing was added to it since `before`.
    pub fn expire(&self, before: SystemTime) -> io::Result<()> {
        let file = match std::fs::metadata(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            file => file?,
        };
        if file.modified()? >= before {
            return Ok(());
        }
        tracing::warn!(school = %self.school, bytes = file.len(), "a damaged part of the spool is past its time and was removed");
        std::fs::remove_file(&self.file)
    }

    /// Drops each record, or what is left of it, that `mentions` an erased person.
    pub fn forget(&self, mentions: impl Fn(&str) -> bool) -> io::Result<()> {
        let bytes = match std::fs::read(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            read => read?,
        };
        let mut starts: Vec<usize> = bytes
            .windows(MARK.len())
            .enumerate()
            .filter(|(_, part)| *part == MARK)
            .map(|(at, _)| at)
            .collect();
        starts.insert(0, 0);
        let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
        let parts = starts.iter().zip(ends).map(|(start, end)| &bytes[*start..end]);
        let kept: Vec<u8> =
            parts.filter(|part| !mentions(&String::from_utf8_lossy(part))).flatten().copied().collect();
        if kept.len() == bytes.len() {
            return Ok(());
        }
        tracing::info!(school = %self.school, bytes = bytes.len() - kept.len(), "an erased person was removed from the quarantine");
        if kept.is_empty() {
            return std::fs::remove_file(&self.file);
        }
        let new = self.file.with_extension("damaged.new");
        private::write(&new, &kept)?;
        std::fs::rename(&new, &self.file)
    }

    /// Appends the bytes; returns how many of them are in the file now.
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        let before = match std::fs::read(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let room = FILE_BYTES_MAX.saturating_sub(before.len() as u64).min(bytes.len() as u64) as usize;
        let bytes = &bytes[..room];
        if bytes.is_empty() || before.windows(room).any(|known| known == bytes) {
            return Ok(room);
        }
        let mut file = private::options().append(true).open(&self.file)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        Ok(room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_erased_person_is_removed_and_others_stay() {
        let folder =
            std::env::temp_dir().join(format!("dozvon-quarantine-{}", crate::secret::random_token()));
        crate::private::folder(&folder).expect("writable");
        let kept = Quarantine::beside(&folder, &"rost".into());
        assert!(kept.forget(|_| true).is_ok(), "there is none");
        let of = |who: &str| [MARK.as_slice(), who.as_bytes(), b"\xff"].concat();
        for who in ["boris", "anna", "vera"] {
            kept.keep(&of(who), 9);
        }
        kept.forget(|text| text.contains("anna")).expect("writable");
        assert_eq!(std::fs::read(&kept.file).expect("it is there"), [of("boris"), of("vera")].concat());
        kept.forget(|_| true).expect("writable");
        assert_eq!(kept.bytes(), 0);
        std::fs::remove_dir_all(&folder).expect("writable");
    }

    #[test]
    fn the_same_bytes_are_kept_once_and_the_file_is_bounded() {
        let folder =
            std::env::temp_dir().join(format!("dozvon-quarantine-{}", crate::secret::random_token()));
        std::fs::create_dir_all(&folder).expect("writable");
        let kept = Quarantine::beside(&folder, &"rost".into());
        assert_eq!(kept.bytes(), 0);
        for bytes in [b"first".as_slice(), b"second", b"first"] {
            kept.keep(bytes, bytes.len() as u64);
        }
        assert_eq!(std::fs::read(&kept.file).expect("it is there"), b"firstsecond");
        kept.keep(&vec![b'x'; 2 * FILE_BYTES_MAX as usize], 0);
        assert_eq!(kept.bytes(), FILE_BYTES_MAX);
        std::fs::remove_file(&kept.file).expect("a person takes it away");
        assert_eq!(kept.bytes(), 0);
        std::fs::remove_dir_all(&folder).expect("writable");
    }
}
