//! What a process last knew about the store of a school, in a file beside the spool: a store that was emptied
//! or replaced by an older copy while the bridge was down is noticed at the start. Only a note: nothing is lost
//! with it. Enter at [`StoreNote::beside`].

use std::io;
use std::path::{Path, PathBuf};

use crate::json;
use crate::private;
use crate::process::SchoolId;
use crate::store::Contents;

#[derive(Debug, Clone)]
pub struct StoreNote {
    path: PathBuf,
}

impl StoreNote {
    pub fn beside(folder: &Path, school: &SchoolId) -> Self {
        Self { path: folder.join(format!("{school}.store")) }
    }

    /// `None` if there is none that this version can read.
    pub fn read(&self) -> Option<Contents> {
        serde_json::from_slice(&std::fs::read(&self.path).ok()?).ok()
    }

    pub fn write(&self, contents: &Contents) -> io::Result<()> {
        let new = self.path.with_extension("store.new");
        private::write(&new, &json::bytes(contents))?;
        std::fs::rename(&new, &self.path)
    }
}
