//! The rules that may be wrong, and how the simulator behaves if they are.

use std::collections::BTreeSet;

/// A rule on which sources disagree or that only one has. A test may have it otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Assumption {
    RefetchGivesSameToken,
    ExpiredTokenIs42001,
    SameServicerIsRefused,
    AssistantAgainIsAccepted,
    EventReplyDoesNotCount,
    ClosedWindowIs95002,
    BusinessCardIsLimited,
    BusinessCardCanBeSent,
    WelcomeAgainAfter48Hours,
    BadCursorIs40058,
    LastAccountStays,
    AccountListTakesGet,
    CallbackNamesAccount,
    SuccessHasErrcode,
    ServicerListTakesPost,
    ServicersAreLimited,
    ImagesHave10Mb,
    FilesFitTheirKind,
    MediaRefusalsArePlainText,
    FileNamesAreRaw,
    RecallMsgExists,
    SameSceneSameLink,
    EnteringIsContact,
    GroupTakesItsIntents,
    EmptyCountsAsAbsent,
    TokenlessReadsAreLimited,
    ReadsAtOnceAreLimited,
}

/// What is said of a [`Assumption`].
pub(crate) struct Statement {
    pub(crate) assumption: Assumption,
    pub(crate) id: &'static str,
    pub(crate) en: &'static str,
    pub(crate) zh: &'static str,
    pub(crate) source: &'static str,
}

/// All of them. What holds is said first, then what happens where it is switched off.
pub(crate) const STATEMENTS: [Statement; 27] = [
    Statement {
        assumption: Assumption::RefetchGivesSameToken,
        id: "refetch_gives_same_token",
        en: "While a token is valid, gettoken gives the same one again with what is left of its time. Otherwise: a new one each time, and the old ones stay valid.",
        zh: "token 有效期内再次 gettoken 得到同一个 token 及其剩余时间。否则：每次都是新 token，旧的仍然有效。",
        source: "91039, editions to 2023; silent since",
    },
    Statement {
        assumption: Assumption::ExpiredTokenIs42001,
        id: "expired_token_is_42001",
        en: "A token past its time is answered with 42001. Otherwise: with 40014.",
        zh: "过期的 token 返回 42001。否则：返回 40014。",
        source: "90313; practice knows 40014 too",
    },
    Statement {
        assumption: Assumption::SameServicerIsRefused,
        id: "same_servicer_is_refused",
        en: "Moving a session from 3 to 3 with the same servicer is refused with 95016. Otherwise: it is accepted.",
        zh: "会话状态由 3 变更为 3 且接待人员不变时返回 95016。否则：接受。",
        source: "our reading of 94669",
    },
    Statement {
        assumption: Assumption::AssistantAgainIsAccepted,
        id: "assistant_again_is_accepted",
        en: "Moving a session from 1 to 1 is accepted and changes nothing. Otherwise: 95016.",
        zh: "会话状态由 1 变更为 1 时接受且无变化。否则：返回 95016。",
        source: "two bots do it on every message; not in the table of 94669",
    },
    Statement {
        assumption: Assumption::EventReplyDoesNotCount,
        id: "event_reply_does_not_count",
        en: "What send_msg_on_event sends does not count among the five. Otherwise: it does.",
        zh: "send_msg_on_event 发送的消息不计入 5 条。否则：计入。",
        source: "our reading of 95122",
    },
    Statement {
        assumption: Assumption::ClosedWindowIs95002,
        id: "closed_window_is_95002",
        en: "Sending more than 48 hours after the customer's last message is answered with 95002. Otherwise: with 95018.",
        zh: "客户最后一条消息超过 48 小时后发送返回 95002。否则：返回 95018。",
        source: "90313; 95018 is named for it too",
    },
    Statement {
        assumption: Assumption::BusinessCardIsLimited,
        id: "business_card_is_limited",
        en: "A business card needs a typed message within 48 hours (95024) and goes once in 48 hours (95025). Otherwise: like any message.",
        zh: "发送名片要求 48 小时内客户发过文字（95024），且 48 小时内只能一次（95025）。否则：与其他消息相同。",
        source: "94745, stand-alone edition",
    },
    Statement {
        assumption: Assumption::BusinessCardCanBeSent,
        id: "business_card_can_be_sent",
        en: "send_msg takes business_card. Otherwise: 40008.",
        zh: "send_msg 支持 business_card。否则：40008。",
        source: "newer SDKs only",
    },
    Statement {
        assumption: Assumption::WelcomeAgainAfter48Hours,
        id: "welcome_again_after_48_hours",
        en: "A customer who last wrote more than 48 hours ago gets a welcome_code again. Otherwise: who ever wrote gets none.",
        zh: "客户最后发言超过 48 小时后再次进入会再有 welcome_code。否则：发过言的客户不再有。",
        source: "our reading of 94670",
    },
    Statement {
        assumption: Assumption::BadCursorIs40058,
        id: "bad_cursor_is_40058",
        en: "A cursor that is not one of the account is answered with 40058. Otherwise: with 50100.",
        zh: "不属于该账号的 cursor 返回 40058。否则：返回 50100。",
        source: "94670; one source names 50100",
    },
    Statement {
        assumption: Assumption::LastAccountStays,
        id: "last_account_stays",
        en: "The last account cannot be deleted (95005). Otherwise: it can.",
        zh: "最后一个客服账号不能删除（95005）。否则：可以。",
        source: "90313",
    },
    Statement {
        assumption: Assumption::AccountListTakesGet,
        id: "account_list_takes_get",
        en: "account/list takes GET without a body. Otherwise: POST only.",
        zh: "account/list 也接受不带请求体的 GET。否则：只接受 POST。",
        source: "seen in SDKs; not in 94661",
    },
    Statement {
        assumption: Assumption::CallbackNamesAccount,
        id: "callback_names_account",
        en: "The callback has OpenKfId. Otherwise: it is missing, as on servers of 2021 and 2022.",
        zh: "回调带有 OpenKfId。否则：没有（2021、2022 年的服务端如此）。",
        source: "96238; older editions have none",
    },
    Statement {
        assumption: Assumption::SuccessHasErrcode,
        id: "success_has_errcode",
        en: "A reply that says success has errcode 0 and errmsg. Otherwise: it has neither.",
        zh: "成功的回复带有 errcode 0 与 errmsg。否则：两者都没有。",
        source: "all pages; seen to be missing in practice",
    },
    Statement {
        assumption: Assumption::ServicerListTakesPost,
        id: "servicer_list_takes_post",
        en: "servicer/list takes POST, with open_kfid in the body or in the query. Otherwise: GET only.",
        zh: "servicer/list 也接受 POST，open_kfid 在请求体或 query 中。否则：只接受 GET。",
        source: "seen in SDKs; not in 94645",
    },
    Statement {
        assumption: Assumption::ServicersAreLimited,
        id: "servicers_are_limited",
        en: "An account has at most 2,000 members and 20 departments as servicers (95020). Otherwise: any number.",
        zh: "一个客服账号最多有 2000 个成员、20 个部门作为接待人员（95020）。否则：不限。",
        source: "90313, newest list only",
    },
    Statement {
        assumption: Assumption::ImagesHave10Mb,
        id: "images_have_10_mb",
        en: "media/upload takes pictures of at most 10 MB. Otherwise: of at most 2 MB.",
        zh: "media/upload 的图片最大 10 MB。否则：2 MB。",
        source: "90253; older editions and the stand-alone one say 2 MB",
    },
    Statement {
        assumption: Assumption::FilesFitTheirKind,
        id: "files_fit_their_kind",
        en: "A file is refused with 40007 where another kind of file belongs. Otherwise: its kind does not matter.",
        zh: "文件用在其他类型的位置时返回 40007。否则：不检查类型。",
        source: "our reading of 90253",
    },
    Statement {
        assumption: Assumption::MediaRefusalsArePlainText,
        id: "media_refusals_are_plain_text",
        en: "A refusal of media/get has the Content-Type text/plain. Otherwise: application/json.",
        zh: "media/get 出错时 Content-Type 为 text/plain。否则：application/json。",
        source: "seen in practice, both",
    },
    Statement {
        assumption: Assumption::FileNamesAreRaw,
        id: "file_names_are_raw",
        en: "media/get writes file names in raw UTF-8. Otherwise: percent-encoded.",
        zh: "media/get 返回的文件名为原始 UTF-8。否则：百分号编码。",
        source: "seen in practice, both",
    },
    Statement {
        assumption: Assumption::RecallMsgExists,
        id: "recall_msg_exists",
        en: "recall_msg takes back what send_msg sent in the last 2 minutes. Otherwise: 48002.",
        zh: "recall_msg 可以撤回 2 分钟内 send_msg 发送的消息。否则：48002。",
        source: "one SDK and the stand-alone edition",
    },
    Statement {
        assumption: Assumption::SameSceneSameLink,
        id: "same_scene_same_link",
        en: "add_contact_way gives the same link for the same account and scene. Otherwise: a new one each time, and the old ones stay good.",
        zh: "同一账号与场景值，add_contact_way 返回相同的链接。否则：每次都是新链接，旧链接仍然有效。",
        source: "our reading of 94665",
    },
    Statement {
        assumption: Assumption::EnteringIsContact,
        id: "entering_is_contact",
        en: "customer/batchget knows customers who entered in the last 48 hours. Otherwise: only those who wrote.",
        zh: "customer/batchget 可以读取 48 小时内进入过会话的客户。否则：只能读取发过消息的客户。",
        source: "our reading of 95159",
    },
    Statement {
        assumption: Assumption::GroupTakesItsIntents,
        id: "group_takes_its_intents",
        en: "Deleting a group of the knowledge base deletes its intents. Otherwise: they go to the default group.",
        zh: "删除知识库分组时，其中的问答一并删除。否则：移到默认分组。",
        source: "our reading of 95971",
    },
    Statement {
        assumption: Assumption::EmptyCountsAsAbsent,
        id: "empty_counts_as_absent",
        en: "An optional member that is \"\", null, an empty list, or an object without content counts as absent, at every depth; so does an empty media_id of account/add. Only msgid must not be \"\". Otherwise: each is refused with 40058 where the document asks for a value.",
        zh: "可选字段为 \"\"、null、空列表或无内容的对象时视为未传，嵌套字段也一样，account/add 的 media_id 为 \"\" 时也是；仅 msgid 不可为 \"\"。否则：文档要求有值之处返回 40058。",
        source: "silenceper/wechat, PowerWeChat and WxJava send them in production; silenceper/wechat #563 for msgid",
    },
    Statement {
        assumption: Assumption::TokenlessReadsAreLimited,
        id: "tokenless_reads_are_limited",
        en: "More than 10 calls of sync_msg in a minute without a callback's token, or with a wrong one, are refused with 45009 for a minute, over all accounts of the app. Otherwise: any number.",
        zh: "sync_msg 不带回调 token 或 token 有误时，整个应用每分钟超过 10 次即返回 45009，持续一分钟。否则：不限。",
        source: "community 0006e047caca30ab50ec916195b800, an operator; that the app is meant is our reading",
    },
    Statement {
        assumption: Assumption::ReadsAtOnceAreLimited,
        id: "reads_at_once_are_limited",
        en: "More than 5 calls of sync_msg at once are refused with 45033. Otherwise: any number.",
        zh: "同时进行的 sync_msg 超过 5 个即返回 45033。否则：不限。",
        source: "community 000ac64c76061029b501aee3066400",
    },
];

/// Which of them hold: all, but for those that were switched off.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assumptions(BTreeSet<Assumption>);

impl Assumptions {
    pub(crate) fn hold(&self, assumption: Assumption) -> bool {
        !self.0.contains(&assumption)
    }

    pub(crate) fn switch_off(&mut self, assumption: Assumption) {
        self.0.insert(assumption);
    }

    pub(crate) fn switch_on(&mut self, assumption: Assumption) {
        self.0.remove(&assumption);
    }
}

/// The statement with this id.
pub(crate) fn statement(id: &str) -> Option<&'static Statement> {
    STATEMENTS.iter().find(|statement| statement.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_assumption_is_said_once() {
        let said: BTreeSet<_> = STATEMENTS.iter().map(|statement| statement.assumption).collect();
        let ids: BTreeSet<_> = STATEMENTS.iter().map(|statement| statement.id).collect();
        assert_eq!((said.len(), ids.len()), (STATEMENTS.len(), STATEMENTS.len()));
    }
}
