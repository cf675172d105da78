//! The identity of this process: a name that outlives restarts, so that a killed instance takes its own
//! schools back at once instead of waiting for its old lease. Two living processes never have the same name:
//! it is bound to a lock on a file, which the system releases only for a dead process, and to the machine, so
//! that a copied folder gets another name. Enter at [`Name::take`].

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::private;
use crate::secret::random_token;
use crate::store::Fence;

/// What distinguishes machines: the host's name, and this boot of its kernel.
const MACHINE: [&str; 2] = ["/proc/sys/kernel/hostname", "/proc/sys/kernel/random/boot_id"];

/// This instance's name, held while this value lives.
#[derive(Debug)]
pub struct Name {
    name: String,
    _lock: File,
}

impl Name {
    /// `None` if another process holds the folder's name, or if no name can be stored: such an instance also
    /// works, but has to wait for the lease of a dead one.
    pub fn take(folder: &Path) -> Option<Self> {
        match open(folder) {
            Ok(name) => name,
            Err(error) => {
                tracing::warn!(%error, folder = %folder.display(), "the instance keeps no name: after a crash its lease has to run out first");
                None
            }
        }
    }

    /// A new proof of ownership under this name.
    pub fn fence(&self) -> Fence {
        Fence::of(&self.name)
    }
}

fn open(folder: &Path) -> std::io::Result<Option<Name>> {
    private::folder(folder)?;
    let file = folder.join("instance");
    let mut file = private::options().read(true).write(true).open(file)?;
    if file.try_lock().is_err() {
        return Ok(None);
    }
    let mut token = String::new();
    file.read_to_string(&mut token)?;
    if token.trim().is_empty() {
        token = random_token();
        file.write_all(token.as_bytes())?;
        file.sync_all()?;
    }
    let mut hash = Sha256::new().chain_update(token.trim());
    for part in MACHINE {
        hash.update([0]);
        hash.update(std::fs::read(part).unwrap_or_default());
    }
    Ok(Some(Name { name: hex::encode(&hash.finalize()[..12]), _lock: file }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_outlives_its_process_and_is_never_held_twice() {
        let folder = std::env::temp_dir().join(format!("dozvon-instance-{}", random_token()));
        let first = Name::take(&folder).expect("a name");
        assert!(Name::take(&folder).is_none(), "the name is in use");
        let (name, fence) = (first.name.clone(), first.fence());
        assert_ne!(fence, first.fence(), "each run has a proof of its own");
        drop(first);
        let second = Name::take(&folder).expect("a name");
        assert_eq!(second.name, name);
        let _ = std::fs::remove_dir_all(&folder);
    }
}
