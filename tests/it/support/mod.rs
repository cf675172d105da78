//! What the tests need: folders and servers of their own. Never uses a fixed port, a shared folder or a
//! service that happens to run here.

pub mod balancer;
pub mod breaking;
pub mod counting;
pub mod deaf;
pub mod folder;
pub mod hold;
pub mod inproc;
pub mod lying;
pub mod oracle;
pub mod program;
pub mod redis_server;
pub mod school;
pub mod story;
pub mod within;
