//! GetCourse: orders, payments and the people who made them. Never creates an order and never marks one as
//! paid. Enter at [`PLATFORM`], [`GcHooks`] (webhooks) and [`GcCourier`] (commands).

pub mod addresses;
pub mod answer;
mod check;
pub mod client;
pub mod courier;
pub mod dates;
pub mod decode;
mod entry;
pub mod fields;
pub mod hooks;
mod kind;
pub mod money;
pub mod params;
pub mod reconcile;
pub mod settings;
pub mod status;
mod survey;
pub mod tech;
pub mod text;
mod words;

pub use client::{Client, Keys};
pub use courier::GcCourier;
pub use entry::PLATFORM;
pub use hooks::GcHooks;
pub use kind::HookKind;
pub use reconcile::GcReconciler;
pub use settings::{Payments, Settings};

/// How this school's payments are confirmed: as its file says, otherwise read back if that is possible, otherwise by a
/// person: nobody is believed who has not been trusted in writing (design, «Money without a signature»; F106).
pub fn payments(settings: &Settings) -> Payments {
    let readable = settings.developer_key.is_some() && settings.school_key.is_some();
    settings.payments.unwrap_or(if readable { Payments::ReadBack } else { Payments::Unconfirmed })
}
