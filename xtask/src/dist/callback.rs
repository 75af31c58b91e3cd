//! `spec/wecom-kf-callback.yaml`: the bot as server.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::texts::Texts;
use crate::document::read_yaml;

const NAME: &str = "spec/wecom-kf-callback.yaml";

/// Reads the document and refuses what no product could be made of.
pub fn read(text: &str) -> Result<Value> {
    let root = read_yaml(text, NAME)?;
    let _: openapiv3::OpenAPI =
        serde_json::from_value(root.clone()).with_context(|| format!("{NAME} is not an OpenAPI 3.0 document"))?;
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
