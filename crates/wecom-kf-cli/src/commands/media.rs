//! `wecom-kf media`: uploads and downloads temporary files.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;
use tokio_util::io::ReaderStream;
use wecom_kf::media::{MediaType, Saved, ToFile, Upload, Uploaded};
use wecom_kf::{Bilingual, Client, Error, MediaId};

use crate::app::App;
use crate::failure::{Failure, Problem};
use crate::file::{self, Existing};
use crate::out::{Out, column};
use crate::time;

/// WeCom keeps a file for three days (page 90253).
const KEPT_SECONDS: i64 = 3 * 86_400;

#[derive(Debug, Subcommand)]
pub(crate) enum MediaFiles {
    /// Uploads a file and prints its media_id, which is valid for three days
    ///
    /// Limits: images (JPG, PNG) 10 MB, voice (AMR, 60 seconds) 2 MB, videos (MP4) 10 MB, other files 20 MB. Nobody sees the
    /// file before its media_id is used in a message, so this does not ask.
    Upload {
        /// The file
        file: PathBuf,
        /// The type; by default that which the first bytes of the file show
        #[arg(long = "type", value_name = "TYPE", value_parser = media_types())]
        media_type: Option<MediaType>,
    },
    /// Downloads a file that a customer sent or that was uploaded, within three days
    ///
    /// Without --out, the file is written into the current folder under the name with which it was sent, made safe. Only its
    /// owner may read it.
    Download {
        /// The media_id; if it begins with a dash, write -- before it
        media_id: MediaId,
        /// The file to write, or a folder for a file with the name with which it was sent
        #[arg(long, short, value_name = "PATH")]
        out: Option<PathBuf>,
        /// Replaces a file that exists
        #[arg(long)]
        force: bool,
    },
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    ("media", "临时素材：上传、下载"),
    (
        "media upload",
        "上传文件，输出 media_id，三天内有效\n\n大小限制：图片（JPG、PNG）10 MB，语音（AMR，60 秒）2 MB，视频（MP4）10 MB，其他文件 20 MB。\
         在消息中使用 media_id 之前没有人会看到该文件，因此不询问。",
    ),
    ("media upload.file", "文件"),
    ("media upload.media_type", "类型；默认按文件开头的字节判断"),
    (
        "media download",
        "下载客户发来的或上传过的文件，三天内有效\n\n不带 --out 时写入当前文件夹，文件名为发送时的名称（去除不安全字符），只有所有者可以读取。",
    ),
    ("media download.media_id", "media_id；以 - 开头时前面加 --"),
    ("media download.out", "要写入的文件；或一个文件夹，文件名为发送时的名称"),
    ("media download.force", "覆盖已有的文件"),
];

/// Parses a type, for clap.
fn media_types() -> impl TypedValueParser<Value = MediaType> {
    PossibleValuesParser::new(["image", "voice", "video", "file"]).try_map(|name| name.parse::<MediaType>())
}

/// What `upload` prints.
#[derive(Serialize)]
struct Stored {
    #[serde(rename = "type")]
    media_type: MediaType,
    #[serde(flatten)]
    uploaded: Uploaded,
}

/// What `download` prints.
#[derive(Serialize)]
struct Downloaded {
    media_id: MediaId,
    path: PathBuf,
    length: u64,
    /// The name with which it was sent.
    file_name: Option<String>,
}

impl MediaFiles {
    pub(crate) async fn run(self, app: &App) -> Result<(), Failure> {
        let client = app.client()?;
        match self {
            Self::Upload { file, media_type } => upload(app, &client, &file, media_type).await,
            Self::Download { media_id, out, force } => {
                let saved = download(app, &client, &media_id, out.as_deref(), Existing::forced(force)).await?;
                let Saved { path, length, file_name, .. } = saved;
                let columns = [
                    column("PATH", "路径", |saved: &Downloaded, _| saved.path.display().to_string()),
                    column("BYTES", "字节", |saved: &Downloaded, _| saved.length.to_string()),
                ];
                app.out.row(&columns, &Downloaded { media_id, path, length, file_name })
            }
        }
    }
}

async fn upload(app: &App, client: &Client, path: &Path, media_type: Option<MediaType>) -> Result<(), Failure> {
    let file = Upload::from_file(path).await?;
    let media_type = media_type.unwrap_or_else(|| file.media_type());
    file.check(media_type)?;
    if app.options.dry_run {
        let (path, bytes) = (path.display(), file.length());
        let what = Bilingual::new(
            format!("Uploads {path} as {media_type}, {bytes} bytes"),
            format!("上传 {path}，类型 {media_type}，{bytes} 字节"),
        );
        return app.agree(&what).map(drop);
    }
    let uploaded = client.media().upload(media_type, with_progress(app.out, path, file).await?).await?;
    if let Some(created_at) = uploaded.created_at {
        let until = time::shown(created_at + KEPT_SECONDS);
        app.out.note(&Bilingual::new(
            format!("uploaded as {media_type}, valid until {until}"),
            format!("已上传，类型 {media_type}，有效期至 {until}"),
        ));
    }
    let stored = Stored { media_type, uploaded };
    app.out.row(&[column("MEDIA_ID", "MEDIA_ID", |stored: &Stored, _| stored.uploaded.media_id.to_string())], &stored)
}

/// Shows the progress of an upload to a person. An upload that nobody watches is repeated by the client if its answer is lost,
/// which a stream cannot be.
async fn with_progress(out: Out, path: &Path, upload: Upload) -> Result<Upload, Failure> {
    let bar = out.progress(Some(upload.length()), &Bilingual::fixed("uploading", "上传中"));
    if bar.is_hidden() {
        return Ok(upload);
    }
    let file = tokio::fs::File::open(path).await?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(Upload::from_stream(name, upload.length(), ReaderStream::new(bar.wrap_async_read(file))))
}

async fn download(
    app: &App,
    client: &Client,
    media_id: &MediaId,
    out: Option<&Path>,
    existing: Existing,
) -> Result<Saved, Failure> {
    let out = out.unwrap_or(Path::new("."));
    let download = match out.is_dir() {
        true => client.media().download_into(media_id, out),
        false => client.media().download_to(media_id, out),
    };
    let download = match existing {
        Existing::Refused => download.create_new(),
        Existing::Replaced => download.overwrite(),
    };
    shown(app.out, download).await.map_err(|error| match error {
        Error::File { source, .. } if source.kind() == std::io::ErrorKind::AlreadyExists => match out.is_dir() {
            true => name_exists(out),
            false => file::exists(out),
        },
        Error::File { source, .. } => file::cannot_write(out, source.kind()),
        error => error.into(),
    })
}

/// Shows the progress of a download: a bar if WeCom returned the length.
async fn shown(out: Out, download: ToFile<'_>) -> Result<Saved, Error> {
    let bar = Arc::new(OnceLock::new());
    let of_download = bar.clone();
    let saved = download.on_progress(move |received, total| {
        let bar = of_download.get_or_init(|| out.progress(total, &Bilingual::fixed("downloading", "下载中")));
        bar.set_position(received);
    });
    saved.await
}

fn name_exists(folder: &Path) -> Failure {
    let folder = folder.display();
    Problem::new(
        Bilingual::new(
            format!("{folder} has a file with the name of the download already"),
            format!("{folder} 中已有与下载同名的文件"),
        ),
        (
            "Choose another file or folder with --out, or replace it with --force.",
            "用 --out 指定另一个文件或文件夹，或加上 --force 覆盖它。",
        ),
    )
    .into()
}
