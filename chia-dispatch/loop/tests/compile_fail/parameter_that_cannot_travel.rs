//! Arguments travel as bytes.

struct Design;

#[chia_loop::function]
fn simulate(design: Design) -> usize {
    let Design = design;
    0
}

fn main() {}
