//! A copy of `wecom-kf-raw` in a workspace of its own, generated from another document and compiled with cargo.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::{CALLBACK, CHINESE, DOCUMENT, ERRCODES, read};
use crate::codegen::{self, workspace_root};
use crate::simulator;

/// Dependencies of the tests in the copy that the crate itself does not have.
const FOR_TESTS: &str = "tokio = { workspace = true, features = [\"macros\", \"net\", \"rt\", \"time\"] }\n";

pub struct Scratch(TempDir);

impl Scratch {
    /// Generates the crate from `document`.
    pub fn generate(document: &str) -> Self {
        let root = TempDir::new().unwrap();
        let scratch = Self(root);
        let workspace = read("Cargo.toml");
        // The copy has one member.
        let workspace = workspace.lines().map(|line| match line.split_once(" = ") {
            Some(("members", _)) => "members = [\"crates/wecom-kf-raw\"]",
            Some(("default-members", _)) => "",
            _ => line,
        });
        scratch.write("Cargo.toml", &workspace.collect::<Vec<_>>().join("\n"));
        scratch.write("Cargo.lock", &read("Cargo.lock"));
        for path in [ERRCODES, CALLBACK, CHINESE] {
            scratch.write(path, &read(path));
        }
        for path in simulator::sources(&workspace_root()) {
            let path = path.to_str().unwrap();
            scratch.write(path, &read(path));
        }
        scratch.write(DOCUMENT, document);
        fs::create_dir_all(scratch.path().join("tests/it")).unwrap();
        let raw = Path::new("crates/wecom-kf-raw");
        copy(&workspace_root().join(raw).join("src"), &scratch.path().join(raw).join("src"));
        let manifest = read("crates/wecom-kf-raw/Cargo.toml");
        scratch.write("crates/wecom-kf-raw/Cargo.toml", &with_test_dependencies(&manifest));
        scratch.write("crates/wecom-kf-raw/README.md", "");
        for ours in manifest
            .lines()
            .filter_map(|line| line.strip_suffix(".workspace = true"))
            .filter(|name| name.starts_with("wecom-kf-"))
        {
            copy(&workspace_root().join("crates").join(ours), &scratch.path().join("crates").join(ours));
        }
        codegen::write(scratch.path()).unwrap();
        scratch
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, path: &str, text: &str) {
        let target = self.path().join(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, text).unwrap();
    }

    /// Runs cargo in the copy with warnings as errors. Panics with the output if cargo fails.
    pub fn cargo(&self, arguments: &[&str]) {
        let output = Command::new(env!("CARGO"))
            .args(arguments)
            .args(["--offline", "--no-default-features", "--features", "schemars"])
            .current_dir(self.path())
            // This folder is kept, so that the dependencies are compiled only once.
            .env("CARGO_TARGET_DIR", workspace_root().join("target/generated"))
            .env("RUSTFLAGS", "-D warnings")
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "cargo {}:\n{printed}", arguments.join(" "));
    }
}

fn with_test_dependencies(manifest: &str) -> String {
    match manifest.contains("[dev-dependencies]") {
        true => manifest.replacen("[dev-dependencies]\n", &format!("[dev-dependencies]\n{FOR_TESTS}"), 1),
        false => {
            manifest.replacen("[dependencies]\n", &format!("[dev-dependencies]\n{FOR_TESTS}\n[dependencies]\n"), 1)
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}
