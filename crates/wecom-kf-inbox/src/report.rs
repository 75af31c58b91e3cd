//! Which errors a report of this crate explains: those of `wecom_kf`, of the inbox and of the stores.

use std::error::Error as StdError;

use wecom_kf::Lang;
use wecom_kf::report::{ClientErrors, Explain, Known, ReportOf, find_as};

use crate::store::StoreError;
use crate::store::error::While;
use crate::{AnswerError, ConversationError, Error};

/// An error that is printed for people: the [report of `wecom_kf`](wecom_kf::Report), which also knows the errors of this
/// crate. Use it as the error type of `main`.
pub type Report = ReportOf<InboxErrors>;

/// The errors of `wecom_kf`, of the callback, of the inbox and of the stores.
#[derive(Debug)]
pub enum InboxErrors {}

impl Known for InboxErrors {
    fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a dyn Explain> {
        find_as::<Error>(error)
            .or_else(|| find_as::<ConversationError>(error))
            .or_else(|| find_as::<AnswerError>(error))
            .or_else(|| find_as::<StoreError>(error))
            .or_else(|| find_as::<While>(error))
            .or_else(|| ClientErrors::find(error))
    }
}

impl Explain for Error {
    fn in_lang(&self, lang: Lang) -> String {
        self.in_lang(lang)
    }

    fn remedy(&self, lang: Lang) -> Option<&'static str> {
        Some(self.remedy(lang))
    }
}

impl Explain for StoreError {
    fn in_lang(&self, lang: Lang) -> String {
        self.in_lang(lang)
    }

    fn remedy(&self, lang: Lang) -> Option<&'static str> {
        Some(self.remedy(lang))
    }
}

impl Explain for ConversationError {
    fn in_lang(&self, lang: Lang) -> String {
        self.in_lang(lang)
    }

    fn remedy(&self, lang: Lang) -> Option<&'static str> {
        Some(self.remedy(lang))
    }
}

impl Explain for AnswerError {
    fn in_lang(&self, lang: Lang) -> String {
        self.in_lang(lang)
    }

    fn remedy(&self, _: Lang) -> Option<&'static str> {
        None
    }
}

impl Explain for While {
    fn in_lang(&self, lang: Lang) -> String {
        self.what.in_lang(lang).to_owned()
    }

    fn remedy(&self, _: Lang) -> Option<&'static str> {
        None
    }
}

/// Returns an error, its causes and the remedy in one line, for logs.
pub(crate) fn in_one_line(error: &(dyn StdError + 'static)) -> String {
    Report::line(error, Lang::En)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use wecom_kf::raw::op;
    use wecom_kf::{Bilingual, ErrCode};

    use super::*;
    use crate::UnreadableThen;

    fn store_errors() -> Vec<StoreError> {
        let what = Bilingual::fixed("cannot open /a", "无法打开 /a");
        let source = Arc::new(io::Error::from_raw_os_error(13));
        let samples = vec![
            StoreError::down(While { what: what.clone(), source }),
            StoreError::StaleLease,
            StoreError::OutOfStep,
            StoreError::Corrupt(what.clone()),
            StoreError::InUse(what.clone()),
            StoreError::Settings(what),
        ];
        for sample in &samples {
            match sample {
                StoreError::Down(_)
                | StoreError::StaleLease
                | StoreError::OutOfStep
                | StoreError::Corrupt(_)
                | StoreError::InUse(_)
                | StoreError::Settings(_) => {}
            }
        }
        samples
    }

    /// One of each variant. The match makes a new variant a compile error here.
    fn samples() -> Vec<Error> {
        let refused = wecom_kf::Error::refused(op::SYNC_MSG, ErrCode(60020), "not allow to access from your ip");
        let unreadable = |then| Error::Unreadable { bytes: 7, tries: 3, then };
        let mut samples = vec![
            Error::Read(refused),
            unreadable(UnreadableThen::AsksAgain),
            unreadable(UnreadableThen::Parked),
            unreadable(UnreadableThen::Stuck),
            Error::CursorCircle,
            Error::NoSuchAccount { open_kfid: "wk1".into() },
            Error::Settings("the lease must be longer than 0"),
        ];
        samples.extend(store_errors().into_iter().map(Error::Store));
        for sample in &samples {
            match sample {
                Error::Read(_)
                | Error::Store(_)
                | Error::Unreadable { .. }
                | Error::CursorCircle
                | Error::NoSuchAccount { .. }
                | Error::Settings(_) => {}
            }
        }
        samples
    }

    #[test]
    fn display_repeats_neither_the_source_nor_the_remedy() {
        for error in samples() {
            let mut level: &dyn StdError = &error;
            assert!(!level.to_string().contains(error.remedy(Lang::En)), "{error}");
            while let Some(source) = level.source() {
                assert!(!level.to_string().contains(&source.to_string()), "{level}: {source}");
                level = source;
            }
        }
    }

    #[test]
    fn a_report_ends_with_the_one_remedy_in_both_languages() {
        for error in samples() {
            for (lang, follows) in [(Lang::En, "  do: "), (Lang::Zh, "。处理：")] {
                let line = Report::line(&error, lang);
                assert!(line.starts_with(&error.in_lang(lang)), "{line}");
                assert!(line.ends_with(&format!("{follows}{}", error.remedy(lang))), "{line}");
                assert_eq!(line.matches(follows).count(), 1, "{line}");
            }
        }
        assert_eq!(Report::from("of another kind").in_lang(Lang::Zh), "of another kind");
    }

    /// The lines of a report up to the remedy.
    fn chains(lang: Lang) -> String {
        let follows = if lang == Lang::En { "  do: " } else { "。处理：" };
        let lines = samples().into_iter().map(|error| Report::line(&error, lang));
        lines.map(|line| line.split(follows).next().unwrap_or_default().to_owned() + "\n").collect()
    }

    #[test]
    fn display_is_one_level() {
        let expected = "\
the inbox cannot read
sync_msg answered 7 bytes that are no page (3 times), asking again for fewer messages
sync_msg answered 7 bytes that are no page (3 times), parked the whole answer and continued behind it
sync_msg answered 7 bytes that are no page (3 times), it does not tell where the next page begins
sync_msg returns pages without a new message whose cursors repeat
the app has no account wk1
bad settings of the inbox: the lease must be longer than 0
";
        let shown: String = samples().iter().map(|error| format!("{error}\n")).collect();
        assert!(shown.starts_with(expected), "{shown}");
        assert_eq!(shown.matches("the inbox cannot keep its place\n").count(), 6);
    }

    #[test]
    fn a_report_in_english_has_the_causes() {
        let expected = "\
the inbox cannot read: sync_msg refused: 60020, the calling IP is not trusted. WeCom said: \"not allow to access from your ip\"
sync_msg answered 7 bytes that are no page (3 times), asking again for fewer messages
sync_msg answered 7 bytes that are no page (3 times), parked the whole answer and continued behind it
sync_msg answered 7 bytes that are no page (3 times), it does not tell where the next page begins
sync_msg returns pages without a new message whose cursors repeat
the app has no account wk1
bad settings of the inbox: the lease must be longer than 0
the inbox cannot keep its place: the store is down: cannot open /a: Permission denied (os error 13)
the inbox cannot keep its place: the lease is no longer ours, so nothing was written
the inbox cannot keep its place: the stored state is not the one that this commit builds on, so nothing was written
the inbox cannot keep its place: the data of the store cannot be used: cannot open /a
the inbox cannot keep its place: the store is in use: cannot open /a
the inbox cannot keep its place: bad settings of the store: cannot open /a
";
        assert_eq!(chains(Lang::En), expected);
    }

    #[test]
    fn a_report_in_chinese_has_the_causes() {
        let expected = "\
收件箱无法读取：sync_msg 被拒：60020，调用方 IP 不可信。企业微信的说明：\"not allow to access from your ip\"
sync_msg 返回的 7 字节不是一页消息（3 次），减少条数后重试
sync_msg 返回的 7 字节不是一页消息（3 次），已整页暂存并继续
sync_msg 返回的 7 字节不是一页消息（3 次），且无法得知下一页的位置
sync_msg 返回的页没有新消息，游标循环往复
本应用没有客服账号 wk1
收件箱配置有误：并发数、未完成消息的上限、次数、租约和轮询间隔、查看账号的间隔都必须大于 0
收件箱无法保存进度：存储不可用：无法打开 /a：没有权限（系统错误 13）
收件箱无法保存进度：租约已失效，未写入
收件箱无法保存进度：存储的状态与本次提交不衔接，未写入
收件箱无法保存进度：存储内容有误：无法打开 /a
收件箱无法保存进度：存储正被占用：无法打开 /a
收件箱无法保存进度：存储配置有误：无法打开 /a
";
        assert_eq!(chains(Lang::Zh), expected);
    }
}
