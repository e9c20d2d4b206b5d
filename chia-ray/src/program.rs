//! One program, driver and worker.

use std::sync::Arc;

use chia_dispatch::Host;

/// The whole of a program's `main`: runs `driver`, or, where Ray has started this program as a
/// worker, runs tasks with `host` and never returns. Belongs at the start of `main`; set up before it
/// only what workers need as well, such as a `tracing` subscriber that writes to standard error. What
/// tasks print reaches the driver's terminal, with the task's name, process and node.
///
/// `host` is what tasks are run with: the `Worker` of chia-loop.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use chia_loop::{Chia, Function, Registry, Result, Worker};
/// use chia_ray::{RayBackend, RayOptions};
///
/// fn add(x: i64, y: i64) -> i64 {
///     x + y
/// }
/// static ADD: Function<(i64, i64), i64> = Function::new("add", &add).resources(&[("cpu", 1.0)]);
///
/// fn main() -> Result<()> {
///     chia_ray::main(Worker::new(Registry::new().function(&ADD)), async |worker| {
///         let ray = RayBackend::connect(RayOptions::auto()).await?;
///         let chia = Chia::builder(worker).backend(Arc::new(ray)).start().await?;
///         let sum = chia.call(&ADD, (1, 2)).tag("first").dispatch().await?.get().await?;
///         assert_eq!(sum, 3);
///         chia.shutdown().await
///     })
/// }
/// ```
///
/// # Errors
/// What the driver returns.
///
/// # Panics
/// When the driver's runtime cannot be started.
pub fn main<H: Host + Clone, R>(host: H, driver: impl AsyncFnOnce(H) -> R) -> R {
    chia_wire::run_if_worker(|| Arc::new(host.clone()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a driver needs its runtime").block_on(driver(host))
}
