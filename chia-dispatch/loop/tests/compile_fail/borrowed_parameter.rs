//! Arguments come from elsewhere: a body owns them.

#[chia_loop::function]
fn simulate(design: &str) -> usize {
    design.len()
}

fn main() {}
