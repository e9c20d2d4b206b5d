//! A small design-space exploration with a real tool: the fastest build of a C kernel is searched for.
//! Built programs are kept as files, measurements as structs; interrupted anywhere and started again,
//! it repeats no finished step. Needs the system C compiler `cc`.
//!
//! ```console
//! $ cargo run -p chia-loop --example design_space
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
    let node = Resources::from([("cpu", 2.0), ("builder", 2.0), ("runner", 1.0)]);
    let backend = LocalBackend::builder().node("head", node).start(Arc::new(worker.clone()))?;
    let builder = Chia::builder(worker).backend(backend);
    work::drive(&args, builder).await?.print(args.json)?;
    Ok(())
}
