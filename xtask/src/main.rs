//! Development commands of the net-backend workspace: `cargo xtask --help`.

mod bench;
mod cross;
mod demo;
mod needs;
mod steps;
mod test;
mod tidy;
mod toolchain;
mod vm;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

/// Development commands of the net-backend workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Cli {
    Test(test::Options),
    Tidy(tidy::Options),
    Cross(cross::Options),
    Demo(demo::Options),
    Bench(bench::Options),
    Vm(vm::Options),
    #[command(hide = true)]
    BenchMemory(bench::MemoryOptions),
    #[command(hide = true)]
    LinkForFreebsd(cross::LinkOptions),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse() {
        Cli::Test(options) => test::run(&options),
        Cli::Tidy(options) => tidy::run(&options),
        Cli::Cross(options) => cross::run(&options),
        Cli::Demo(options) => demo::run(&options),
        Cli::Bench(options) => bench::run(&options),
        Cli::Vm(options) => vm::run(&options),
        Cli::BenchMemory(options) => bench::measure_memory(&options),
        Cli::LinkForFreebsd(options) => cross::link_for_freebsd(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
