//! The quarantine: unreadable bytes of a spool, kept in a file next to it for a person. Never keeps the same
//! bytes twice (a spool is read again after a restart) and never grows without bound. Enter at
//! [`Quarantine::keep`]. The file itself is the state: removing it means that the damage was dealt with.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

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
        let mut file = OpenOptions::new().create(true).append(true).open(&self.file)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        Ok(room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
