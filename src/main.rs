use std::process::ExitCode;

fn main() -> ExitCode {
    circumplex::cli::run(std::env::args_os())
}
