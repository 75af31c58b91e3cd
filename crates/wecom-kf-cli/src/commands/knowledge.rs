//! `wecom-kf knowledge`: the knowledge base as a folder of files: reads it, compares it, and applies it.

mod folder;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;
use wecom_kf::knowledge::{KnowledgeChange, SyncKnowledge};
use wecom_kf::media::Upload;
use wecom_kf::{Bilingual, Client, Lang, MediaId};

use crate::app::App;
use crate::commands::knowledge::folder::{Folder, GroupFile, Needed, path_for, yaml_files};
use crate::failure::{Failure, Problem};
use crate::file::{Existing, create_folder};
use crate::out::{Column, column};

/// Reads, compares and changes the knowledge base of the assistant, as files
///
/// Each group is a YAML file with its name and its intents: question, similar, and answer with text and attachments. WeCom
/// does not return images, videos and the covers of mini programs, so `file` at an attachment says where they are. They are
/// only needed for an answer that is written, and another image alone is not noticed as a difference.
#[derive(Debug, Subcommand)]
pub(crate) enum Knowledge {
    /// Writes the knowledge base into a folder, one file for each group
    Pull {
        /// The folder
        dir: PathBuf,
        /// Replaces the files of the groups; the paths of images and videos in them stay
        #[arg(long)]
        force: bool,
    },
    /// Shows what differs between a folder and the knowledge base
    Diff {
        /// The folder
        dir: PathBuf,
    },
    /// Changes the knowledge base to what a folder says
    ///
    /// It shows the changes and asks first. Groups without a file are never touched.
    Push {
        /// The folder
        dir: PathBuf,
        /// Deletes the intents of the groups that are not in their files; otherwise they stay
        #[arg(long)]
        delete: bool,
    },
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    (
        "knowledge",
        "以文件方式读取、比较、修改智能助手的知识库\n\n每个分组是一个 YAML 文件，包含名称和问答：问题、相似问题、回答（文字和附件）。\
         企业微信不会返回图片、视频和小程序封面，因此用附件下的 file 指明文件位置；只有写入的回答才需要这些文件，仅更换图片不会被视为差异。",
    ),
    ("knowledge pull", "把知识库写入文件夹，每个分组一个文件"),
    ("knowledge pull.dir", "文件夹"),
    ("knowledge pull.force", "覆盖各分组的文件；其中图片和视频的路径保留"),
    ("knowledge diff", "显示文件夹与知识库的差异"),
    ("knowledge diff.dir", "文件夹"),
    ("knowledge push", "按文件夹修改知识库\n\n先显示改动并询问。没有文件的分组不会被改动。"),
    ("knowledge push.dir", "文件夹"),
    ("knowledge push.delete", "删除这些分组中文件里没有的问答；否则保留"),
];

impl Knowledge {
    pub(crate) async fn run(self, app: &App) -> Result<(), Failure> {
        let client = app.client()?;
        match self {
            Self::Pull { dir, force } => pull(app, &client, &dir, Existing::forced(force)).await,
            Self::Diff { dir } => diff(app, &client, &dir).await,
            Self::Push { dir, delete } => {
                let others = if delete { Others::Deleted } else { Others::Kept };
                push(app, &client, &dir, others).await
            }
        }
    }
}

/// What happens to the intents of a group that are not in its file.
#[derive(Clone, Copy)]
enum Others {
    Kept,
    Deleted,
}

/// A file that `pull` wrote.
#[derive(Serialize)]
struct Pulled {
    path: PathBuf,
    group: String,
    intents: usize,
}

async fn pull(app: &App, client: &Client, dir: &Path, existing: Existing) -> Result<(), Failure> {
    let old = if dir.exists() { Folder::read(dir)?.groups } else { Vec::new() };
    if existing == Existing::Refused && !old.is_empty() {
        return Err(has_groups(dir));
    }
    if app.options.dry_run {
        let dir = dir.display();
        return app.agree(&Bilingual::new(format!("Writes into {dir}"), format!("写入 {dir}"))).map(drop);
    }
    let groups = client.knowledge().list_groups().await?;
    let intents = client.knowledge().list_intents().await?;
    create_folder(dir)?;
    let mut taken: HashSet<String> = yaml_files(dir)?.iter().filter_map(|path| lower_case_name(path)).collect();
    let (mut pulled, mut without_file) = (Vec::new(), 0);
    for group in &groups {
        let mut file = GroupFile::new(group, &intents);
        let path = match old.iter().find(|(_, old)| old.name == group.name) {
            Some((path, old)) => {
                file.keep_files(old);
                path.clone()
            }
            None => path_for(dir, &group.name, &mut taken),
        };
        file.write(&path, existing)?;
        without_file += file.without_file();
        pulled.push(Pulled { path, group: file.name, intents: file.intents.len() });
    }
    for (path, old) in old.iter().filter(|(_, old)| groups.iter().all(|group| group.name != old.name)) {
        let (path, name) = (path.display(), &old.name);
        app.out.note(&Bilingual::new(
            format!("{path} stays, but WeCom has no group {name}"),
            format!("{path} 保留不变，但企业微信没有分组“{name}”"),
        ));
    }
    if without_file > 0 {
        app.out.note(&Bilingual::new(
            format!("WeCom does not return images, videos and covers: {without_file} have no file yet. To write their answers again, add file: to them"),
            format!("企业微信不会返回图片、视频和封面：有 {without_file} 个还没有文件。若要重新写入这些回答，请加上 file:"),
        ));
    }
    let columns = [
        column("FILE", "文件", |pulled: &Pulled, _| pulled.path.display().to_string()),
        column("INTENTS", "问答", |pulled: &Pulled, _| pulled.intents.to_string()).number(),
        column("GROUP", "分组", |pulled, _| pulled.group.clone()),
    ];
    app.out.list(&columns, &pulled, &Bilingual::fixed("there are no groups", "没有分组"))
}

fn lower_case_name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_str()?.to_lowercase())
}

async fn diff(app: &App, client: &Client, dir: &Path) -> Result<(), Failure> {
    let folder = read(client, dir)?;
    let changes = plan(client, &folder, Others::Deleted, &HashMap::new()).await?;
    let groups = client.knowledge().list_groups().await?;
    for group in groups.iter().filter(|group| folder.groups.iter().all(|(_, file)| file.name != group.name)) {
        app.out.note(&Bilingual::new(
            format!("the group {} has no file, push does not touch it", group.name),
            format!("分组“{}”没有文件，push 不会改动它", group.name),
        ));
    }
    if changes.iter().any(|change| matches!(change, KnowledgeChange::DeleteIntent { .. })) {
        app.out.note(&Bilingual::fixed(
            "intents to delete are in WeCom only; push deletes them with --delete",
            "待删除的问答只在企业微信中有；push 带 --delete 时才删除",
        ));
    }
    show(app, &changes)
}

async fn push(app: &App, client: &Client, dir: &Path, others: Others) -> Result<(), Failure> {
    let folder = read(client, dir)?;
    let changes = plan(client, &folder, others, &HashMap::new()).await?;
    show(app, &changes)?;
    if changes.is_empty() {
        return Ok(());
    }
    let files = folder.files_for(&changes.iter().filter_map(written).collect())?;
    let uploads = checked(&files).await?;
    if !app.agree(&summary(&changes))? {
        return Ok(());
    }
    let uploaded = upload(app, client, uploads).await?;
    // What is done must be what was shown.
    if plan(client, &folder, others, &uploaded).await? != changes {
        return Err(changed_meanwhile());
    }
    match sync(client, &folder, others, &uploaded).await {
        Ok(_) => {
            app.out.note(&Bilingual::fixed("changed", "已修改"));
            Ok(())
        }
        Err(error) => {
            app.out.always(&Bilingual::fixed(
                "not all changes were made; push again to continue",
                "部分改动未完成；再次运行 push 会继续",
            ));
            Err(error.into())
        }
    }
}

fn read(client: &Client, dir: &Path) -> Result<Folder, Failure> {
    let folder = Folder::read(dir)?;
    if folder.groups.is_empty() {
        return Err(no_groups(dir));
    }
    folder.check(client)?;
    Ok(folder)
}

fn sync<'a>(
    client: &'a Client,
    folder: &Folder,
    others: Others,
    uploaded: &HashMap<Needed, MediaId>,
) -> SyncKnowledge<'a> {
    let sync = client.knowledge().sync(folder.desired(uploaded));
    match others {
        Others::Kept => sync,
        Others::Deleted => sync.delete_others(),
    }
}

async fn plan(
    client: &Client,
    folder: &Folder,
    others: Others,
    uploaded: &HashMap<Needed, MediaId>,
) -> Result<Vec<KnowledgeChange>, Failure> {
    Ok(sync(client, folder, others, uploaded).plan().await?)
}

/// Returns the question of an intent that is written.
fn written(change: &KnowledgeChange) -> Option<&str> {
    match change {
        KnowledgeChange::AddIntent { question, .. }
        | KnowledgeChange::UpdateIntent { question, .. }
        | KnowledgeChange::MoveIntent { question, .. } => Some(question),
        _ => None,
    }
}

/// Opens the files and checks them, before anything is changed.
async fn checked(files: &[Needed]) -> Result<HashMap<Needed, Upload>, Failure> {
    let mut uploads = HashMap::new();
    for needed in files {
        let fail = |error| cannot_upload(&needed.path, error);
        let upload = Upload::from_file(&needed.path).await.map_err(fail)?;
        upload.check(needed.media_type).map_err(fail)?;
        uploads.insert(needed.clone(), upload);
    }
    Ok(uploads)
}

async fn upload(
    app: &App,
    client: &Client,
    uploads: HashMap<Needed, Upload>,
) -> Result<HashMap<Needed, MediaId>, Failure> {
    let mut uploaded = HashMap::new();
    if uploads.is_empty() {
        return Ok(uploaded);
    }
    let bar = app.out.progress(Some(uploads.len() as u64), &Bilingual::fixed("uploading", "上传中"));
    for (needed, upload) in uploads {
        let media_id = client.media().upload(needed.media_type, upload).await?.media_id;
        uploaded.insert(needed, media_id);
        bar.inc(1);
    }
    Ok(uploaded)
}

fn show(app: &App, changes: &[KnowledgeChange]) -> Result<(), Failure> {
    if changes.is_empty() {
        app.out.note(&Bilingual::fixed("no difference", "没有差异"));
        return Ok(());
    }
    app.out.list(&columns(), changes, &Bilingual::fixed("no difference", "没有差异"))
}

fn columns() -> [Column<KnowledgeChange>; 3] {
    [
        column("CHANGE", "改动", |change, lang| {
            let (en, zh) = match change {
                KnowledgeChange::AddGroup { .. } => ("add group", "新建分组"),
                KnowledgeChange::AddIntent { .. } => ("add intent", "新建问答"),
                KnowledgeChange::UpdateIntent { .. } => ("update intent", "修改问答"),
                KnowledgeChange::MoveIntent { .. } => ("move intent", "移动问答"),
                KnowledgeChange::DeleteIntent { .. } => ("delete intent", "删除问答"),
                _ => ("other", "其他"),
            };
            lang.pick(en, zh).to_owned()
        }),
        column("GROUP", "分组", |change, _| match change {
            KnowledgeChange::AddGroup { name } => name.clone(),
            KnowledgeChange::AddIntent { group, .. }
            | KnowledgeChange::UpdateIntent { group, .. }
            | KnowledgeChange::MoveIntent { group, .. }
            | KnowledgeChange::DeleteIntent { group, .. } => group.clone(),
            _ => "-".to_owned(),
        }),
        column("QUESTION", "问题", |change, _| match change {
            KnowledgeChange::DeleteIntent { question, .. } => question.clone(),
            change => written(change).unwrap_or("-").to_owned(),
        }),
    ]
}

/// Says how many changes there are of each kind.
fn summary(changes: &[KnowledgeChange]) -> Bilingual {
    let titles = columns();
    let [kind, ..] = &titles;
    let parts = |lang: Lang| {
        let mut counts: Vec<(String, usize)> = Vec::new();
        for name in changes.iter().map(|change| kind.cell(change, lang)) {
            match counts.iter_mut().find(|(known, _)| *known == name) {
                Some((_, count)) => *count += 1,
                None => counts.push((name, 1)),
            }
        }
        counts.iter().map(|(name, count)| format!("{name} ({count})")).collect::<Vec<_>>().join(lang.pick(", ", "，"))
    };
    Bilingual::new(
        format!("Changes the knowledge base of the corp: {}", parts(Lang::En)),
        format!("修改企业的知识库：{}", parts(Lang::Zh)),
    )
}

fn has_groups(dir: &Path) -> Failure {
    let dir = dir.display();
    Problem::new(
        Bilingual::new(format!("{dir} has files of groups already"), format!("{dir} 中已有分组文件")),
        ("Choose another folder, or replace the files with --force.", "换一个文件夹，或加上 --force 覆盖这些文件。"),
    )
    .into()
}

fn no_groups(dir: &Path) -> Failure {
    let dir = dir.display();
    Problem::new(
        Bilingual::new(format!("{dir} has no files of groups (*.yaml)"), format!("{dir} 中没有分组文件（*.yaml）")),
        ("Make them with: wecom-kf knowledge pull DIR", "用 wecom-kf knowledge pull DIR 生成。"),
    )
    .into()
}

fn cannot_upload(path: &Path, error: wecom_kf::Error) -> Failure {
    let path = path.display();
    Problem::new(
        Bilingual::new(format!("{path} cannot be uploaded"), format!("无法上传 {path}")),
        ("Nothing was changed. Correct the path or the file.", "没有做任何改动。修正路径或文件。"),
    )
    .because(error)
    .into()
}

fn changed_meanwhile() -> Failure {
    Problem::new(
        Bilingual::fixed(
            "the knowledge base was changed since the changes were shown, so nothing was done",
            "显示改动之后知识库又有变化，因此没有做任何改动",
        ),
        ("Run it again to see the changes that are needed now.", "再次运行，查看现在需要的改动。"),
    )
    .into()
}
