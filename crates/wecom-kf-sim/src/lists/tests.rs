//! Each row of a list has code that uses its id. The reverse needs no test: code that names an unknown id does not compile.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::generated::findings::PROOFS;
use super::{EFFECTS, RULES};

/// Returns the code of the crate without what is generated and without tests.
fn code() -> String {
    fn collect(folder: &Path, code: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap();
            if path.is_dir() && name != "generated" {
                collect(&path, code);
            } else if path.extension().is_some_and(|extension| extension == "rs") && name != "tests.rs" {
                let text = fs::read_to_string(&path).unwrap();
                code.push_str(text.split("#[cfg(test)]\nmod tests").next().unwrap());
            }
        }
    }
    let mut text = String::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut text);
    text
}

/// Returns the names that no piece of code uses with this beginning and end.
fn unused<'a>(code: &str, names: impl Iterator<Item = &'a str>, used: impl Fn(&str) -> String) -> Vec<&'a str> {
    names.filter(|name| !code.contains(&used(name))).collect()
}

#[test]
fn each_proof_is_found_by_code() {
    let code = code();
    assert!(unused(&code, ["nothing"].into_iter(), |name| format!("Proof::{name}(")).len() == 1);
    let unused = unused(&code, PROOFS.iter().copied(), |name| format!("Proof::{name}("));
    assert!(unused.is_empty(), "no code finds {unused:?}: call `Proof::…`, or drop the rows of findings.yaml");
}

/// Returns the name of an effect in Rust.
fn variant(id: &str) -> String {
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    id.split('_').map(capital).collect()
}

#[test]
fn each_fault_is_done_by_code() {
    let code = code();
    let unused: Vec<_> = EFFECTS
        .iter()
        .filter(|row| !code.contains(&format!("Effect::{}", variant(row.id))))
        .map(|row| row.id)
        .collect();
    assert!(unused.is_empty(), "no code does {unused:?}: match `Effect::…`, or drop the rows of faults.yaml");
}

#[test]
fn each_rule_is_followed_by_code() {
    let code = code();
    let named: BTreeSet<_> = code
        .split("rule!(")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .flat_map(|(ids, _)| ids.split(',').map(str::trim))
        .collect();
    let is_followed = |id: &str| match RULES.iter().any(|row| row.id == id && row.switch.is_some()) {
        true => code.contains(&format!("Assumption::{}", variant(id))),
        false => named.contains(id),
    };
    let unused: Vec<_> = RULES.iter().map(|row| row.id).filter(|id| !is_followed(id)).collect();
    assert!(
        unused.is_empty(),
        "no code follows {unused:?}: write `rule!(…)` there, or drop the rows of assumptions.yaml"
    );
}
