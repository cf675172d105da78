//! THE LIST of exchanges: one line per stand-in of a telephony provider. Enter at [`ALL`].

use super::lines::Maker;

pub static ALL: &[&Maker] = &[
    // In the order of their ports. People call over the first where a setup says nothing.
    &super::mango::EXCHANGE,
    &super::sipuni::EXCHANGE,
    &super::telphin::EXCHANGE,
    &super::zadarma::EXCHANGE,
];
