//! The error of a body goes to other threads.

#[chia_loop::function]
fn simulate(design: String) -> Result<f64, Box<dyn std::error::Error>> {
    Ok(design.parse()?)
}

fn main() {}
