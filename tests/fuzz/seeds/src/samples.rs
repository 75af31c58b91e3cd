//! Seeds from the samples in `tests/samples` and from the vectors of the callback.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::Seeds;

pub(crate) fn write(root: &Path, seeds: &Seeds) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(root.join("tests/samples"))? {
        let path = entry?.path();
        if !path.to_string_lossy().contains(".request.") {
            seeds.add_reply(&fs::read_to_string(&path)?)?;
        }
    }
    let vectors = fs::read_to_string(root.join("crates/wecom-kf-callback/tests/vectors.json"))?;
    let vectors: Value = serde_json::from_str(&vectors)?;
    for vector in vectors["vectors"].as_array().ok_or("vectors.json has no list `vectors`")? {
        vector_seeds(vector, seeds)?;
    }
    Ok(())
}

fn vector_seeds(vector: &Value, seeds: &Seeds) -> Result<(), Box<dyn Error>> {
    let text = |name: &str| vector[name].as_str().unwrap_or_default();
    seeds.add("query", text("raw_query"))?;
    seeds.add("key", [text("encoding_aes_key"), text("token"), text("receiveid")].join("\n"))?;
    seeds.add("frame", format!("\0{}", text("body")))?;
    seeds.add("frame", format!("\u{4}{}", text("encrypt")))?;
    let message = vector["expect"]["plaintext"].as_str().unwrap_or_default();
    seeds.add_xml(message)?;
    seeds.add("frame", [b"\x02", &*frame(message.as_bytes(), text("receiveid").as_bytes())].concat())?;
    Ok(())
}

/// Creates a frame before encryption, padded to 32 bytes.
fn frame(message: &[u8], receiver_id: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = [&[b'0'; 16][..], &length, message, receiver_id].concat();
    let padding = 32 - frame.len() % 32;
    frame.resize(frame.len() + padding, padding as u8);
    frame
}
