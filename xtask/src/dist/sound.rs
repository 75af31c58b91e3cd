//! Checks that an OpenAPI document is sound: it has no unknown keys, and every reference has a target.
//!
//! The callback document is checked when it is read, and each product before it is written, so that a mistake in a step is
//! noticed here and not by a user's generator.

use anyhow::Result;
use serde_json::Value;

use super::tree::visit;
use crate::problems::Problems;
use crate::unknown;

/// Refuses a 3.0 document with an unknown key or with a reference without a target.
pub fn check_3_0(root: &Value, file: &str) -> Result<()> {
    let mut problems = Problems::default();
    if let Some(api) = unknown::parse(root, &mut problems) {
        unknown::check(root, &api, &mut problems);
    }
    references(root, &mut problems);
    problems.into_result(file)
}

/// Refuses a document of any version with a reference without a target.
pub fn check_references(root: &Value, file: &str) -> Result<()> {
    let mut problems = Problems::default();
    references(root, &mut problems);
    problems.into_result(file)
}

fn references(root: &Value, problems: &mut Problems) {
    visit(root, "", &mut |place, node| {
        // The mapping of a discriminator has references, too.
        let mapping = node.get("propertyName").and_then(|_| node.get("mapping")?.as_object());
        for target in node.get("$ref").into_iter().chain(mapping.into_iter().flat_map(|mapping| mapping.values())) {
            let pointer = target.as_str().and_then(|target| target.strip_prefix('#'));
            if pointer.and_then(|pointer| root.pointer(pointer)).is_none() {
                problems.add(place, format!("{target} points at nothing; refer to something below components"));
            }
        }
    });
}
