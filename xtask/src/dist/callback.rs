//! `spec/wecom-kf-callback.yaml`: the bot as server.

use anyhow::{Result, ensure};
use serde_json::Value;

use super::texts::Texts;
use super::tree::visit;
use crate::document::read_yaml;

const NAME: &str = "spec/wecom-kf-callback.yaml";
const EXTENSIONS: [&str; 3] = ["x-official-page", "x-decrypted", "x-vectors"];

/// Reads the document and refuses what no product could be made of.
pub fn read(text: &str) -> Result<Value> {
    let root = read_yaml(text, NAME)?;
    super::sound::check_3_0(&root, NAME)?;
    let mut unknown = Vec::new();
    visit(&root, "", &mut |place, node| {
        let extensions = node.keys().filter(|key| key.starts_with("x-") && !EXTENSIONS.contains(&key.as_str()));
        unknown.extend(extensions.map(|key| format!("{place}.{key}")));
    });
    ensure!(unknown.is_empty(), "{NAME}: {} is unknown; known are: {}", unknown.join(", "), EXTENSIONS.join(", "));
    ensure!(
        root["paths"]["/callback"].is_object(),
        "{NAME}: paths has no /callback; the webhooks of the 3.1 document are made of it"
    );
    Ok(root)
}

/// The product: the document with links to the official pages, and a name for every schema.
pub fn document(source: &Value) -> Result<Value> {
    let mut root = source.clone();
    super::operations::official_pages(&mut root, &mut Texts::default());
    super::names::name_inline_schemas(&mut root)?;
    Ok(root)
}
