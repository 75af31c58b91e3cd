//! `--state`: the file that keeps the simulator's state from one start to the next.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use wecom_kf_sim::Simulator;
use wecom_kf_text::Lang;

use super::terminal::printable;

/// Where the state is kept, if anywhere.
#[derive(Clone, Debug, Default)]
pub(super) struct StateFile(Option<PathBuf>);

impl StateFile {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self(path)
    }

    /// Says where the state is, for the greeting.
    pub(super) fn shown(&self, lang: Lang) -> String {
        match &self.0 {
            Some(path) => {
                let path = printable(&path.display().to_string());
                lang.pick(format!("state in {path}"), format!("数据在 {path}"))
            }
            None => lang.pick("state in memory", "数据仅在内存").to_owned(),
        }
    }

    /// Returns the state of the last time. `None` if there is no file yet.
    pub(super) fn read(&self) -> Result<Option<String>, String> {
        let Some(path) = &self.0 else { return Ok(None) };
        match fs::read_to_string(path) {
            Ok(state) => Ok(Some(state)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("cannot read {}: {error}", path.display())),
        }
    }

    /// Writes the state, in whole or not at all.
    pub(super) fn save(&self, simulator: &Simulator) -> Result<(), String> {
        let Some(path) = &self.0 else { return Ok(()) };
        replace(path, simulator.export().as_bytes())
            .map_err(|error| format!("cannot write the state to {}: {error}", path.display()))
    }
}

/// Writes a new file beside the old one, then takes its place.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let written = write(&new, content).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // What is left of it helps nobody.
        let _ = fs::remove_file(&new);
    }
    written
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// There are secrets in it, so nobody else may read it.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
