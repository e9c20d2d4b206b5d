//! The future of an asynchronous body goes to other threads.

use std::rc::Rc;

#[chia_loop::function]
async fn simulate(seed: u64) -> u64 {
    let shared = Rc::new(seed);
    std::future::ready(()).await;
    *shared
}

fn main() {}
