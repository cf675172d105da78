//! The schools that this instance works for, as its configuration has them at the moment.
//! Never takes half of a configuration: what differs is built first, then put in place.
//! Enter at [`Schools::follow`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::School;
use crate::http::Sites;
use crate::instance::Name;
use crate::process::SchoolId;
use crate::spool::Spools;
use crate::ways::{self, Ground, Ports};
use crate::worker::school;
use crate::worker::site::{Keep, Parts, Rhythm, Site};

/// Why a school cannot be worked; says what to do.
#[derive(Debug, thiserror::Error)]
#[error("school {school}: {why}")]
pub struct Unfit {
    pub school: SchoolId,
    why: String,
}

/// Which schools are built anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anew {
    /// Those whose files differ.
    Differing,
    /// All: what their files point to (tokens, secrets) may differ.
    All,
}

pub struct Schools {
    /// Looked into by every request.
    pub sites: Sites,
    ground: Ground,
    keep: Keep,
    /// Held as long as anybody works under it.
    name: Option<Arc<Name>>,
    spools: Spools,
    running: BTreeMap<SchoolId, Running>,
}

struct Running {
    config_hash: String,
    stop: watch::Sender<bool>,
    owner: JoinHandle<()>,
}

impl Schools {
    pub fn new(ground: Ground, keep: Keep, name: Option<Arc<Name>>, spools: Spools) -> Self {
        Self { sites: Sites::default(), ground, keep, name, spools, running: BTreeMap::new() }
    }

    /// Works for these schools from now on; says which of them began anew. A school that is built
    /// anew first lands what is on its way; requests are taken all the time.
    pub fn follow(&mut self, schools: Vec<School>, anew: Anew) -> Result<Vec<SchoolId>, Unfit> {
        let named: BTreeSet<SchoolId> = schools.iter().map(|school| school.id.clone()).collect();
        let is_fresh = |school: &School| {
            let running = self.running.get(&school.id);
            anew == Anew::All || running.is_none_or(|running| running.config_hash != school.config_hash)
        };
        let fresh: Vec<_> = schools.into_iter().filter(is_fresh).map(|school| self.build(school)).collect();
        let fresh = fresh.into_iter().collect::<Result<Vec<_>, _>>()?;
        let gone: Vec<SchoolId> = self.running.keys().filter(|id| !named.contains(*id)).cloned().collect();
        for id in gone {
            tracing::warn!(school = %id, "the school is no longer configured; what it holds stays in the store");
            self.sites.remove(&id);
            if let Some(old) = self.running.remove(&id) {
                // Its task goes on until what is on its way has landed.
                let _ = old.stop.send(true);
            }
        }
        let begun = fresh.iter().map(|(site, _)| site.id().clone()).collect();
        for (site, stop) in fresh {
            let before = self.running.remove(site.id());
            self.sites.put(site.clone());
            let (id, config_hash) = (site.id().clone(), site.school.config_hash.clone());
            let owner = tokio::spawn(async move {
                if let Some(before) = before {
                    let _ = before.stop.send(true);
                    let _ = before.owner.await;
                }
                school::run(site).await;
            });
            self.running.insert(id, Running { config_hash, stop, owner });
        }
        Ok(begun)
    }

    /// Lets what is on its way land, for so long, and gives the schools back.
    pub async fn stop(self, drain: Duration) {
        for running in self.running.values() {
            let _ = running.stop.send(true);
        }
        let landing = async {
            for running in self.running.into_values() {
                let _ = running.owner.await;
            }
        };
        if tokio::time::timeout(drain, landing).await.is_err() {
            tracing::warn!("not everything landed in time; it is looked for at the next start");
        }
    }

    /// One school with its ways in and out, over the real network.
    fn build(&self, school: School) -> Result<(Arc<Site>, watch::Sender<bool>), Unfit> {
        let id = school.id.clone();
        let unfit = |why| Unfit { school: id.clone(), why };
        let (stop, stopped) = watch::channel(false);
        let ports = Ports::real(&school).map_err(unfit)?;
        let site = Site::new(Parts {
            hooks: ways::hooks(&school).map_err(unfit)?,
            ways: ways::build(&school, ports, &self.ground).map_err(unfit)?,
            school: Arc::new(school),
            store: self.ground.store.clone(),
            clock: self.ground.clock.clone(),
            stop: stopped,
            rhythm: Rhythm::default(),
            keep: self.keep,
        });
        let site = site.named(self.name.as_deref()).spooling(self.spools.of(&id));
        Ok((Arc::new(site), stop))
    }
}
