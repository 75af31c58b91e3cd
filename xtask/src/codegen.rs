//! `cargo xtask codegen`: reads the documents, renders every generated file in memory, then writes or compares them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use similar::TextDiff;

use crate::document::{self, Document};
use crate::errcodes::{self, Errcodes};
use crate::lower::{Lowered, Step};
use crate::render::{json_file, pretty};
use crate::{check, client, control, dist, limits, lower, operations, requests, simulator, strict};

const GENERATED: &str = "crates/wecom-kf-raw/src/generated";
const LOWERED: &str = "tests/it/lowered.json";

/// The longest difference that is shown, in lines: for one file, and for all files together.
const SHOWN_OF_FILE: usize = 40;
const SHOWN_IN_ALL: usize = 200;

/// The text of each generated file, by its path from the workspace's root, and the report that codegen prints.
struct Rendered {
    files: BTreeMap<PathBuf, String>,
    report: String,
}

pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace").to_owned()
}

/// Writes the files that are out of date, and removes files that are no longer generated. Returns a report.
pub fn write(root: &Path) -> Result<String> {
    let rendered = Rendered::from_documents(root)?;
    let stale = rendered.stale(root)?;
    for path in &stale {
        let target = root.join(path);
        match rendered.files.get(path) {
            Some(text) => {
                fs::create_dir_all(target.parent().expect("a generated file is in a folder"))?;
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

/// Writes nothing. Fails if a file is out of date, and shows the difference of each such file.
pub fn check(root: &Path) -> Result<String> {
    let rendered = Rendered::from_documents(root)?;
    let stale = rendered.stale(root)?;
    if !stale.is_empty() {
        bail!(
            "{} generated file(s) are out of date:\n{}\n\n{}\nrun `cargo xtask codegen` and commit the files that it writes",
            stale.len(),
            list(&stale),
            rendered.differences(root, &stale)
        );
    }
    Ok(format!("{}{} files, all up to date", rendered.report, rendered.files.len()))
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("  {}", path.display())).collect::<Vec<_>>().join("\n")
}

impl Rendered {
    fn from_documents(root: &Path) -> Result<Self> {
        let inputs = Inputs::read(root)?;
        let mut rendered = Self::of(&inputs, &operations::typed_methods(root)?)?;
        let document = Document::read(inputs.text(document::FILE))?;
        let operations: Vec<_> = document.operations().iter().map(|operation| operation.id().to_owned()).collect();
        rendered.files.extend(simulator::files(root, &simulator::Inputs::read(root)?, &operations)?);
        let control = rendered.files.get(Path::new(control::FILE)).expect("it has parts from the lists");
        let clients = control::clients(control, &header(&[control::FILE]));
        rendered.files.extend(clients.with_context(|| format!("{} cannot be generated from", control::FILE))?);
        Ok(rendered)
    }

    fn of(inputs: &Inputs, typed: &operations::TypedMethods) -> Result<Self> {
        let document = Document::read(inputs.text(document::FILE))?;
        let normal = check::check(&document)?;
        let errcodes = Errcodes::read(inputs.text(errcodes::FILE), &document)?;
        let mut lowered = lower::lower(&normal)?;
        let code = Code::of(&normal, &errcodes, &lowered)?;

        let from_document = header(&[document::FILE]);
        let from_both = header(&[document::FILE, errcodes::FILE]);
        let translations = dist::Translations::read(inputs.text(dist::CHINESE))?;
        let chinese = pretty(requests::render_chinese(&normal, &translations))?;
        let mut files = BTreeMap::new();
        let mut add = |name: &str, text: String| files.insert(Path::new(GENERATED).join(name), text);
        add("client.rs", format!("// {from_document}\n{}", code.client));
        add("limits.rs", format!("// {from_document}\n{}", code.limits));
        add("op.rs", format!("// {from_both}\n{}", code.requests));
        add("errcodes.rs", format!("// {}\n{}", header(&[errcodes::FILE]), pretty(errcodes.render())?));
        add("chinese.rs", format!("// {}\n{chinese}", header(&[document::FILE, dist::CHINESE])));
        add("document.json", json_file(strict::document(&normal).root, &from_document)?);
        add("inputs.sha256", inputs.digests());
        files.insert(LOWERED.into(), json_file(lowered.document.root.clone(), &from_document)?);
        files.insert(operations::DECODERS.into(), operations::decoders(&document));
        files.insert(operations::DERIVED.into(), operations::derived_schemas(&lowered.document));
        files.insert(operations::TABLE.into(), operations::table(&document, typed));

        let (products, portable) = dist::products(&dist::Sources {
            document: &normal,
            callback: &dist::read_callback(inputs.text(dist::CALLBACK))?,
            errcodes: &errcodes,
            translations: &translations,
        })?;
        files.extend(products);

        lowered.steps.extend(code.steps);
        let views: [(&str, &[Step]); 2] = [("lowered", &lowered.steps), ("portable", &portable)];
        let report = report(&document, &errcodes, &views, code.limit_count);
        Ok(Self { files, report })
    }

    /// Returns the paths of files that differ from the rendered text, are missing, or are no longer generated.
    fn stale(&self, root: &Path) -> Result<Vec<PathBuf>> {
        let mut stale: Vec<PathBuf> = self
            .files
            .iter()
            .filter(|(path, text)| fs::read(root.join(path)).ok().as_deref() != Some(text.as_bytes()))
            .map(|(path, _)| path.clone())
            .collect();
        for folder in [GENERATED, dist::FOLDER].into_iter().chain(simulator::GENERATED) {
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

    /// Returns the changes that `write` would make as a unified diff, cut to a readable length.
    fn differences(&self, root: &Path, stale: &[PathBuf]) -> String {
        let mut shown = String::new();
        let mut room = SHOWN_IN_ALL;
        for path in stale {
            let found = fs::read(root.join(path)).unwrap_or_default();
            let found = String::from_utf8_lossy(&found);
            let made = self.files.get(path).map_or("", String::as_str);
            let name = path.display().to_string();
            let diff = TextDiff::from_lines(&*found, made);
            let text = diff
                .unified_diff()
                .context_radius(1)
                .header(&format!("{name} (found)"), &format!("{name} (generated)"))
                .to_string();
            let lines: Vec<&str> = text.lines().collect();
            let room_here = room.min(SHOWN_OF_FILE);
            for line in lines.iter().take(room_here) {
                shown.push_str(line);
                shown.push('\n');
            }
            if lines.len() > room_here {
                shown.push_str(&format!("… {} more lines of {name}\n", lines.len() - room_here));
            }
            room -= lines.len().min(room_here);
        }
        shown
    }
}

/// Renders everything from `document` and the other documents of the workspace. Writes nothing.
#[cfg(test)]
pub fn try_document(document: &str) -> Result<()> {
    let mut inputs = Inputs::read(&workspace_root())?;
    inputs.0.insert(document::FILE, document.to_owned());
    Rendered::of(&inputs, &BTreeMap::new()).map(drop)
}

/// The Rust code that is generated from the documents.
struct Code {
    client: String,
    requests: String,
    limits: String,
    limit_count: usize,
    steps: Vec<Step>,
}

impl Code {
    fn of(normal: &Document, errcodes: &Errcodes, lowered: &Lowered) -> Result<Self> {
        let (client, types, steps) = client::render(lowered)?;
        client::expect_operations(&lowered.document, &types)?;
        let (limits, limit_count) = limits::render(normal)?;
        let requests = pretty(requests::render(normal, errcodes, &types)?)?;
        Ok(Self { client, requests, limits: pretty(limits)?, limit_count, steps })
    }
}

/// The texts of the source documents, by their path.
struct Inputs(BTreeMap<&'static str, String>);

impl Inputs {
    fn read(root: &Path) -> Result<Self> {
        let paths = [document::FILE, errcodes::FILE, dist::CALLBACK, dist::CHINESE];
        let texts = paths.into_iter().map(|path| {
            let text = fs::read_to_string(root.join(path)).with_context(|| format!("reading {path}"))?;
            Ok((path, text))
        });
        Ok(Self(texts.collect::<Result<_>>()?))
    }

    fn text(&self, path: &str) -> &str {
        self.0.get(path).map_or("", String::as_str)
    }

    /// Returns a digest of each text in the format of `sha256sum`. A changed comment changes this file and no other.
    fn digests(&self) -> String {
        let mut lines = String::new();
        for (path, text) in &self.0 {
            for byte in Sha256::digest(text.as_bytes()) {
                write!(lines, "{byte:02x}").expect("writing to a String does not fail");
            }
            lines.push_str(&format!("  {path}\n"));
        }
        lines
    }
}

/// Returns the first line of a generated file.
pub fn header(inputs: &[&str]) -> String {
    format!("Generated by `cargo xtask codegen` from {}. Do not edit.", inputs.join(" and "))
}

fn report(document: &Document, errcodes: &Errcodes, views: &[(&str, &[Step])], limits: usize) -> String {
    let mut text = format!(
        "read      {}: {} operations, {} schemas, {limits} limits\n          {}: {} errcodes\n",
        document::FILE,
        document.operations().len(),
        document.schemas().count(),
        errcodes::FILE,
        errcodes.errcodes.len(),
    );
    for (view, steps) in views {
        text.push_str(&format!("{view}\n"));
        for Step { name, count } in *steps {
            text.push_str(&format!("  {count:>5} × {name}\n"));
        }
    }
    text.push_str("generated ");
    text
}
