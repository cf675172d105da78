//! E-mail over SMTP: the school's own letters. Never reads mail: a later bounce is not noticed. Enter at
//! [`PLATFORM`]: [`MailCourier`] with [`SmtpPost`] behind it.

mod bare;
mod check;
pub mod courier;
mod entry;
pub mod letter;
pub mod settings;
pub mod smtp;

pub use courier::{BOUNCED, IN_DOUBT, MailCourier, message_id};
pub use entry::PLATFORM;
pub use settings::Settings;
pub use smtp::SmtpPost;
