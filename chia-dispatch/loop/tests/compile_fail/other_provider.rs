//! A provider returns what its function returns.

use chia_loop::Site;

#[chia_loop::function]
fn simulate(seed: u64) -> f64 {
    seed as f64
}

#[chia_loop::provider]
fn recorded(_: Site, (seed,): (u64,)) -> String {
    seed.to_string()
}

fn run(chia: &chia_loop::Chia) {
    let _ = chia.set_provider(&SIMULATE, &RECORDED);
}

fn main() {}
