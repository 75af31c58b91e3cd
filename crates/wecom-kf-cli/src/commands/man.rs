//! `wecom-kf man`: the manual pages, one for each command.

use std::path::PathBuf;

use wecom_kf::Bilingual;

use crate::app::App;
use crate::failure::{Failure, Problem};
use crate::help;

#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// The folder, which is created if it does not exist
    #[arg(long, value_name = "FOLDER", default_value = "man/man1")]
    out: PathBuf,
}

pub(crate) const CHINESE: &[(&str, &str)] =
    &[("man", "生成 man 手册页"), ("man.out", "目标文件夹，不存在时会新建 [默认：man/man1]")];

impl Man {
    pub(crate) fn run(self, app: &App) -> Result<(), Failure> {
        let folder = self.out.display();
        let failed = || {
            Problem::new(
                Bilingual::new(
                    format!("the manual pages cannot be written to {folder}"),
                    format!("无法把手册页写到 {folder}"),
                ),
                ("Choose another folder with --out.", "用 --out 换一个文件夹。"),
            )
        };
        std::fs::create_dir_all(&self.out).map_err(|error| failed().because(error))?;
        clap_mangen::generate_to(help::command(app.lang()), &self.out).map_err(|error| failed().because(error))?;
        app.out.note(&Bilingual::new(format!("wrote the manual pages to {folder}"), format!("手册页已写到 {folder}")));
        Ok(())
    }
}
