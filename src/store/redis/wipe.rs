//! Removes from Redis' memory and files what was deleted from the store. A deleted entry of a stream stays in its
//! block, and a deleted key in the append-only file, until they are written anew: both are asked for here. Never
//! deletes anything itself. Enter at [`RedisStore::wipe_what_is_deleted`].

use redis::cmd;

use super::RedisStore;
use super::info::{fact, number};
use super::keys;
use super::keys::SchoolKeys;
use crate::process::SchoolId;
use crate::store::{StoreError, StoreResult, Wiped, Wiping};

/// Streams that may have held the person's requests.
const STREAMS: [&str; 2] = ["raw", "items"];

/// Entries that are copied by one call: Redis serves nobody else meanwhile.
const COPIED: usize = 500;

/// How often a copy is begun again because entries were deleted meanwhile.
const COPIES_MAX: usize = 5;

impl RedisStore {
    pub(super) async fn wipe_what_is_deleted(&self, school: &SchoolId, what: Wiping) -> StoreResult<Wiped> {
        if what == Wiping::Person {
            for stream in STREAMS {
                if !self.write_anew(school, stream).await? {
                    return Ok(Wiped::Later("requests were deleted meanwhile".to_owned()));
                }
            }
        }
        match self.write_files_anew().await {
            Ok(()) => Ok(Wiped::Done),
            Err(StoreError::Unreachable(why)) if why.contains("already in progress") => Ok(Wiped::Later(why)),
            Err(error) if error.is_refusal() || is_unknown(&error) => Ok(Wiped::Refused(error.to_string())),
            Err(error) => Err(error),
        }
    }

    /// Copies a stream without the deleted entries, part by part, and puts the copy in its place.
    async fn write_anew(&self, school: &SchoolId, stream: &str) -> StoreResult<bool> {
        let keys = SchoolKeys::of(school).many([stream, &format!("{stream}:new")]);
        let (mut from, mut copies) = ("-".to_owned(), 1);
        loop {
            let mut call = self.scripts.copy_stream.prepare_invoke();
            call.key(&keys).arg(&from).arg(COPIED);
            from = match self.run::<String>(&call).await?.as_str() {
                "done" => return Ok(true),
                "changed" if copies == COPIES_MAX => return Ok(false),
                "changed" => {
                    copies += 1;
                    "-".to_owned()
                }
                last => format!("({last}"),
            };
        }
    }

    /// Whether the user has no right to what [`RedisStore::write_files_anew`] asks for. Nothing is written anew.
    pub(super) async fn keeps_erased(&self) -> StoreResult<bool> {
        let mut call = self.scripts.may_wipe.prepare_invoke();
        match self.run::<i64>(call.key(keys::PROBE)).await {
            Err(error) if error.is_refusal() => Ok(false),
            may => Ok(may? == 0),
        }
    }

    /// Only files that there are: a server without an append-only file does not get one.
    async fn write_files_anew(&self) -> StoreResult<()> {
        let link = self.link().await?;
        let nodes = match link.infos(cmd("INFO").arg("persistence")).await {
            Err(error) if error.is_refusal() => vec!["aof_enabled:1".to_owned()],
            nodes => nodes?,
        };
        if nodes.iter().any(|node| fact(node, "aof_enabled") == "1") {
            link.on_all(&cmd("BGREWRITEAOF")).await?;
        }
        if nodes.iter().any(|node| fact(node, "aof_enabled") != "1" || number(node, "rdb_saves") > 0) {
            link.on_all(cmd("BGSAVE").arg("SCHEDULE")).await?;
        }
        Ok(())
    }
}

/// Servers that others run, and other stores that speak like Redis, have no such command.
fn is_unknown(error: &StoreError) -> bool {
    matches!(error, StoreError::Unreachable(why) if why.contains("unknown command"))
}
