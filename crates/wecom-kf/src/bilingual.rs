//! Texts for people, in English and Chinese.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;

use wecom_kf_text::Flaw;

use crate::Lang;

/// A text for people, in English and Chinese. `Display` shows the English text.
///
/// Errors use it for every cause that they describe in words, so that a whole error can be shown in either language.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bilingual {
    en: Cow<'static, str>,
    zh: Cow<'static, str>,
}

impl Bilingual {
    /// Creates a text from its English and its Chinese version.
    pub fn new(en: impl Into<Cow<'static, str>>, zh: impl Into<Cow<'static, str>>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }

    /// Creates a text from two string literals, in a constant if needed.
    pub const fn fixed(en: &'static str, zh: &'static str) -> Self {
        Self { en: Cow::Borrowed(en), zh: Cow::Borrowed(zh) }
    }

    /// Describes an error of the operating system. The Chinese text contains the kind of the error and its number.
    pub fn io(error: &io::Error) -> Self {
        let number = error.raw_os_error().map(|number| format!("（系统错误 {number}）")).unwrap_or_default();
        Self::new(error.to_string(), format!("{}{number}", io_kind_in_chinese(error.kind())))
    }

    /// Describes a character that a pasted value must not contain.
    pub(crate) fn flaw(flaw: &Flaw) -> Self {
        Self::new(flaw.to_string(), flaw.in_lang(Lang::Zh))
    }

    /// Returns the text in one language.
    pub fn in_lang(&self, lang: Lang) -> &str {
        lang.pick(&self.en, &self.zh)
    }

    /// Puts `what` before the text, such as the name of a setting.
    pub(crate) fn about(&self, what: &Self) -> Self {
        Self::new(format!("{}: {}", what.en, self.en), format!("{}：{}", what.zh, self.zh))
    }
}

/// Creates the text from a name that is the same in both languages, such as that of a field.
impl From<&'static str> for Bilingual {
    fn from(name: &'static str) -> Self {
        Self::fixed(name, name)
    }
}

/// Allows a text to be the source of another error.
impl Error for Bilingual {}

impl fmt::Display for Bilingual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en)
    }
}

fn io_kind_in_chinese(kind: io::ErrorKind) -> &'static str {
    use io::ErrorKind as Kind;
    match kind {
        Kind::NotFound => "文件或目录不存在",
        Kind::PermissionDenied => "没有权限",
        Kind::AlreadyExists => "已存在",
        Kind::NotADirectory => "不是目录",
        Kind::IsADirectory => "是目录而不是文件",
        Kind::ReadOnlyFilesystem => "文件系统只读",
        Kind::StorageFull => "磁盘空间不足",
        Kind::QuotaExceeded => "超出磁盘配额",
        Kind::FileTooLarge => "文件过大",
        Kind::InvalidFilename => "文件名无效",
        Kind::ResourceBusy | Kind::ExecutableFileBusy | Kind::WouldBlock => "资源正被占用",
        Kind::ConnectionRefused => "连接被拒绝",
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => "连接中断",
        Kind::NotConnected => "未连接",
        Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown => "网络不可达",
        Kind::AddrInUse => "地址已被占用",
        Kind::AddrNotAvailable => "地址不可用",
        Kind::TimedOut => "超时",
        Kind::Interrupted => "操作被中断",
        Kind::UnexpectedEof => "文件提前结束",
        Kind::InvalidData => "数据无效",
        Kind::InvalidInput => "参数无效",
        Kind::WriteZero => "无法写入",
        Kind::OutOfMemory => "内存不足",
        Kind::Unsupported => "系统不支持",
        _ => "输入输出错误",
    }
}
