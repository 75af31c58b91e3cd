//! Writes the first inputs of fuzzing: the samples, the examples of the documents, and some hand-written ones.
//! Usage: `wecom-kf-fuzz-seeds FOLDER`. Each target gets a subfolder.

mod by_hand;
mod documents;
mod samples;
mod simulator;

use std::error::Error;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args_os().nth(1).ok_or("no folder was given: name where the seeds shall be written")?;
    let seeds = Seeds { folder: folder.into() };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    samples::write(&root, &seeds)?;
    documents::write(&root, &seeds)?;
    by_hand::write(&seeds)?;
    simulator::write(&root, &seeds)?;
    Ok(())
}

/// The folder for the seeds.
struct Seeds {
    folder: PathBuf,
}

impl Seeds {
    /// Adds an input of a target. The file is named after its content, so the same input exists only once.
    fn add(&self, target: &str, input: impl AsRef<[u8]>) -> io::Result<()> {
        let input = input.as_ref();
        let mut hasher = DefaultHasher::new();
        input.hash(&mut hasher);
        let folder = self.folder.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("{:016x}", hasher.finish())), input)
    }

    /// Adds an XML document, as it is inside a callback.
    fn add_xml(&self, xml: &str) -> io::Result<()> {
        self.add("xml", xml)?;
        self.add("frame", [b"\x03", xml.as_bytes()].concat())
    }

    /// Adds the body of a reply, also for `media_get`, which may return JSON instead of a file.
    fn add_reply(&self, body: &str) -> io::Result<()> {
        self.add("replies", body)?;
        self.add("page", body)?;
        self.add("media", format!("content-type: application/json\n\n{body}"))
    }
}
