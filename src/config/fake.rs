//! The example school for unit tests: the files of `deploy/example`, checked, with the secrets of
//! `.env.example`. Never reads the environment of the process. Enter at [`school`].

use std::path::Path;

use super::{Config, School, Surroundings};
use crate::process::At;

/// Wednesday, noon in Moscow.
pub fn noon() -> At {
    At::from_timestamp(1_794_992_400, 0).expect("in range")
}

pub fn school() -> School {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let secrets = std::fs::read_to_string(root.join(".env.example")).expect("a text");
    let pairs = secrets.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    let variables = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let folder = root.join("deploy/example");
    let config = Config::load_with(&folder, &Surroundings::new(variables, noon())).expect("it is right");
    config.schools.into_iter().next().expect("one school")
}
