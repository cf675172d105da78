//! The demo.
mod child;
mod expect;
mod forms;
mod names;
mod player;
mod scene;
mod scripts;
#[derive(Debug, clap::Args)]
pub struct Options {}
pub async fn run(_o: Options) -> Result<(), String> { Ok(()) }
