//! Populate, then replay: run it twice. See `rules.yaml` for what is kept and what is replayed.
//!
//! ```console
//! $ # cold: 16 calls run, 16 results are kept
//! $ cargo run -p chia-loop --example bypass_cache -- --flush
//! $ # warm: 8 run, 8 are replayed
//! $ cargo run -p chia-loop --example bypass_cache
//! ```

#[path = "../common/mod.rs"]
mod common;
mod work;

use std::sync::Arc;

use chia_loop::{Chia, LocalBackend, Registry, Resources, Worker};
use clap::Parser;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let args = common::Args::parse();
    let worker = Worker::new(Registry::collect());
    let node = Resources::from([("cpu", 2.0), ("counter", 2.0)]);
    let backend = LocalBackend::builder().node("head", node).start(Arc::new(worker.clone()))?;
    let builder = Chia::builder(worker).backend(backend);
    work::drive(&args, builder).await?.print(args.json)?;
    Ok(())
}
