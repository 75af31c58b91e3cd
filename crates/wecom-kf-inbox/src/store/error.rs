//! The errors of stores.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use wecom_kf::{Bilingual, Lang};

/// An error of a store.
///
/// `Display` says what failed, the source of [`Down`](Self::Down) is the cause, and [`remedy`](Self::remedy) says what to
/// do. A [`Report`](crate::Report) prints all three.
///
/// Keep secrets and customers' words out of the sources: they are printed and logged.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The store could not be reached, or did not answer in time. It may have written or not. The error may pass: the
    /// inbox keeps its place, waits and tries again.
    Down(Arc<dyn StdError + Send + Sync>),

    /// The lease has ended, or another holder has it; nothing was written. The inbox drops its window and asks for the
    /// lease again.
    StaleLease,

    /// The stored state is not the one that the commit builds on; nothing was written. The inbox loads what is stored and
    /// continues from there.
    OutOfStep,

    /// The stored data is damaged, or belongs to another program or version. Repeating does not help: a person must
    /// look at it. The store has not changed it.
    Corrupt(Bilingual),

    /// The store is in use by another process, and can serve only one.
    InUse(Bilingual),

    /// The store cannot be opened with these settings.
    Settings(Bilingual),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_lang(Lang::En))
    }
}

impl StdError for StoreError {
    /// The source is the error itself and not the `Arc` that shares it, so that `downcast_ref` finds it.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Down(source) => Some(&**source),
            Self::StaleLease | Self::OutOfStep | Self::Corrupt(_) | Self::InUse(_) | Self::Settings(_) => None,
        }
    }
}

impl StoreError {
    /// Returns a [`Down`](Self::Down) error, for failures that may pass. With a [`Bilingual`] it can be read in Chinese.
    pub fn down(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Down(Arc::from(source.into()))
    }

    /// Returns a [`Corrupt`](Self::Corrupt) error, for data that cannot be used.
    pub fn corrupt(what: impl Into<Bilingual>) -> Self {
        Self::Corrupt(what.into())
    }

    /// Waits for a store. If it does not answer within `limit`, it counts as down.
    pub(crate) async fn in_time<T>(limit: Duration, asked: impl Future<Output = Result<T, Self>>) -> Result<T, Self> {
        timeout(limit, asked).await.unwrap_or_else(|_| Err(Self::silent(limit)))
    }

    /// Returns the error of a store that did not answer in time.
    pub(crate) fn silent(limit: Duration) -> Self {
        let seconds = limit.as_secs();
        Self::down(Bilingual::new(format!("no answer within {seconds} s"), format!("{seconds} 秒内没有应答")))
    }

    /// Returns the error of a store that several processes cannot share.
    pub(crate) fn of_one_process() -> Self {
        Self::Settings(Bilingual::fixed(
            "this store is for one process, so callbacks cannot be passed on to others; use Redis",
            "该存储仅供单个进程使用，无法把回调转交给其他进程；请使用 Redis",
        ))
    }

    /// Returns what the person on call should do.
    pub fn remedy(&self, lang: Lang) -> &'static str {
        let (en, zh) = match self {
            Self::Down(_) => {
                ("bring it back; the inbox continues by itself from its place", "恢复存储；收件箱会自行从原处继续")
            }
            Self::StaleLease => (
                "nothing, the new holder continues; if this recurs, the store or this process is too slow for the lease",
                "无需处理，由持有租约的进程继续读取；若反复出现，说明存储或本进程过慢，租约时间不够",
            ),
            Self::OutOfStep => (
                "nothing, the inbox loads the stored state again; if this recurs, check whether the store loses writes",
                "无需处理，收件箱会重新加载存储的状态；若反复出现，请检查存储是否丢失写入",
            ),
            Self::Corrupt(_) => (
                "look at it, restore a copy, or begin with an empty store, which means a cold start",
                "查看、恢复该存储，或换用空的存储（按 cold_start 重新开始）",
            ),
            Self::InUse(_) => (
                "stop the other process, give each a store of its own, or use a store that serves many",
                "停止另一个进程，或让各进程使用各自的存储，或改用可共享的存储",
            ),
            Self::Settings(_) => ("correct them and start again", "修正配置后重新启动"),
        };
        lang.pick(en, zh)
    }

    /// Describes the error in one language, without its source and its remedy. In English it is the text of `Display`.
    pub fn in_lang(&self, lang: Lang) -> String {
        let ((en, zh), what) = match self {
            Self::Down(_) => (("the store is down", "存储不可用"), None),
            Self::StaleLease => (("the lease is no longer ours, so nothing was written", "租约已失效，未写入"), None),
            Self::OutOfStep => (
                (
                    "the stored state is not the one that this commit builds on, so nothing was written",
                    "存储的状态与本次提交不衔接，未写入",
                ),
                None,
            ),
            Self::Corrupt(what) => (("the data of the store cannot be used", "存储内容有误"), Some(what)),
            Self::InUse(what) => (("the store is in use", "存储正被占用"), Some(what)),
            Self::Settings(what) => (("bad settings of the store", "存储配置有误"), Some(what)),
        };
        match (what, lang) {
            (None, Lang::En) => en.to_owned(),
            (None, Lang::Zh) => zh.to_owned(),
            (Some(what), Lang::En) => format!("{en}: {what}"),
            (Some(what), Lang::Zh) => format!("{zh}：{}", what.in_lang(lang)),
        }
    }

    /// Returns whether asking again may help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Down(_) => true,
            Self::StaleLease | Self::OutOfStep | Self::Corrupt(_) | Self::InUse(_) | Self::Settings(_) => false,
        }
    }
}

/// Returns the error for a place in the list of parked messages at which no page ended.
pub(crate) fn no_such_page(after: &str) -> StoreError {
    StoreError::Settings(Bilingual::new(
        format!("no such page of parked messages: {after:?}"),
        format!("暂存消息没有这一页：{after:?}"),
    ))
}

/// Returns the error for a text that is not the key of an inbox.
pub(crate) fn no_such_key(text: &str) -> StoreError {
    StoreError::Settings(Bilingual::new(
        format!(
            "not the key of an inbox: {text:?}; it consists of the host, the corp id and the account: HOST/CORP/ACCOUNT"
        ),
        format!("不是收件箱的键：{text:?}；应由主机、企业 ID 和客服账号组成：HOST/CORP/ACCOUNT"),
    ))
}

#[cfg(any(feature = "redb", feature = "redis"))]
pub(crate) fn unwritable() -> StoreError {
    StoreError::corrupt(Bilingual::fixed("a value to be stored cannot be written as JSON", "要保存的值无法写成 JSON"))
}

/// An error, with the action during which it came.
#[derive(Debug)]
pub(crate) struct While {
    pub(crate) what: Bilingual,
    pub(crate) source: Arc<dyn StdError + Send + Sync>,
}

impl fmt::Display for While {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.what.fmt(f)
    }
}

impl StdError for While {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;
    use std::{fs, io};

    use super::*;
    use crate::Report;

    /// Names that are the same in Chinese. Words with a digit, a sign or only capitals count as names, too.
    const NAMES: [&str; 4] = ["Cluster", "Redis", "Sentinel", "redb"];

    /// Returns the words of a text that are not names, so they should have a translation.
    pub(crate) fn english_words(text: &str) -> Vec<String> {
        let is_part = |char: char| char.is_ascii_alphanumeric() || "_-:/.@`".contains(char);
        let words = text.split(|char| !is_part(char)).map(|word| word.trim_matches([':', '.']));
        let is_name = |word: &str| {
            word.contains(|char: char| !char.is_ascii_alphabetic())
                || word.chars().all(|char| char.is_ascii_uppercase())
                || NAMES.contains(&word)
        };
        words.filter(|word| !word.is_empty() && !is_name(word)).map(str::to_owned).collect()
    }

    /// Asserts that an error and its causes are wholly Chinese.
    pub(crate) fn assert_chinese(error: &StoreError) {
        let text = Report::line(error, Lang::Zh);
        assert_eq!(english_words(&text), [""; 0], "{text}");
        assert!(text.contains("。处理："), "{text}");
        assert_eq!(error.in_lang(Lang::En), error.to_string());
    }

    #[test]
    fn every_kind_of_error_is_wholly_chinese() {
        let io = |kind| io::Error::new(kind, "the words of the operating system");
        let doing =
            |source| While { what: Bilingual::fixed("cannot open /a", "无法打开 /a"), source: Arc::new(source) };
        let denied = || io(io::ErrorKind::PermissionDenied);
        for error in [
            StoreError::silent(Duration::from_secs(5)),
            StoreError::down(denied()),
            StoreError::down(doing(denied())),
            StoreError::StaleLease,
            StoreError::OutOfStep,
            no_such_page("m1"),
            no_such_key("m1"),
        ] {
            assert_chinese(&error);
        }
        let text = Report::line(&StoreError::down(doing(denied())), Lang::Zh);
        assert!(text.starts_with("存储不可用：无法打开 /a：没有权限。处理："), "{text}");
        // These texts have no translation.
        let text = Report::line(&StoreError::down("words of another crate"), Lang::Zh);
        assert!(text.starts_with("存储不可用：words of another crate。"), "{text}");
    }

    /// Checks that each text of a store's error, wherever it is made, has a Chinese version without English words.
    #[test]
    fn no_text_of_a_store_lacks_its_chinese() {
        let mut files = Vec::new();
        list(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
        let mut chinese = 0;
        for file in files {
            let source = fs::read_to_string(&file).unwrap();
            let code = source.split("#[cfg(test)]").next().unwrap();
            for constructor in ["down", "corrupt", "Corrupt", "InUse", "Settings"] {
                for text in ["\"", "format!("] {
                    let only_english = format!("StoreError::{constructor}({text}");
                    assert!(!code.contains(&only_english), "{}: {only_english}", file.display());
                }
            }
            // Elsewhere an English text may name a page of the admin console.
            if !file.components().any(|part| part.as_os_str() == "store") {
                continue;
            }
            for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
                for literal in line.split('"').skip(1).step_by(2).filter(|text| is_chinese(text)) {
                    chinese += 1;
                    let words = english_words(&without_placeholders(literal));
                    assert_eq!(words, [""; 0], "{}: {literal}", file.display());
                }
            }
        }
        assert!(chinese > 40, "{chinese} texts were looked at");
    }

    fn list(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_conformance = path.file_stem().is_some_and(|name| name == "conformance" || name == "tests");
            match path.is_dir() {
                _ if is_conformance => {}
                true => list(&path, files),
                false if path.extension().is_some_and(|extension| extension == "rs") => files.push(path),
                false => {}
            }
        }
    }

    fn is_chinese(text: &str) -> bool {
        text.chars().any(|char| ('\u{4e00}'..='\u{9fff}').contains(&char))
    }

    fn without_placeholders(text: &str) -> String {
        text.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest)).collect()
    }
}
