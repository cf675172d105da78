//! The demo's school for tests in one thread: its files, its stand-ins' setup, secrets of the
//! test's own. Never holds a real secret. Enter at [`School::prepare`].

use std::collections::BTreeMap;

use dozvon::config::Files;
use dozvon::demo::scripts::{FILES, Material};
use dozvon::sandbox::Setup;

use super::folder::Folder;
use super::inproc::nowhere;

pub const SECRET: &str = "smoke-url-secret-0001";

/// The demo's school, with secrets from files of the test's own.
pub struct School {
    pub files: Files,
    /// Without people of its own once a test has put in others.
    pub material: Setup,
    _secrets: Folder,
}

impl School {
    pub fn prepare() -> Self {
        Self::changed(|_, text| text)
    }

    /// `change` is given the path and the text of each of the school's files.
    pub fn changed(change: impl Fn(&str, String) -> String) -> Self {
        let hooks = |platform: &str| format!("http://bridge/hooks/rost/{platform}/{SECRET}");
        let material = Material::load(&hooks).expect("the demo's fixtures are right").setup;
        let secrets = Folder::new();
        let mut texts = BTreeMap::new();
        for (path, text) in FILES {
            let text = text
                .replace("@amocrm@", "http://127.0.0.1:1")
                .replace("@getcourse@", "http://127.0.0.1:2")
                .replace("@mango@", "http://127.0.0.1:3")
                .replace("\"@smtp_port@\"", "25");
            let text = from_files(&change(path, text), &secrets, &material);
            texts.insert(path.replace("@school@", "rost"), text);
        }
        Self { files: Files::new(nowhere(), texts), material, _secrets: secrets }
    }
}

/// `{ env = "NAME" }` becomes `{ file = "…" }`: a test changes no environment.
fn from_files(text: &str, folder: &Folder, setup: &Setup) -> String {
    let mut text = text.to_owned();
    let values = [
        ("DEMO_HOOK_SECRET", SECRET),
        ("DEMO_AMOCRM_TOKEN", &setup.amocrm.long_lived_token),
        ("DEMO_GETCOURSE_SCHOOL_KEY", &setup.getcourse.school_key),
        ("DEMO_GETCOURSE_DEVELOPER_KEY", &setup.getcourse.developer_key),
        ("DEMO_MANGO_KEY", &setup.mango.api_key),
        ("DEMO_MANGO_SALT", &setup.mango.api_salt),
        ("SIPUNI_KEY", &setup.sipuni.key),
        ("TELPHIN_SECRET", &setup.telphin.client_secret),
    ];
    for (name, value) in values {
        let file = folder.path().join(name);
        std::fs::write(&file, value).expect("the test's own folder");
        text = text.replace(&format!("env = \"{name}\""), &format!("file = \"{}\"", file.display()));
    }
    text
}
