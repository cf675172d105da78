//! Couriers that say what is not so: the oracle has to find out.
//! Never carries anything out. Enter at [`Lie::take_over`].

use std::sync::Arc;

use async_trait::async_trait;
use dozvon::platform::{Courier, Fault, Links, Receipt, Room, Try};
use dozvon::process::{At, Command};
use dozvon::worker::site::Outbound;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Everything is done, and nothing was.
    Done,
    /// Nothing can ever be done.
    Never,
}

impl Lie {
    /// In place of every courier of the school.
    pub fn take_over(self, outbound: &mut Outbound) {
        for courier in outbound.couriers.values_mut() {
            *courier = Arc::new(Lying(self, courier.clone()));
        }
    }
}

struct Lying(Lie, Arc<dyn Courier>);

#[async_trait]
impl Courier for Lying {
    async fn deliver(&self, _: &Command, _: Try, _: &dyn Links, _: At) -> Result<Receipt, Fault> {
        match self.0 {
            Lie::Done => Ok(Receipt::default()),
            Lie::Never => Err(Fault::never("a lie")),
        }
    }

    fn room(&self) -> Room {
        self.1.room()
    }

    async fn chore(&self, now: At) -> Result<At, Fault> {
        self.1.chore(now).await
    }
}
