//! The closed lists of the simulator, `spec/simulator/*.yaml`: generates from them Rust, the console's list, and the marked parts
//! of the control API's document and of the simulator's pages.

mod assumptions;
mod blocks;
mod faults;
mod findings;
mod rows;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::codegen::header;
use crate::control;
use crate::render::pretty;
use blocks::Blocks;

pub const ASSUMPTIONS: &str = "spec/simulator/assumptions.yaml";
pub const FAULTS: &str = "spec/simulator/faults.yaml";
pub const FINDINGS: &str = "spec/simulator/findings.yaml";
/// The files of `spec/simulator`.
pub const LISTS: [&str; 3] = [ASSUMPTIONS, FAULTS, FINDINGS];
const CRATE: &str = "crates/wecom-kf-sim";
/// The folders of the generated Rust code: the lists, and methods of public types that are made from them.
pub const GENERATED: [&str; 2] = ["crates/wecom-kf-sim/src/lists/generated", "crates/wecom-kf-sim/src/api/generated"];
/// What the console needs of the lists.
const CONSOLE: &str = "crates/wecom-kf-sim/console/lists.js";

/// The texts of `spec/simulator`, by their path.
pub struct Inputs(BTreeMap<&'static str, String>);

impl Inputs {
    pub fn read(root: &Path) -> Result<Self> {
        let texts = LISTS.into_iter().map(|path| {
            let text = fs::read_to_string(root.join(path)).with_context(|| format!("reading {path}"))?;
            Ok((path, text))
        });
        Ok(Self(texts.collect::<Result<_>>()?))
    }

    fn text(&self, path: &str) -> &str {
        self.0.get(path).map_or("", String::as_str)
    }
}

/// Returns the text of each file that is generated from the lists, by its path. `operations` are those of the document.
pub fn files(root: &Path, inputs: &Inputs, operations: &[String]) -> Result<BTreeMap<PathBuf, String>> {
    let assumptions = assumptions::read(inputs.text(ASSUMPTIONS))?;
    let faults = faults::read(inputs.text(FAULTS), operations)?;
    let findings = findings::read(inputs.text(FINDINGS))?;

    let mut files = BTreeMap::new();
    let [lists, api] = GENERATED.map(Path::new);
    for (folder, name, from, code) in [
        (lists, "assumptions.rs", ASSUMPTIONS, assumptions::rust(&assumptions)),
        (lists, "faults.rs", FAULTS, faults::rust(&faults)),
        (lists, "findings.rs", FINDINGS, findings::rust(&findings)),
        (api, "faults.rs", FAULTS, faults::verbs(&faults)),
    ] {
        files.insert(folder.join(name), format!("// {}\n{}", header(&[from]), pretty(code)?));
    }
    let console = assumptions::console(&assumptions) + &faults::console(&faults);
    files.insert(CONSOLE.into(), format!("// {}\n{console}", header(&[ASSUMPTIONS, FAULTS])));

    let mut blocks = Blocks::default();
    faults::blocks(&faults, &mut blocks);
    findings::blocks(&findings, &mut blocks);
    for path in pages(root)? {
        let text = fs::read_to_string(root.join(&path)).with_context(|| format!("reading {}", path.display()))?;
        files.insert(path.clone(), blocks.fill(&path.display().to_string(), &text)?);
    }
    blocks.all_used()?;
    let [english, chinese] = assumptions::pages(&assumptions, &header(&[ASSUMPTIONS]));
    files.insert(format!("{CRATE}/docs/assumptions.md").into(), english);
    files.insert(format!("{CRATE}/docs/assumptions.zh-CN.md").into(), chinese);
    Ok(files)
}

/// Returns the files that may have marked parts: the control API's document, the README and the pages in `docs`.
fn pages(root: &Path) -> Result<Vec<PathBuf>> {
    let mut pages = vec![PathBuf::from(control::FILE)];
    for folder in [CRATE.into(), format!("{CRATE}/docs")] {
        for entry in fs::read_dir(root.join(&folder)).with_context(|| format!("reading {folder}"))? {
            let name = entry?.file_name();
            if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
                pages.push(Path::new(&folder).join(name));
            }
        }
    }
    pages.sort();
    Ok(pages)
}

/// Returns the paths of all files that [`files`] reads.
#[cfg(test)]
pub fn sources(root: &Path) -> Vec<PathBuf> {
    LISTS.into_iter().map(PathBuf::from).chain(pages(root).expect("the workspace has them")).collect()
}

/// Reads the lists, one of which has another text. Writes nothing.
#[cfg(test)]
pub fn try_list(path: &'static str, text: &str) -> Result<()> {
    let root = crate::codegen::workspace_root();
    let mut inputs = Inputs::read(&root)?;
    inputs.0.insert(path, text.to_owned());
    files(&root, &inputs, &["send_msg".to_owned(), "send_msg_on_event".to_owned()]).map(drop)
}

#[cfg(test)]
mod tests;
