"""Cache and bypass for loops on Ray, on the engine of the Rust crates of the same name."""
