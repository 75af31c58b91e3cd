//! Writes the inputs that fuzzing begins with: the samples, the examples of the documents, and a few by hand where neither
//! has what a target reads. Usage: `wecom-kf-fuzz-seeds FOLDER`; each target has a folder of its own in it.

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

/// Where seeds are written.
struct Seeds {
    folder: PathBuf,
}

impl Seeds {
    /// Adds an input of a target. It is named after its content, so the same input is there once.
    fn add(&self, target: &str, input: impl AsRef<[u8]>) -> io::Result<()> {
        let input = input.as_ref();
        let mut hasher = DefaultHasher::new();
        input.hash(&mut hasher);
        let folder = self.folder.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("{:016x}", hasher.finish())), input)
    }

    /// Adds an XML document that stands inside of a callback.
    fn add_xml(&self, xml: &str) -> io::Result<()> {
        self.add("xml", xml)?;
        self.add("frame", [b"\x03", xml.as_bytes()].concat())
    }

    /// Adds the body of a reply. `media_get` may be answered with one instead of a file.
    fn add_reply(&self, body: &str) -> io::Result<()> {
        self.add("replies", body)?;
        self.add("page", body)?;
        self.add("media", format!("content-type: application/json\n\n{body}"))
    }
}
