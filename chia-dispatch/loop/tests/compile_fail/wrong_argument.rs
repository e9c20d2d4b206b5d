//! An argument of another type.

#[chia_loop::function]
fn simulate(design: String, seed: u64) -> u64 {
    design.len() as u64 + seed
}

async fn run(chia: chia_loop::Chia) {
    let _ = chia.call(&SIMULATE, ("adder", "one")).await;
}

fn main() {}
