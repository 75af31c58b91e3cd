//! `spec/wecom-kf-callback.yaml`, the document in which the bot is the server: reads it, and makes its product.

use anyhow::{Result, ensure};
use serde_json::Value;

use super::texts::Texts;
use super::tree::visit;
use crate::document::read_yaml;

const NAME: &str = "spec/wecom-kf-callback.yaml";
const EXTENSIONS: [&str; 3] = ["x-official-page", "x-decrypted", "x-vectors"];

/// Reads the document. Refuses one from which the products cannot be made.
pub fn read(text: &str) -> Result<Value> {
    let root = read_yaml(text, NAME)?;
    super::sound::check_3_0(&root, NAME)?;
    let mut unknown = Vec::new();
    visit(&root, "", &mut |place, node| {
        let extensions = node.keys().filter(|key| key.starts_with("x-") && !EXTENSIONS.contains(&key.as_str()));
        unknown.extend(extensions.map(|key| format!("{place}.{key}")));
    });
    ensure!(
        unknown.is_empty(),
        "{NAME}: {} is unknown; the known extensions are {}",
        unknown.join(", "),
        EXTENSIONS.join(", ")
    );
    ensure!(
        root["paths"]["/callback"].is_object(),
        "{NAME}: paths has no /callback; add it, because the webhooks of the 3.1 document are made from it"
    );
    Ok(root)
}

/// Returns the product: the document with links to the official pages, and with a name for every schema.
pub fn document(source: &Value) -> Result<Value> {
    let mut root = source.clone();
    super::operations::official_pages(&mut root, &mut Texts::default());
    super::names::name_inline_schemas(&mut root)?;
    Ok(root)
}
