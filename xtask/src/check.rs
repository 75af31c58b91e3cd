//! The rules that the document must satisfy before anything is generated from it. Each refusal names the place, the
//! reason and the remedy, and all refusals are reported at once.

mod examples;
mod names;
mod operations;
mod schemas;

use anyhow::Result;

use crate::document::{Document, FILE};
use crate::normal;
use crate::problems::Problems;

/// Checks the document and returns its normal form.
pub fn check(document: &Document) -> Result<Document> {
    let mut problems = Problems::default();
    operations::check(document, &mut problems);
    schemas::check(document, &mut problems);
    stop_at(&mut problems)?;
    let mut api = document.api.clone();
    normal::normalise(&mut api, &mut problems);
    stop_at(&mut problems)?;
    let normal = Document::from_api(api);
    schemas::check_normal(document, &normal, &mut problems);
    operations::check_normal(&normal, &mut problems);
    names::check(&normal, &mut problems);
    stop_at(&mut problems)?;
    examples::check(&normal, &mut problems);
    stop_at(&mut problems)?;
    Ok(normal)
}

/// Returns the problems found so far as an error, because later checks rely on the earlier ones.
fn stop_at(problems: &mut Problems) -> Result<()> {
    std::mem::take(problems).into_result(FILE)
}

/// Returns the ids that no operation may have.
#[cfg(test)]
pub fn reserved_operations() -> &'static [&'static str] {
    &names::RESERVED_OPERATIONS
}
