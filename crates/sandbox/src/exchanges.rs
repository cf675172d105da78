//! THE LIST of exchanges: one line a provider's stand-in, in the order of their ports. The first is what people
//! call over where a setup says nothing.
//! It never knows a provider's words. Enter at [`ALL`].

use super::lines::Maker;

pub static ALL: &[&Maker] = &[&super::mango::EXCHANGE, &super::sipuni::EXCHANGE, &super::telphin::EXCHANGE];
