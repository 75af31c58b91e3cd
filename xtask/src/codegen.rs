//! `cargo xtask codegen`: read the documents, render every file in memory, then write or compare.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::document::Document;
use crate::errcodes::Errcodes;
use crate::lower::Step;
use crate::{check, dist, lower, operations, render};

const GENERATED: &str = "crates/wecom-kf-raw/src/generated";
const LOWERED: &str = "tests/it/lowered.json";

/// The files to be, by their path from the workspace's root, and what people read about them.
pub struct Rendered {
    files: BTreeMap<PathBuf, String>,
    report: String,
}

pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_owned()
}

/// Writes what is stale, removes what is no longer made.
pub fn write(root: &Path) -> Result<String> {
    let rendered = Rendered::from_documents(root)?;
    let stale = rendered.stale(root)?;
    for path in &stale {
        let target = root.join(path);
        match rendered.files.get(path) {
            Some(text) => {
                fs::create_dir_all(target.parent().expect("a generated file lies in a folder"))?;
                fs::write(&target, text).with_context(|| format!("writing {}", target.display()))?;
            }
            None => fs::remove_file(&target).with_context(|| format!("removing {}", target.display()))?,
        }
    }
    let outcome = match stale.len() {
        0 => format!("{} files, all up to date", rendered.files.len()),
        count => format!("{} files, {count} written:\n{}", rendered.files.len(), list(&stale)),
    };
    Ok(format!("{}{outcome}", rendered.report))
}

/// Writes nothing; names every file that is not what the documents make.
pub fn check(root: &Path) -> Result<String> {
    let rendered = Rendered::from_documents(root)?;
    let stale = rendered.stale(root)?;
    if !stale.is_empty() {
        bail!(
            "{} generated file(s) are stale:\n{}\nrun `cargo xtask codegen` and commit what it writes",
            stale.len(),
            list(&stale)
        );
    }
    Ok(format!("{}{} files, all up to date", rendered.report, rendered.files.len()))
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("  {}", path.display())).collect::<Vec<_>>().join("\n")
}

impl Rendered {
    pub fn from_documents(root: &Path) -> Result<Self> {
        let document_text = read(root, "spec/wecom-kf.yaml")?;
        let errcodes_text = read(root, "spec/errcodes.yaml")?;
        let document = Document::read(&document_text)?;
        check::check(&document)?;
        let errcodes = Errcodes::read(&errcodes_text, &document)?;
        let (lowered, mut steps) = lower::lower(&document)?;

        let header = header(&[&document_text, &errcodes_text]);
        let (client, adapted) = render::client(&lowered)?;
        steps.extend(adapted);
        let (limits, limit_count) = render::limits(&document)?;
        let rust = [
            ("client.rs", client),
            ("errcodes.rs", render::pretty(errcodes.render())?),
            ("limits.rs", limits),
            ("op.rs", render::operations(&document, &errcodes)?),
        ];
        let mut files: BTreeMap<PathBuf, String> = rust
            .into_iter()
            .map(|(name, text)| (Path::new(GENERATED).join(name), format!("// {header}\n{text}")))
            .collect();
        files.insert(Path::new(GENERATED).join("document.json"), render::strict_document(&document, &header)?);
        files.insert(LOWERED.into(), render::json_file(lowered.root.clone(), &header)?);
        files.insert(operations::TABLE.into(), operations::table(&document, &operations::typed_methods(root)?));

        let (products, portable) = dist::products(&dist::Sources {
            document: &document,
            callback: &dist::read_callback(&read(root, "spec/wecom-kf-callback.yaml")?)?,
            errcodes: &errcodes,
            translations: &dist::Translations::read(&read(root, "spec/zh-CN.yaml")?)?,
        })?;
        files.extend(products);

        let report = report(&document, &errcodes, &[("lowered", &steps), ("portable", &portable)], limit_count);
        Ok(Self { files, report })
    }

    /// The paths whose file differs from what was rendered, is missing, or should no longer be there.
    pub fn stale(&self, root: &Path) -> Result<Vec<PathBuf>> {
        let mut stale: Vec<PathBuf> = self
            .files
            .iter()
            .filter(|(path, text)| fs::read(root.join(path)).ok().as_deref() != Some(text.as_bytes()))
            .map(|(path, _)| path.clone())
            .collect();
        for folder in [GENERATED, dist::FOLDER] {
            let Ok(entries) = fs::read_dir(root.join(folder)) else { continue };
            for entry in entries {
                let path = Path::new(folder).join(entry?.file_name());
                if !self.files.contains_key(&path) {
                    stale.push(path);
                }
            }
        }
        Ok(stale)
    }
}

fn read(root: &Path, path: &str) -> Result<String> {
    fs::read_to_string(root.join(path)).with_context(|| format!("reading {path}"))
}

/// Line 1 of every generated file. The digest lets no change of a document go unnoticed, a comment's included.
fn header(documents: &[&str]) -> String {
    let mut hash = Sha256::new();
    for document in documents {
        hash.update((document.len() as u64).to_be_bytes());
        hash.update(document.as_bytes());
    }
    let digest = hash.finalize().iter().take(16).fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a String does not fail");
        hex
    });
    format!(
        "Generated by `cargo xtask codegen` from spec/wecom-kf.yaml and spec/errcodes.yaml, digest {digest}. Do not edit."
    )
}

fn report(document: &Document, errcodes: &Errcodes, views: &[(&str, &[Step])], limits: usize) -> String {
    let mut text = format!(
        "read      spec/wecom-kf.yaml: {} operations, {} schemas, {limits} limits\n          spec/errcodes.yaml: {} errcodes\n",
        document.operations().len(),
        document.schemas().count(),
        errcodes.errcodes.len(),
    );
    for (view, steps) in views {
        text.push_str(&format!("{view}\n"));
        for Step { name, count } in *steps {
            text.push_str(&format!("  {count:>5} × {name}\n"));
        }
    }
    text.push_str("made      ");
    text
}
