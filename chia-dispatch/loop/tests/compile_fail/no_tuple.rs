//! `(1)` is `1`; a tuple of one is `(1,)`.

#[chia_loop::function]
fn simulate(seed: u64) -> u64 {
    seed
}

async fn run(chia: chia_loop::Chia) {
    let _ = chia.call(&SIMULATE, (1)).await;
}

fn main() {}
