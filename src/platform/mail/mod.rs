//! E-mail over SMTP: the school's own letters. Never reads mail: a later bounce is not noticed. Enter at
//! [`MailCourier`] with [`SmtpPost`] behind it.

pub mod courier;
pub mod letter;
pub mod settings;
pub mod smtp;

pub use courier::{BOUNCED, IN_DOUBT, MailCourier, Post, PostFault, SmtpStage, message_id};
pub use letter::Outgoing;
pub use settings::Settings;
pub use smtp::SmtpPost;
