//! The demo's school for tests in one thread: its files, its stand-ins' setup, the test's own secrets. Never
//! contains a real secret. Enter at [`School::prepare`].

use dozvon::config::Files;
use dozvon::demo::inside::school_files;
use dozvon::demo::scripts::Material;
use dozvon::sandbox::Setup;

use super::folder::Folder;

pub const SECRET: &str = "q7Lw2nBx9Vd4Rk8Tz3Hs";

/// The demo's school, with secrets from the test's own files.
pub struct School {
    pub files: Files,
    /// Without people of its own if a test has put in others.
    pub material: Setup,
    _secrets: Folder,
}

impl School {
    pub fn prepare() -> Self {
        Self::changed(|_, text| text)
    }

    /// `change` receives the path and the text of each of the school's files.
    pub fn changed(change: impl Fn(&str, String) -> String) -> Self {
        let hooks = |platform: &str| format!("http://bridge/hooks/rost/{platform}/{SECRET}");
        let material = Material::load(&hooks).expect("the demo's fixtures are right").setup;
        let secrets = Folder::new();
        let files = school_files(secrets.path(), &material, SECRET, change).expect("the test's own folder");
        Self { files, material, _secrets: secrets }
    }
}
