//! `wecom-kf inbox parked export`: writes parked messages as JSON, one in each line.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use wecom_kf::Bilingual;

use super::{Filter, Row, Texts, chosen, each};
use crate::app::App;
use crate::failure::{Failure, Problem};

#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// Writes to this new file, which only its owner may read; by default to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    filter: Filter,
    /// Includes the reasons, and what customers wrote
    #[arg(long)]
    show_text: bool,
}

impl Export {
    pub(super) async fn run(self, app: &App) -> Result<(), Failure> {
        let (store, texts) = (app.store().await?, Texts::from(self.show_text));
        let keys = chosen(app, &store).await?;
        let mut file = self.out.as_deref().map(created).transpose()?.map(BufWriter::new);
        let progress = app.out.progress(None, &Bilingual::fixed("messages", "条消息"));
        for key in keys {
            each(&store, &key, &self.filter, |parked| {
                let row = Row::new(&key, parked, texts);
                progress.inc(1);
                match &mut file {
                    Some(file) => {
                        serde_json::to_writer(&mut *file, &row)?;
                        Ok(file.write_all(b"\n")?)
                    }
                    None => app.out.json(&row),
                }
            })
            .await?;
        }
        let count = progress.position();
        progress.finish_and_clear();
        if let (Some(mut file), Some(path)) = (file, self.out) {
            file.flush()?;
            let path = path.display();
            app.out.note(&Bilingual::new(format!("{count} written to {path}"), format!("已将 {count} 条写入 {path}")));
        }
        Ok(())
    }
}

/// Creates a file that only its owner may read, since it may hold what customers wrote. Nothing is overwritten.
fn created(path: &Path) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let failed = |error| {
        let path = path.display();
        Problem::new(
            Bilingual::new(format!("{path} cannot be created"), format!("无法创建 {path}")),
            ("Choose a path where there is no file yet.", "换一个尚无文件的路径。"),
        )
        .because(error)
    };
    Ok(options.open(path).map_err(failed)?)
}
