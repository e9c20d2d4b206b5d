//! A provider and a condition get the arguments of the call as a tuple.

#[chia_loop::provider]
fn recorded(_: chia_loop::Site, seed: u64) -> u64 {
    seed
}

#[chia_loop::condition]
fn high(_: chia_loop::Site, (seed,): (u64,)) -> bool {
    seed > 9
}

fn main() {}
