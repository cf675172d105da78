//! What all families of a run share: a temporary folder that leaves with it, the builds that are compared, and how
//! much is measured. Enter at [`Bed::new`].

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::place::{Kind, Place, has_redis};
use super::rounds::Side;
use super::subject::Program;
use crate::out;
use crate::secret::random_token;

/// Tries to remove the folder.
const REMOVALS: usize = 100;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    /// Instead of a family's own number of orders.
    pub orders: Option<usize>,
    /// Instead of a hundred idle ones.
    pub schools: Option<usize>,
    pub rounds: usize,
    /// How long a load is sent.
    pub window: Duration,
}

/// One run of the command.
pub struct Bed {
    folder: PathBuf,
    folders: AtomicUsize,
    own: Program,
    peer: Option<Program>,
    has_redis: bool,
    pub amount: Amount,
}

impl Bed {
    pub async fn new(peer: Option<&Path>, amount: Amount) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("dozvon-bench-{}", &random_token()[..8]));
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let own = Program::of(None).await?;
        let peer = match peer {
            Some(path) => Some(Program::of(Some(path)).await?),
            None => None,
        };
        let has_redis = has_redis().await;
        if !has_redis {
            out::complain("redis-server is not installed: the rows on Redis are left out");
        }
        Ok(Self { folder, folders: AtomicUsize::new(0), own, peer, has_redis, amount })
    }

    /// A folder that nobody has used.
    pub fn folder(&self) -> PathBuf {
        self.folder.join(self.folders.fetch_add(1, Ordering::Relaxed).to_string())
    }

    /// An empty store, and a folder for what works on it.
    pub async fn place(&self, kind: Kind) -> Result<Place, String> {
        Place::open(kind, &self.folder()).await
    }

    /// Those of the stores that there are on this machine.
    pub fn kinds(&self, kinds: &[Kind]) -> Vec<Kind> {
        kinds.iter().copied().filter(|kind| self.has_redis || *kind == Kind::Embedded).collect()
    }

    /// The builds that are measured in turn.
    pub fn programs(&self) -> Vec<(Side, &Program)> {
        let peer = self.peer.as_ref().map(|peer| (Side::Peer, peer));
        [(Side::Own, &self.own)].into_iter().chain(peer).collect()
    }

    pub fn orders(&self, usual: usize) -> usize {
        self.amount.orders.unwrap_or(usual)
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        // A Redis that has just been killed may still add a file.
        let _ = (0..REMOVALS).find(|_| std::fs::remove_dir_all(&self.folder).is_ok());
    }
}
