//! E-mail over SMTP: the school's own letters.
//! Never reads mail: a bounce that comes later is not seen here.
//! Enter at [`MailCourier`] with [`SmtpPost`] behind it.

pub mod courier;
pub mod letter;
pub mod settings;
pub mod smtp;

pub use courier::{BOUNCED, MailCourier, Post, PostFault, Stage};
pub use letter::Outgoing;
pub use settings::Settings;
pub use smtp::SmtpPost;
