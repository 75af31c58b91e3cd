//! The npm package, which npm packs from a folder that is staged below `target/dist`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::platform::Platform;
use super::{CRATE, PACKAGE, run};

const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };
const REMEDY: &str = "install Node 20 or newer, which has it";

pub fn expect_npm() -> Result<()> {
    run(Command::new(NPM).arg("--version"), "npm", REMEDY).map(drop)
}

/// Packs the package and returns its path.
pub fn build(root: &Path, version: &str, platform: &Platform, program: &Path, output: &Path) -> Result<PathBuf> {
    let stage = output.join("npm");
    let _ = fs::remove_dir_all(&stage);
    fs::create_dir_all(&stage)?;
    let source = root.join(CRATE).join("node");
    for entry in fs::read_dir(&source).with_context(|| format!("reading {}", source.display()))? {
        let entry = entry?;
        // The licences are symbolic links to files; `is_file` and `copy` follow them.
        if entry.path().is_file() {
            copy(&entry.path(), &stage.join(entry.file_name()))?;
        }
    }
    copy(program, &stage.join(platform.program()))?;
    let path = stage.join("package.json");
    let manifest = manifest(&fs::read_to_string(&path)?, version, platform)?;
    fs::write(&path, manifest).with_context(|| format!("writing {}", path.display()))?;

    let destination = output.display().to_string();
    run(
        Command::new(NPM).args(["pack", "--silent", "--pack-destination", &destination]).current_dir(&stage),
        "npm",
        REMEDY,
    )?;
    Ok(output.join(format!("{PACKAGE}-{version}.tgz")))
}

/// Adds the members that depend on the version and the platform to the `package.json` of the repository.
pub fn manifest(source: &str, version: &str, platform: &Platform) -> Result<String> {
    let mut manifest: Value = serde_json::from_str(source).context("package.json cannot be read")?;
    let members = manifest.as_object_mut().context("package.json is not an object")?;
    members.insert("version".to_owned(), json!(version));
    members.insert("os".to_owned(), json!([platform.os]));
    members.insert("cpu".to_owned(), json!([platform.cpu]));
    if let Some(libc) = platform.libc {
        members.insert("libc".to_owned(), json!([libc]));
    }
    members.insert("bin".to_owned(), json!({ PACKAGE: platform.program() }));
    let files = members.get_mut("files").and_then(Value::as_array_mut).context("package.json has no list `files`")?;
    files.push(json!(platform.program()));
    Ok(format!("{}\n", serde_json::to_string_pretty(&manifest)?))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
    Ok(())
}
