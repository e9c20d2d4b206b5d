//! The tool `chia-cache`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(chia_cli::run(std::env::args_os()))
}
