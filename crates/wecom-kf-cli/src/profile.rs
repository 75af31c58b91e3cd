//! Where the settings come from: a profile of `profiles.toml`, or the environment. A profile names secrets, and does not
//! hold them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use wecom_kf::{Bilingual, Variable};

use crate::failure::{Exit, Failure, Problem};
use crate::file::unreadable;

/// The name of the variable with the store of the bot, which `wecom_kf::Settings` does not know.
pub(crate) const STORE: &str = "WECOM_KF_STORE";

/// The name of the variable that chooses a profile.
pub(crate) const PROFILE: &str = "WECOM_KF_PROFILE";

/// The profile that is used if neither `--profile` nor a variable of the client is set.
const DEFAULT: &str = "default";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    corp_id: Option<String>,
    secret: Option<Secret>,
    base_url: Option<String>,
    open_kfid: Option<String>,
    callback_token: Option<Secret>,
    callback_aes_key: Option<Secret>,
    listen: Option<String>,
    store: Option<Store>,
}

/// Where a secret is found.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
enum Secret {
    /// In an environment variable.
    Env(String),
    /// In what a command prints.
    Command(String),
    /// In a file that nobody else may read.
    File(PathBuf),
}

/// The address of a store, which may contain a password.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Store {
    Address(String),
    Secret(Secret),
}

/// Returns the settings as environment variables: those of the named profile. Without a name, those of the environment if
/// one of them is set, otherwise those of the profile `default` if there is one.
pub(crate) fn variables(name: Option<&str>) -> Result<BTreeMap<String, String>, Failure> {
    let Some(name) = name else {
        let environment = environment();
        let is_set = !environment.is_empty();
        return match file()? {
            Some(file) if !is_set && file.profiles.contains_key(DEFAULT) => of_profile(file, DEFAULT),
            _ => Ok(environment),
        };
    };
    match file()? {
        Some(file) => of_profile(file, name),
        None => Err(no_profile(name, &[])),
    }
}

fn environment() -> BTreeMap<String, String> {
    let names = Variable::ALL.map(Variable::name).into_iter().chain([STORE]);
    // The check of the settings refuses what replaces bytes that are no UTF-8.
    names.filter_map(|name| Some((name.to_owned(), std::env::var_os(name)?.to_string_lossy().into_owned()))).collect()
}

/// Returns the path of the file with the profiles, `~/.config/wecom-kf/profiles.toml` unless `XDG_CONFIG_HOME` is set.
pub(crate) fn path() -> Option<PathBuf> {
    let config = std::env::var_os("XDG_CONFIG_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let config = config.or_else(|| Some(std::env::home_dir()?.join(".config")))?;
    Some(config.join("wecom-kf").join("profiles.toml"))
}

fn file() -> Result<Option<File>, Failure> {
    let Some(path) = path() else { return Ok(None) };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&path).exit(Exit::Credentials).because(error).into()),
    };
    toml::from_str(&text).map(Some).map_err(|error| invalid(&path, &text, &error).into())
}

fn of_profile(mut file: File, name: &str) -> Result<BTreeMap<String, String>, Failure> {
    let Some(profile) = file.profiles.remove(name) else {
        return Err(no_profile(name, &file.profiles.into_keys().collect::<Vec<_>>()));
    };
    let secret = |secret: Option<Secret>| secret.map(Secret::read).transpose();
    let store = match profile.store {
        Some(Store::Address(address)) => Some(address),
        Some(Store::Secret(secret)) => Some(secret.read()?),
        None => None,
    };
    let values = [
        (Variable::CorpId.name(), profile.corp_id),
        (Variable::Secret.name(), secret(profile.secret)?),
        (Variable::BaseUrl.name(), profile.base_url),
        (Variable::OpenKfid.name(), profile.open_kfid),
        (Variable::CallbackToken.name(), secret(profile.callback_token)?),
        (Variable::CallbackAesKey.name(), secret(profile.callback_aes_key)?),
        (Variable::Listen.name(), profile.listen),
        (STORE, store),
    ];
    Ok(values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
}

impl Secret {
    fn read(self) -> Result<String, Failure> {
        match self {
            Self::Env(name) => std::env::var(&name).map_err(|_| {
                Problem::new(
                    Bilingual::new(
                        format!("the profile takes a secret from the variable {name}, which is not set"),
                        format!("配置档从环境变量 {name} 读取密钥，但它未设置"),
                    ),
                    ("Set the variable, or change the profile.", "设置该变量，或修改配置档。"),
                )
                .exit(Exit::Credentials)
                .into()
            }),
            Self::File(path) => private_file(&path),
            Self::Command(command) => output_of(&command),
        }
    }
}

/// Returns what a command prints. Its own messages go to standard error.
fn output_of(command: &str) -> Result<String, Failure> {
    let failed = || {
        Problem::new(
            Bilingual::new(
                format!("the command that prints a secret failed: {command}"),
                format!("输出密钥的命令失败：{command}"),
            ),
            ("Run the command by itself, then correct the profile.", "单独运行该命令，再修改配置档。"),
        )
        .exit(Exit::Credentials)
    };
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let output = Command::new(shell).args([flag, command]).stdin(Stdio::inherit()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| failed().because(error))?;
    if !output.status.success() {
        return Err(failed().into());
    }
    String::from_utf8(output.stdout).map_err(|_| failed().into())
}

/// Reads a secret from a file that nobody but its owner may read.
pub(crate) fn private_file(path: &Path) -> Result<String, Failure> {
    let metadata = fs::metadata(path).map_err(|error| unreadable(path).exit(Exit::Credentials).because(error))?;
    if is_open_to_others(&metadata) {
        return Err(Problem::new(
            Bilingual::new(
                format!("other users may read {}, which holds a secret", path.display()),
                format!("其他用户可以读取存放密钥的文件 {}", path.display()),
            ),
            (
                "Run chmod 600 on the file. If others have read it, reset the secret.",
                "对该文件执行 chmod 600；若已被他人读取，请重置密钥。",
            ),
        )
        .exit(Exit::Credentials)
        .into());
    }
    fs::read_to_string(path).map_err(|error| unreadable(path).exit(Exit::Credentials).because(error).into())
}

#[cfg(unix)]
fn is_open_to_others(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o077 != 0
}

/// Other systems keep the rights of files in ways of their own.
#[cfg(not(unix))]
fn is_open_to_others(_: &fs::Metadata) -> bool {
    false
}

/// Says what is wrong with the file and where. The text of the line is not shown, since somebody may have written a secret
/// there.
fn invalid(path: &Path, text: &str, error: &toml::de::Error) -> Problem {
    let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
    let place = format!("{}:{line}", path.display());
    Problem::new(
        Bilingual::new(format!("{place} is no valid profile"), format!("{place} 不是有效的配置档")),
        (
            "A profile has corp_id, base_url, open_kfid, listen, store as texts, and secret, callback_token, callback_aes_key as { env = \"NAME\" }, { command = \"…\" } or { file = \"PATH\" }. A secret itself must not be in the file.",
            "配置档中 corp_id、base_url、open_kfid、listen、store 为文本；secret、callback_token、callback_aes_key 写成 { env = \"变量名\" }、{ command = \"…\" } 或 { file = \"路径\" }。文件中不得直接写密钥。",
        ),
    )
    .exit(Exit::Credentials)
}

fn no_profile(name: &str, known: &[String]) -> Failure {
    let place = path().map(|path| path.display().to_string()).unwrap_or_default();
    let (known_en, known_zh) = match known.is_empty() {
        true => ("there are none".to_owned(), "其中没有配置档".to_owned()),
        false => (format!("there are {}", known.join(", ")), format!("其中有 {}", known.join("、"))),
    };
    Problem::new(
        Bilingual::new(
            format!("there is no profile {name:?} in {place}: {known_en}"),
            format!("{place} 中没有配置档 {name:?}：{known_zh}"),
        ),
        ("Choose another profile, or add it to the file.", "换一个配置档，或在文件中添加。"),
    )
    .exit(Exit::Credentials)
    .into()
}
