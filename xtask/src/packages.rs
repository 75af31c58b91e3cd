//! `cargo xtask dist`: builds the simulator, and packs it into a Python wheel and an npm package, for developers
//! without Rust. Nothing is published.

mod npm;
mod platform;
#[cfg(test)]
mod tests;
mod wheel;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use platform::Platform;

const PACKAGE: &str = "wecom-kf-sim";
const CRATE: &str = "crates/wecom-kf-sim";
const OUTPUT: &str = "target/dist";

/// The options of the command.
pub struct Options {
    /// The profile of cargo, such as `release`.
    pub profile: String,
    /// The target triple. `None` means this machine.
    pub target: Option<String>,
}

/// Builds both packages. Returns a report with their paths and sizes.
pub fn build(root: &Path, options: &Options) -> Result<String> {
    let host = host()?;
    let platform = Platform::of(options.target.as_deref().unwrap_or(&host))?;
    let version = version(root)?;
    // Check for both programs before the build, because it takes minutes.
    wheel::expect_maturin(root)?;
    npm::expect_npm()?;

    let output = root.join(OUTPUT);
    fs::create_dir_all(&output).with_context(|| format!("creating {}", output.display()))?;
    let program = build_program(root, options, &platform)?;
    // The wheel comes first: maturin strips the symbols from the program file itself, so the npm package gets the
    // smaller file.
    let packages = [wheel::build(root, options, &output)?, npm::build(root, &version, &platform, &program, &output)?];
    let mut report = format!("{PACKAGE} {version} for {}, profile {}:", platform.triple, options.profile);
    for path in packages {
        let bytes = fs::metadata(&path).with_context(|| format!("reading {}", path.display()))?.len();
        let shown = path.strip_prefix(root).unwrap_or(&path).display();
        report.push_str(&format!("\n  {shown}  {:.1} MB", bytes as f64 / 1e6));
    }
    Ok(report)
}

fn build_program(root: &Path, options: &Options, platform: &Platform) -> Result<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--locked", "--package", PACKAGE, "--bin", PACKAGE, "--profile", &options.profile]);
    cargo.args(options.target.iter().flat_map(|target| ["--target", target.as_str()]));
    // cargo prints the path of the program. The environment may change it, so it cannot be guessed.
    cargo.arg("--message-format=json-render-diagnostics").current_dir(root);
    let output = cargo.stderr(std::process::Stdio::inherit()).output().context("cargo cannot be started")?;
    ensure!(output.status.success(), "cargo could not build {PACKAGE}");
    let messages = String::from_utf8_lossy(&output.stdout);
    let program = executable(&messages).context("cargo did not say where the program is")?;
    ensure!(program.file_name() == Some(platform.program().as_ref()), "{} is not the program", program.display());
    Ok(program)
}

/// Returns the path of the program from the messages that cargo printed.
fn executable(messages: &str) -> Option<PathBuf> {
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut executables = artifacts.filter_map(|artifact| artifact["executable"].as_str().map(PathBuf::from));
    executables.next_back()
}

/// Returns the target triple of this machine.
fn host() -> Result<String> {
    let text = run(Command::new("rustc").arg("-vV"), "rustc", "install Rust with rustup")?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("`rustc -vV` names no host")?.to_owned())
}

/// Returns the version in the simulator's Cargo.toml.
fn version(root: &Path) -> Result<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(root);
    let metadata: Value = serde_json::from_str(&run(&mut cargo, "cargo", "install Rust with rustup")?)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let version = packages.filter(|package| package["name"] == PACKAGE).find_map(|package| package["version"].as_str());
    Ok(version.with_context(|| format!("the workspace has no package {PACKAGE}"))?.to_owned())
}

/// Runs a program and returns its output. `remedy` says what to do if it is not installed.
fn run(command: &mut Command, name: &str, remedy: &str) -> Result<String> {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => bail!("{name} is not installed: {remedy}"),
        Err(error) => return Err(error).with_context(|| format!("{name} cannot be started")),
    };
    if !output.status.success() {
        bail!("{name} failed ({}):\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
