//! The Python wheel, which maturin builds from `crates/wecom-kf-sim/python`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{CRATE, OUTPUT, Options, run};

/// Fails unless the version of maturin that `pyproject.toml` requires is installed.
pub fn expect_maturin(root: &Path) -> Result<()> {
    let path = root.join(CRATE).join("python/pyproject.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let wanted = pinned_maturin(&text).with_context(|| format!("{} does not pin maturin", path.display()))?;
    let remedy = format!("run `pip install maturin=={wanted}` in a virtual environment that is on the PATH");
    let found = run(Command::new("maturin").arg("--version"), "maturin", &remedy)?;
    compare(&found, wanted, &remedy)
}

/// Returns the version in `requires = ["maturin==VERSION"]`.
pub fn pinned_maturin(pyproject: &str) -> Option<&str> {
    let (_, rest) = pyproject.split_once("\"maturin==")?;
    rest.split_once('"').map(|(version, _)| version)
}

/// Fails unless `printed`, the output of `maturin --version`, is the version `wanted`.
pub fn compare(printed: &str, wanted: &str, remedy: &str) -> Result<()> {
    let found = printed.trim().strip_prefix("maturin ").unwrap_or("an unknown version");
    if found != wanted {
        bail!("maturin {wanted} is needed, but {found} is installed: {remedy}");
    }
    Ok(())
}

/// Builds the wheel and returns its path. maturin uses the program that cargo has already built.
pub fn build(root: &Path, options: &Options, output: &Path) -> Result<PathBuf> {
    let made = output.join("wheel");
    // maturin chooses the file name, so the folder must contain only the new wheel.
    let _ = fs::remove_dir_all(&made);
    let mut maturin = Command::new("maturin");
    maturin.args(["build", "--locked", "--profile", &options.profile, "--out"]).arg(&made);
    maturin.args(options.target.iter().flat_map(|target| ["--target", target.as_str()]));
    let status = maturin.current_dir(root.join(CRATE).join("python")).status().context("maturin cannot be started")?;
    anyhow::ensure!(status.success(), "maturin could not build the wheel");
    let made: Vec<_> = fs::read_dir(&made)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    let [wheel] = made.as_slice() else {
        bail!("maturin made {} files below {OUTPUT}/wheel instead of one", made.len())
    };
    Ok(wheel.clone())
}
