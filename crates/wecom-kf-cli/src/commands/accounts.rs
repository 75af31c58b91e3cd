//! `wecom-kf accounts`: lists, adds, changes and deletes accounts, and creates links to them.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;
use wecom_kf::media::{MediaType, Upload};
use wecom_kf::{Account, Bilingual, Client, Lang, MediaId, OpenKfid};

use crate::app::App;
use crate::failure::Failure;
use crate::out::{Column, column, yes_or_no};

#[derive(Debug, Subcommand)]
pub(crate) enum Accounts {
    /// Lists the accounts of the corp that the app can see
    List,
    /// Adds an account and prints its id
    Add {
        /// The name, 1 to 16 characters
        name: String,
        /// An image for the avatar: JPG or PNG, at most 2 MB; it is uploaded first
        #[arg(long, value_name = "FILE")]
        avatar: PathBuf,
    },
    /// Changes the name or the avatar of an account
    Update {
        /// The account
        open_kfid: OpenKfid,
        /// The new name, 1 to 16 characters
        #[arg(long)]
        name: Option<String>,
        /// An image for the new avatar; it is uploaded first
        #[arg(long, value_name = "FILE", required_unless_present = "name")]
        avatar: Option<PathBuf>,
    },
    /// Deletes an account
    Delete {
        /// The account
        open_kfid: OpenKfid,
    },
    /// Creates a link through which customers reach an account
    Link {
        /// The account
        open_kfid: OpenKfid,
        /// A label that says where customers came from: 1 to 32 bytes of A-Z, a-z, 0-9, _ and -
        #[arg(long)]
        scene: Option<String>,
    },
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    ("accounts", "客服账号：列出、新建、修改、删除、生成链接"),
    ("accounts list", "列出应用可见的客服账号"),
    ("accounts add", "新建客服账号，输出它的 id"),
    ("accounts add.name", "名称，1 至 16 个字符"),
    ("accounts add.avatar", "头像图片文件：JPG 或 PNG，不超过 2 MB，会先上传"),
    ("accounts update", "修改客服账号的名称或头像"),
    ("accounts update.open_kfid", "客服账号"),
    ("accounts update.name", "新名称，1 至 16 个字符"),
    ("accounts update.avatar", "新头像图片文件，会先上传"),
    ("accounts delete", "删除客服账号"),
    ("accounts delete.open_kfid", "客服账号"),
    ("accounts link", "生成客户进入该客服账号的链接"),
    ("accounts link.open_kfid", "客服账号"),
    ("accounts link.scene", "场景值，用来区分客户来源：1 至 32 字节，限字母、数字、_ 和 -"),
];

/// What `add` prints.
#[derive(Serialize)]
struct Added {
    open_kfid: OpenKfid,
}

impl Accounts {
    pub(crate) async fn run(self, app: &App) -> Result<(), Failure> {
        let client = app.client()?;
        match self {
            Self::List => {
                let none = Bilingual::fixed("the app sees no account", "应用看不到任何客服账号");
                app.out.list(&columns(), &client.accounts().list().await?, &none)
            }
            Self::Add { name, avatar } => add(app, &client, name, avatar).await,
            Self::Update { open_kfid, name, avatar } => update(app, &client, open_kfid, name, avatar).await,
            Self::Delete { open_kfid } => delete(app, &client, open_kfid).await,
            Self::Link { open_kfid, scene } => link(app, &client, open_kfid, scene).await,
        }
    }
}

fn columns() -> [Column<Account>; 3] {
    [
        column("OPEN_KFID", "OPEN_KFID", |account, _| account.open_kfid.to_string()),
        column("MANAGED", "可管理", may_manage),
        column("NAME", "名称", |account, _| account.name.clone()),
    ]
}

fn may_manage(account: &Account, lang: Lang) -> String {
    account.manage_privilege.map_or_else(|| "-".to_owned(), |may| yes_or_no(may, lang))
}

async fn add(app: &App, client: &Client, name: String, avatar: PathBuf) -> Result<(), Failure> {
    let what = Bilingual::new(format!("Adds the account {name}"), format!("新建客服账号“{name}”"));
    if !app.agree(&what)? {
        return Ok(());
    }
    let media_id = uploaded(client, avatar).await?;
    let added = Added { open_kfid: client.accounts().add(name, media_id).await? };
    app.out.row(&[column("OPEN_KFID", "OPEN_KFID", |added: &Added, _| added.open_kfid.to_string())], &added)
}

async fn update(
    app: &App,
    client: &Client,
    open_kfid: OpenKfid,
    name: Option<String>,
    avatar: Option<PathBuf>,
) -> Result<(), Failure> {
    let (en, zh) = match (&name, &avatar) {
        (Some(name), None) => (format!("the name to {name}"), format!("名称为“{name}”")),
        (Some(name), Some(_)) => (format!("the name to {name}, and the avatar"), format!("名称为“{name}”，并更换头像")),
        (None, _) => ("the avatar".to_owned(), "头像".to_owned()),
    };
    let what = Bilingual::new(format!("Changes {en} of {open_kfid}"), format!("修改 {open_kfid} 的{zh}"));
    if !app.agree(&what)? {
        return Ok(());
    }
    let mut change = client.accounts().update(open_kfid);
    if let Some(name) = name {
        change = change.name(name);
    }
    if let Some(avatar) = avatar {
        change = change.media_id(uploaded(client, avatar).await?);
    }
    change.await?;
    app.out.note(&Bilingual::fixed("changed", "已修改"));
    Ok(())
}

async fn delete(app: &App, client: &Client, open_kfid: OpenKfid) -> Result<(), Failure> {
    let what = Bilingual::new(
        format!("Deletes the account {open_kfid}. Its customers can no longer reach it"),
        format!("删除客服账号 {open_kfid}，客户将无法再联系它"),
    );
    if app.agree(&what)? {
        client.accounts().delete(open_kfid).await?;
        app.out.note(&Bilingual::fixed("deleted", "已删除"));
    }
    Ok(())
}

async fn link(app: &App, client: &Client, open_kfid: OpenKfid, scene: Option<String>) -> Result<(), Failure> {
    // A link changes nothing for anybody, so there is nothing to confirm.
    let mut link = client.accounts().contact_way(open_kfid);
    if let Some(scene) = scene {
        link = link.scene(scene);
    }
    let link = link.await?;
    app.out.row(&[column("URL", "链接", |link: &wecom_kf::ContactWay, _| link.url().to_owned())], &link)
}

/// Uploads an image and returns its `media_id`, which is valid for three days.
async fn uploaded(client: &Client, image: PathBuf) -> Result<MediaId, Failure> {
    let upload = Upload::from_file(image).await?;
    Ok(client.media().upload(MediaType::Image, upload).await?.media_id)
}
