//! The schools that this instance works for, by its present configuration. Never applies half of a
//! configuration: what differs is built first, then replaced. Enter at [`Schools::follow`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::School;
use crate::http::Sites;
use crate::instance::Name;
use crate::intake::book::RecordBudget;
use crate::outbound::{self, RealNetwork, Wiring};
use crate::process::SchoolId;
use crate::spool::Spools;
use crate::worker::keeper::Keeper;
use crate::worker::school;
use crate::worker::site::{Keep, Parts, Rhythm, Site};

/// Why the bridge cannot work for a school, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("school {school}: {why}")]
pub struct SchoolError {
    pub school: SchoolId,
    why: String,
}

/// Which schools are rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rebuild {
    /// Those whose files differ.
    Differing,
    /// All: the tokens and secrets that their files point to may differ.
    All,
}

pub struct Schools {
    /// Read by every request.
    pub sites: Sites,
    wiring: Wiring,
    network: RealNetwork,
    keep: Keep,
    /// Held as long as this instance works under it.
    name: Option<Arc<Name>>,
    spools: Spools,
    /// Memory for the open records of all schools.
    record_budget: Arc<RecordBudget>,
    keeper: Arc<Keeper>,
    keeping: JoinHandle<()>,
    running: BTreeMap<SchoolId, Running>,
}

struct Running {
    config_hash: String,
    stop: watch::Sender<bool>,
    owner: JoinHandle<()>,
}

impl Schools {
    pub fn new(wiring: Wiring, keep: Keep, name: Option<Arc<Name>>, spools: Spools) -> Self {
        let (sites, record_budget, running) = (Sites::default(), Arc::default(), BTreeMap::new());
        let network = RealNetwork::default();
        let keeper = Arc::new(Keeper::new(wiring.store.clone(), Rhythm::default()));
        let keeping = tokio::spawn({
            let keeper = keeper.clone();
            async move { keeper.run().await }
        });
        Self { sites, wiring, network, keep, name, spools, record_budget, keeper, keeping, running }
    }

    /// Switches to these schools; returns those that were rebuilt. A school that is rebuilt first finishes
    /// its deliveries in flight; requests are accepted all the time.
    pub fn follow(&mut self, schools: Vec<School>, rebuild: Rebuild) -> Result<Vec<SchoolId>, SchoolError> {
        if rebuild == Rebuild::All {
            // The system's certificates may differ, too.
            self.network = RealNetwork::default();
        }
        let named: BTreeSet<SchoolId> = schools.iter().map(|school| school.id.clone()).collect();
        let is_fresh = |school: &School| {
            let running = self.running.get(&school.id);
            rebuild == Rebuild::All || running.is_none_or(|running| running.config_hash != school.config_hash)
        };
        let fresh: Vec<_> = schools.into_iter().filter(is_fresh).map(|school| self.build(school)).collect();
        let fresh = fresh.into_iter().collect::<Result<Vec<_>, _>>()?;
        let gone: Vec<SchoolId> = self.running.keys().filter(|id| !named.contains(*id)).cloned().collect();
        for id in gone {
            tracing::warn!(school = %id, "the school is no longer configured; what it holds stays in the store");
            self.sites.remove(&id);
            if let Some(old) = self.running.remove(&id) {
                // Its task continues until its deliveries in flight have finished.
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

    /// Waits up to the given time for deliveries in flight, and releases the schools.
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
        self.keeping.abort();
    }

    /// One school with its hooks and couriers, over the real network.
    fn build(&self, school: School) -> Result<(Arc<Site>, watch::Sender<bool>), SchoolError> {
        let id = school.id.clone();
        let unfit = |why| SchoolError { school: id.clone(), why };
        let (stop, stopped) = watch::channel(false);
        let site = Site::new(Parts {
            hooks: outbound::hooks(&school).map_err(unfit)?,
            outbound: outbound::build(&school, &self.network, &self.wiring).map_err(unfit)?,
            school: Arc::new(school),
            store: self.wiring.store.clone(),
            clock: self.wiring.clock.clone(),
            stop: stopped,
            rhythm: Rhythm::default(),
            keep: self.keep,
            record_budget: self.record_budget.clone(),
        });
        let site =
            site.named(self.name.as_deref()).spooling(self.spools.of(&id)).kept_by(self.keeper.clone());
        if let Some(before) = self.sites.get(&id) {
            site.denials.inherit(&before.denials);
        }
        Ok((Arc::new(site), stop))
    }
}
