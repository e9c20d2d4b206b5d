//! The fingerprint of a call's arguments: what a worker adds to calls that the cache keeps or replays.

use std::hint::black_box;

use bytes::Bytes;
use chia_bypass::ArgumentPrint;
use chia_loop::{Blob, Chia, Function, LocalBackend, Registry, Worker};
use chia_services::codec;
use tokio::runtime::Runtime;

use crate::timing::{self, Side};
use crate::{Aim, Figure, Report};

/// Bytes of a small argument.
const SMALL: usize = 1024;
/// Bytes of a large one.
const LARGE: usize = 100_000_000;

static LENGTH: Function<(Blob,), u64> = Function::new("length", &|blob: Blob| blob.len() as u64);

/// Adds the figures of fingerprints.
pub(super) fn run(report: &mut Report, runtime: &Runtime) -> anyhow::Result<()> {
    let small = codec::encode(&"x".repeat(SMALL))?;
    let print = timing::side(|| fingerprint(black_box(&small)));
    let took = timing::interleaved(&mut [print])[0];
    let case = "fingerprint of 1 KiB of arguments, per call";
    report.add(Figure::alone(case, "ns", took).aim(Aim::AtMost(300.0)));

    report.progress("fingerprint of 100 MB");
    let blob = Blob::from(vec![7; LARGE]);
    let large = codec::encode(&blob)?;
    let chia = runtime.block_on(start())?;
    let call: Side<'_> = timing::side(|| {
        let call = chia.call(&LENGTH, (blob.clone(),));
        runtime.block_on(async { call.await }).expect("a length does not fail")
    });
    let print = timing::side(|| fingerprint(black_box(&large)));
    let medians = timing::interleaved_long(&mut [call, print]);
    let (call, print) = (medians[0], medians[1]);
    let case = "a call with 100 MB of arguments: with fingerprint / without";
    report.add(Figure::versus(case, "ns", call + print, call).aim(Aim::RatioAtMost(1.03)));
    Ok(())
}

/// What the worker does for each argument.
fn fingerprint(encoded: &Bytes) -> ArgumentPrint {
    let print = ArgumentPrint::of(&codec::canonical(encoded));
    match codec::to_text(encoded) {
        Some(text) => print.with_value(text),
        None => print,
    }
}

async fn start() -> anyhow::Result<Chia> {
    let worker = Worker::new(Registry::new().function(&LENGTH));
    let backend = LocalBackend::machine(std::sync::Arc::new(worker.clone()))?;
    Ok(Chia::builder(worker).backend(backend).start().await?)
}
