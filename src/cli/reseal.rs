//! `dozvon reseal`: seals the stored tokens of all schools with the present vault key. Never prints a token. Enter at
//! [`reseal`].

use clap::Args;

use super::{Folder, StoreArgs, load, place};
use crate::out::{self, Stop};
use crate::platforms::ALL;
use crate::private;
use crate::tokens::{self, Resealed, StoredTokens};

#[derive(Args)]
pub struct Reseal {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    store: StoreArgs,
}

pub async fn reseal(args: Reseal) -> Result<(), Stop> {
    private::keep_to_ourselves();
    let config = load(&args.folder)?;
    let vault = config.instance.vault().ok_or("DOZVON_VAULT_KEY is not set: nothing is sealed")?;
    let store = place(&args.store, &config).visit().await.map_err(|error| error.to_string())?;
    let data = args.store.data.as_ref().unwrap_or(&config.instance.data);
    let (mut sealed, mut closed) = (0, Vec::new());
    for school in &config.schools {
        for platform in ALL {
            let tokens = StoredTokens::of(store.clone(), vault.clone(), data, platform.name, &school.id);
            let done = tokens::reseal(&tokens).await?;
            sealed += usize::from(done.0 == Resealed::Done) + usize::from(done.1 == Resealed::Done);
            if done.0 == Resealed::Closed || done.1 == Resealed::Closed {
                closed.push(tokens.name.clone());
            }
        }
    }
    if !closed.is_empty() {
        return Err(format!(
            "Sealed with the present key: {sealed}. No key opens what is stored for {}: put the key that sealed it into \
             DOZVON_VAULT_KEY_OLD and repeat, or sign in anew",
            closed.join(", ")
        )
        .into());
    }
    out::line(format_args!(
        "Sealed with the present key: {sealed}. Nothing here needs another one: when this was said on each machine, \
         remove DOZVON_VAULT_KEY_OLD and restart."
    ))
}
