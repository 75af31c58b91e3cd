//! Rules for the whole repository: which crate may depend on which, and the first line of each file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::workspace_root;

/// The crates of this workspace that each crate may use, as in ARCHITECTURE.md. Its tests and examples may also use the second list.
const ARROWS: [(&str, &[&str], &[&str]); 7] = [
    ("wecom-kf-text", &[], &[]),
    ("wecom-kf-raw", &["wecom-kf-text"], &[]),
    ("wecom-kf-callback", &["wecom-kf-text"], &[]),
    ("wecom-kf", &["wecom-kf-callback", "wecom-kf-raw", "wecom-kf-text"], &["wecom-kf-sim"]),
    ("wecom-kf-inbox", &["wecom-kf", "wecom-kf-callback"], &["wecom-kf-sim"]),
    ("wecom-kf-cli", &["wecom-kf", "wecom-kf-callback", "wecom-kf-inbox", "wecom-kf-sim", "wecom-kf-text"], &[]),
    // Never wecom-kf, not even for tests: the simulator would share its mistakes.
    ("wecom-kf-sim", &["wecom-kf-callback", "wecom-kf-raw", "wecom-kf-text"], &[]),
];

fn packages() -> Vec<Value> {
    let metadata = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let output = Command::new(env!("CARGO")).args(metadata).current_dir(workspace_root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// Returns the crates of this workspace that a package depends on: its dev-dependencies, or all others.
fn uses(package: &Value, dev: bool) -> BTreeSet<&str> {
    let dependencies = package["dependencies"].as_array().unwrap().iter();
    let of_kind = dependencies.filter(|dependency| (dependency["kind"] == "dev") == dev);
    of_kind.filter_map(|dependency| dependency["name"].as_str()).filter(|name| name.starts_with("wecom-kf")).collect()
}

#[test]
fn crates_depend_on_each_other_as_the_map_says() {
    let packages = packages();
    let published = packages.iter().filter(|package| package["publish"].is_null());
    let published: BTreeSet<_> = published.map(|package| package["name"].as_str().unwrap()).collect();
    assert_eq!(published, ARROWS.map(|(name, _, _)| name).into(), "ARROWS has every crate that is published");
    for (name, allowed, for_tests) in ARROWS {
        let package = packages.iter().find(|package| package["name"] == name).unwrap();
        let forbidden: Vec<_> = uses(package, false).into_iter().filter(|used| !allowed.contains(used)).collect();
        assert!(forbidden.is_empty(), "{name} must not depend on {forbidden:?}: see ARCHITECTURE.md");
        let is_allowed = |used: &&str| allowed.contains(used) || for_tests.contains(used) || *used == name;
        let forbidden: Vec<_> = uses(package, true).into_iter().filter(|used| !is_allowed(used)).collect();
        assert!(forbidden.is_empty(), "tests of {name} must not depend on {forbidden:?}: see ARCHITECTURE.md");
    }
}

/// Returns the Rust files of the workspace, relative to its root.
fn rust_files() -> Vec<PathBuf> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default();
            if path.is_dir() && name != "target" && name != "generated" {
                collect(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    for folder in ["crates", "tests", "xtask"] {
        collect(&workspace_root().join(folder), &mut files);
    }
    files.sort();
    files.iter().map(|path| path.strip_prefix(workspace_root()).unwrap().to_owned()).collect()
}

#[test]
fn every_rust_file_begins_with_what_it_is_about() {
    let files = rust_files();
    assert!(files.len() > 200, "only {} files were found", files.len());
    let says_it = |path: &PathBuf| {
        let text = std::fs::read_to_string(workspace_root().join(path)).unwrap();
        let head = text.lines().find(|line| !line.starts_with("// ") && !line.is_empty());
        head.is_some_and(|line| line.starts_with("//!") || line.starts_with("#![doc"))
    };
    let without: Vec<_> = files.iter().filter(|path| !says_it(path)).collect();
    assert!(without.is_empty(), "these files need a first line `//! …` that says which rules live there: {without:#?}");
}

/// The rooms of the simulator, and which of them each may import, as in ARCHITECTURE.md.
const ROOMS: [(&str, &[&str]); 8] = [
    ("lists", &[]),
    ("platform", &["lists"]),
    ("world", &["lists", "platform"]),
    ("delivery", &["lists", "platform", "world"]),
    ("http", &["delivery", "lists", "platform", "world"]),
    ("control", &["delivery", "http", "lists", "platform", "world"]),
    ("api", &["control", "delivery", "http", "lists", "platform", "world"]),
    // The program is another crate: it uses what the library exports, as a stranger would.
    ("program", &[]),
];
/// What a room without I/O must not name.
const IMPURE: [&str; 8] =
    ["tokio::", "axum::", "reqwest::", "std::net", "std::io", "std::fs", "std::sync", "std::time::Instant"];

/// Returns the code of each file in a room of the simulator, without comments.
fn code_of(room: &str) -> Vec<(PathBuf, String)> {
    let src = Path::new("crates/wecom-kf-sim/src");
    let (file, folder) = (src.join(room).with_extension("rs"), src.join(room));
    let files = rust_files().into_iter().filter(|path| *path == file || path.starts_with(&folder));
    let code = |path: PathBuf| {
        let text = std::fs::read_to_string(workspace_root().join(&path)).unwrap();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        (path, lines.collect::<Vec<_>>().join("\n"))
    };
    files.map(code).collect()
}

#[test]
fn rooms_of_the_simulator_import_only_lower_rooms() {
    let folders = std::fs::read_dir(workspace_root().join("crates/wecom-kf-sim/src")).unwrap();
    let folders = folders.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let folders: BTreeSet<_> = folders.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(folders, ROOMS.map(|(room, _)| room.to_owned()).into(), "ROOMS has every folder");
    for (room, allowed) in ROOMS {
        let files = code_of(room);
        assert!(files.len() > 1, "only {} files were found in {room}", files.len());
        for (path, code) in files {
            for named in code.split("crate::").skip(1) {
                let end = named.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(named.len());
                let named = &named[..end];
                assert!(
                    named == room || allowed.contains(&named),
                    "{} imports crate::{named}, but {room} may only import {allowed:?}: see ARCHITECTURE.md",
                    path.display(),
                );
            }
            // Otherwise a room could leave through its parent.
            let leaves = code.contains("super::super")
                || (path.ends_with(format!("{room}.rs")) && code.contains("\nuse super::"));
            assert!(!leaves, "{} must begin the path with crate::", path.display());
        }
    }
}

#[test]
fn the_rules_of_the_platform_do_no_io() {
    for (path, code) in code_of("platform") {
        let found: Vec<_> = IMPURE.iter().filter(|name| code.contains(*name)).collect();
        assert!(found.is_empty(), "{} names {found:?}, but rules get the time and their state", path.display());
    }
}

/// A crate is packaged alone, so the files that it includes must be in its own folder.
#[test]
fn no_crate_includes_a_file_of_another_folder() {
    for path in rust_files().into_iter().filter(|path| path.starts_with("crates")) {
        let folder: PathBuf = path.components().take(2).collect();
        let text = std::fs::read_to_string(workspace_root().join(&path)).unwrap();
        for included in text.split("include_str!(\"").chain(text.split("include_bytes!(\"")).skip(1) {
            let Some((included, _)) = included.split_once("\")") else { continue };
            let target = workspace_root().join(path.parent().unwrap()).join(included);
            if let Ok(target) = target.canonicalize() {
                let inside = target.starts_with(workspace_root().canonicalize().unwrap().join(&folder));
                assert!(inside, "{} includes {included}, which is outside of {}", path.display(), folder.display());
            }
        }
    }
}

/// Paths and links in these pages must lead to files that exist.
#[test]
fn pages_at_the_root_name_no_file_that_is_gone() {
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "README.md", "README.zh-CN.md"] {
        let text = super::read(page);
        let paths = text.split('`').filter(|word| {
            let is_path =
                ["crates/", "xtask/", "spec/", "tests/", ".ci/", ".github/"].iter().any(|top| word.starts_with(top));
            is_path && !word.contains(' ')
        });
        let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let links = links.filter(|link| !link.is_empty() && !link.contains("://"));
        let mut named = 0;
        for path in paths.chain(links) {
            named += 1;
            assert!(workspace_root().join(path).exists(), "{page} names {path}, which does not exist");
        }
        assert!(named > 0 || page == "SECURITY.md", "{page} names no file");
    }
}
