//! `cargo xtask`: the jobs of this repository.

fn main() {}
