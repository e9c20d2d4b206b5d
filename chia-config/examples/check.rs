//! Checks a rules file: `cargo run --example check -- loop.yaml`.
#![allow(clippy::print_stdout)]

use std::env;
use std::process::ExitCode;

use chia_config::Config;

fn main() -> ExitCode {
    let Some(path) = env::args().nth(1) else {
        println!("usage: check FILE");
        return ExitCode::FAILURE;
    };
    match Config::load(path) {
        Ok(config) => {
            for warning in config.warnings() {
                println!("{warning}\n");
            }
            println!("the rules are good");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}
