//! On Ray, the loop of chia-dispatch's example of that name: four iterations of four calls.
//! It runs on the cluster that `RAY_ADDRESS` names, or else on a private one.
//!
//! ```console
//! $ CHIA_RAY_PYTHON=… cargo run -p chia-ray --example ray_bypass_cache
//! ```

#[path = "../../../chia-dispatch/loop/examples/common/mod.rs"]
mod common;
#[path = "../../../chia-dispatch/loop/examples/bypass_cache/work.rs"]
mod work;

use std::sync::Arc;

use chia_loop::{Chia, Registry, Resources, Worker};
use chia_ray::{RayBackend, RayOptions};
use clap::Parser;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    chia_ray::main(Worker::new(Registry::collect()), async |worker| {
        let args = common::Args::parse();
        let own = Resources::from([("cpu", 2.0), ("counter", 2.0)]);
        let options = match std::env::var_os("RAY_ADDRESS") {
            Some(_) => RayOptions::auto(),
            None => RayOptions::private(own),
        };
        let ray = RayBackend::connect(options).await?;
        let builder = Chia::builder(worker).backend(Arc::new(ray));
        work::drive(&args, builder).await?.print(args.json)?;
        Ok(())
    })
}
