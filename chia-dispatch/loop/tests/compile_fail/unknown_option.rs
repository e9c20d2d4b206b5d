//! Options are those of `Function`.

#[chia_loop::function(cpus = 2.0)]
fn simulate(seed: u64) -> u64 {
    seed
}

#[chia_loop::provider(cpu = 2.0)]
fn recorded(_: chia_loop::Site, (seed,): (u64,)) -> u64 {
    seed
}

fn main() {}
