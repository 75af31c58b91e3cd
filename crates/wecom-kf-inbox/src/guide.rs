//! A guide, from the first bot to the person on call. In Chinese: [`zh`].
//!
//! - [`first_bot`]: set-up, a handler with state, welcome messages, handing over to people
//! - [`conversations`]: a state for each customer, several messages in a row, transcripts for language models
//! - [`production`]: callbacks, stores, slow work, stopping, several processes, health, what to watch
//! - [`testing`]: tests on the simulator
//! - [`on_call`]: what to look at when a bot stops answering

#[doc = include_str!("../docs/guide/first-bot.md")]
pub mod first_bot {}

#[doc = include_str!("../docs/guide/conversations.md")]
pub mod conversations {}

#[doc = include_str!("../docs/guide/production.md")]
pub mod production {}

#[doc = include_str!("../docs/guide/testing.md")]
pub mod testing {}

#[doc = include_str!("../docs/guide/on-call.md")]
pub mod on_call {}

/// 中文指南：从第一个机器人到值班。
///
/// - [`first_bot`](zh::first_bot)：设置、带状态的处理函数、欢迎语、转人工
/// - [`conversations`](zh::conversations)：为每位客户保存状态、连发的几条消息、给大模型的对话记录
/// - [`production`](zh::production)：回调、存储、耗时的处理、停止、多个进程、健康检查、监控
/// - [`testing`](zh::testing)：用模拟器测试
/// - [`on_call`](zh::on_call)：机器人不回话时看哪里
pub mod zh {
    #[doc = include_str!("../docs/guide/zh/first-bot.md")]
    pub mod first_bot {}

    #[doc = include_str!("../docs/guide/zh/conversations.md")]
    pub mod conversations {}

    #[doc = include_str!("../docs/guide/zh/production.md")]
    pub mod production {}

    #[doc = include_str!("../docs/guide/zh/testing.md")]
    pub mod testing {}

    #[doc = include_str!("../docs/guide/zh/on-call.md")]
    pub mod on_call {}
}

#[cfg(test)]
mod tests {
    const CHAPTERS: [(&str, &str); 5] = [
        (include_str!("../docs/guide/first-bot.md"), include_str!("../docs/guide/zh/first-bot.md")),
        (include_str!("../docs/guide/conversations.md"), include_str!("../docs/guide/zh/conversations.md")),
        (include_str!("../docs/guide/production.md"), include_str!("../docs/guide/zh/production.md")),
        (include_str!("../docs/guide/testing.md"), include_str!("../docs/guide/zh/testing.md")),
        (include_str!("../docs/guide/on-call.md"), include_str!("../docs/guide/zh/on-call.md")),
    ];

    fn code(chapter: &str) -> Vec<&str> {
        chapter.split("```").skip(1).step_by(2).filter(|block| block.starts_with("rust")).collect()
    }

    #[test]
    fn both_languages_show_the_same_code() {
        for (english, chinese) in CHAPTERS {
            assert!(!code(english).is_empty());
            assert_eq!(code(english), code(chinese));
        }
    }
}
