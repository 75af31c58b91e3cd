//! Tests of the values that `cargo xtask dist` computes.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::platform::Platform;
use super::{executable, npm, run, wheel};
use crate::tests::read;

#[test]
fn npm_is_told_version_platform_and_program() {
    let source = read("crates/wecom-kf-sim/node/package.json");
    let manifest = |triple| -> Value {
        serde_json::from_str(&npm::manifest(&source, "1.2.3", &Platform::of(triple).unwrap()).unwrap()).unwrap()
    };
    let linux = manifest("x86_64-unknown-linux-musl");
    assert_eq!(linux["version"], "1.2.3");
    assert_eq!((&linux["os"], &linux["cpu"], &linux["libc"]), (&json!(["linux"]), &json!(["x64"]), &json!(["musl"])));
    assert_eq!(linux["bin"], json!({ "wecom-kf-sim": "wecom-kf-sim" }));
    assert_eq!(linux["files"].as_array().unwrap().last().unwrap(), "wecom-kf-sim");
    let windows = manifest("aarch64-pc-windows-msvc");
    assert_eq!(
        (&windows["os"], &windows["cpu"], &windows["libc"]),
        (&json!(["win32"]), &json!(["arm64"]), &Value::Null)
    );
    assert_eq!(windows["bin"], json!({ "wecom-kf-sim": "wecom-kf-sim.exe" }));
}

#[test]
fn the_version_is_in_cargo_toml_only() {
    let package: Value = serde_json::from_str(&read("crates/wecom-kf-sim/node/package.json")).unwrap();
    assert_eq!(package.get("version"), None);
    assert!(read("crates/wecom-kf-sim/python/pyproject.toml").contains("dynamic = [\"version\"]"));
}

#[test]
fn a_platform_without_packages_is_refused() {
    for (triple, expected) in [
        ("riscv64gc-unknown-linux-gnu", "the processor riscv64gc"),
        ("x86_64-unknown-freebsd", "the system unknown-freebsd"),
        ("linux", "linux is not a target triple"),
    ] {
        let error = Platform::of(triple).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn maturin_has_the_version_of_pyproject_toml() {
    let pyproject = read("crates/wecom-kf-sim/python/pyproject.toml");
    let wanted = wheel::pinned_maturin(&pyproject).unwrap();
    wheel::compare(&format!("maturin {wanted}\n"), wanted, "").unwrap();
    let error = wheel::compare("maturin 0.1.0\n", wanted, "run `pip install …`").unwrap_err().to_string();
    assert_eq!(error, format!("maturin {wanted} is needed, but 0.1.0 is installed: run `pip install …`"));
}

#[test]
fn a_missing_program_is_named_with_the_remedy() {
    let error = run(&mut Command::new("no-such-program"), "maturin", "run `pip install maturin`").unwrap_err();
    assert_eq!(error.to_string(), "maturin is not installed: run `pip install maturin`");
}

#[test]
fn the_program_is_where_cargo_says() {
    let messages =
        "{\"reason\":\"compiler-artifact\",\"executable\":null}\nwarning\n{\"executable\":\"/t/wecom-kf-sim\"}\n";
    assert_eq!(executable(messages), Some(PathBuf::from("/t/wecom-kf-sim")));
    assert_eq!(executable("{\"success\":true}"), None);
}
