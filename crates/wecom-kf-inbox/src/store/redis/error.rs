//! Turns error answers of Redis into errors of a store, for the person on call.

use std::error::Error;
use std::io;
use std::sync::Arc;

use ::redis::{ErrorKind, RedisError, ServerErrorKind};

use wecom_kf::{Bilingual, Lang};

use super::Redis;
use crate::store::{FORMAT, StoreError};

/// A failed question to Redis.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: StoreError,
    /// Whether Redis refuses the login or a command. At the start that is a matter of settings. Later it may pass, as
    /// when a password is changed.
    is_refusal: bool,
}

impl Failure {
    pub(super) fn of(error: &RedisError, address: &str) -> Self {
        Self { error: explain(error, address), is_refusal: is_refusal(error) }
    }

    /// The client of a cluster follows redirections. If it could not follow one, that may pass.
    pub(super) fn of_cluster(error: &RedisError, address: &str) -> Self {
        if is_redirection(error) {
            let answer = in_words(error);
            let error = StoreError::down(Bilingual::new(
                format!("the Redis at {address} is rearranging its slots: {answer}"),
                format!("Redis（{address}）正在重新分配槽位"),
            ));
            return Self { error, is_refusal: false };
        }
        Self::of(error, address)
    }

    pub(super) fn silence(address: &str) -> Self {
        let limit = Redis::ANSWER_TIMEOUT.as_secs();
        let error = StoreError::down(Bilingual::new(
            format!("no answer of the Redis at {address} within {limit} s"),
            format!("Redis（{address}）在 {limit} 秒内没有应答"),
        ));
        Self { error, is_refusal: false }
    }

    /// The answer is complete, but none of our scripts returns it.
    pub(super) fn nonsense(address: &str) -> Self {
        let error = StoreError::corrupt(Bilingual::new(
            format!(
                "the Redis at {address} returned what no script of ours does; the keys with our prefix may be another program's"
            ),
            format!("Redis（{address}）返回的内容不是本程序的脚本会返回的；带有本前缀的键可能属于其他程序"),
        ));
        Self { error, is_refusal: false }
    }

    /// Returns the error at the start, when a refusal needs a person.
    pub(super) fn at_start(self) -> StoreError {
        match self.error {
            StoreError::Down(source) if self.is_refusal => {
                let why = source.downcast_ref::<Bilingual>().cloned();
                StoreError::Settings(why.unwrap_or_else(|| Bilingual::new(source.to_string(), "Redis 拒绝了请求")))
            }
            error => error,
        }
    }
}

fn is_refusal(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed
        || ["NOAUTH", "WRONGPASS", "NOPERM"].iter().any(|code| says(error, code))
}

fn is_redirection(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask))
}

fn explain(error: &RedisError, address: &str) -> StoreError {
    let (answer, code) = (in_words(error), code_in_chinese(error));
    match error.kind() {
        ErrorKind::Io => {
            let why = io_cause(error).map(Bilingual::io);
            let why = why.as_ref().map_or("连接失败", |why| why.in_lang(Lang::Zh));
            StoreError::down(Bilingual::new(
                format!("no connection with the Redis at {address}: {error}"),
                format!("无法连接 Redis（{address}）：{why}"),
            ))
        }
        // The reply was cut off, or does not come from a Redis.
        ErrorKind::Parse => StoreError::down(Bilingual::new(
            format!("the Redis at {address} broke off its reply, or is none"),
            format!("{address} 的应答中断，或者它不是 Redis"),
        )),
        _ if is_redirection(error) => StoreError::Settings(Bilingual::new(
            format!(
                "the Redis at {address} is a node of a cluster; use RedisAddress::cluster (feature redis-cluster), or the \
                 address of a proxy"
            ),
            format!(
                "Redis（{address}）是集群的节点；请使用 RedisAddress::cluster（启用 redis-cluster），或改用代理的地址"
            ),
        )),
        _ if says(error, "WECOMKF format") => StoreError::corrupt(other_format(&answer, address)),
        _ if says(error, "WRONGTYPE") => StoreError::corrupt(Bilingual::new(
            format!("the Redis at {address} has keys of another program under our prefix ({answer})"),
            format!("Redis（{address}）中带有本前缀的键属于其他程序{code}"),
        )),
        _ => {
            let advice = advice(error);
            StoreError::down(Bilingual::new(
                format!("the Redis at {address} refused: {answer}{}", advice.in_lang(Lang::En)),
                format!("Redis（{address}）拒绝了请求{code}{}", advice.in_lang(Lang::Zh)),
            ))
        }
    }
}

fn io_cause(error: &RedisError) -> Option<&io::Error> {
    let cause: &Arc<dyn Error + Send + Sync> = error.source()?.downcast_ref()?;
    cause.downcast_ref()
}

/// Returns the code of an error, such as NOPERM, in parentheses. The other words of Redis are English, so a Chinese
/// text leaves them out.
fn code_in_chinese(error: &RedisError) -> String {
    let words = in_words(error);
    let code = words.split(' ').next().unwrap_or_default();
    let is_code = !code.is_empty() && code.bytes().all(|letter| letter.is_ascii_uppercase());
    if is_code { format!("（{code}）") } else { String::new() }
}

fn other_format(answer: &str, address: &str) -> Bilingual {
    let format = answer.rsplit(' ').next().and_then(|format| format.parse::<u32>().ok()).unwrap_or(0);
    let advice = if format > FORMAT {
        Bilingual::fixed("use the later version that wrote it", "请使用写入它的更新版本")
    } else {
        Bilingual::fixed(
            "it is of an unpublished version: begin under another key prefix, with `ColdStart::Since`",
            "它来自未发布的版本：请换一个键前缀，用 `ColdStart::Since` 重新开始",
        )
    };
    let (en, zh) = (advice.in_lang(Lang::En), advice.in_lang(Lang::Zh));
    Bilingual::new(
        format!("the inbox in the Redis at {address} has format {format}, and this version knows {FORMAT}; {en}"),
        format!("Redis（{address}）中收件箱的格式为 {format}，本版本只支持 {FORMAT}；{zh}"),
    )
}

fn advice(error: &RedisError) -> Bilingual {
    if error.kind() == ErrorKind::AuthenticationFailed || says(error, "NOAUTH") || says(error, "WRONGPASS") {
        Bilingual::fixed("; put the right user and password into its URL", "；请在其 URL 中填写正确的用户名和密码")
    } else if says(error, "NOPERM") {
        Bilingual::fixed(
            "; give the user the rights that the documentation of store::Redis lists",
            "；请授予该用户 store::Redis 的文档所列的权限",
        )
    } else if says(error, "READONLY") {
        Bilingual::fixed(
            "; that is a replica, the address should lead to the primary",
            "；这是从节点，地址应指向主节点",
        )
    } else {
        Bilingual::fixed("", "")
    }
}

/// Returns whether Redis answered with this code. In the answer of a script, older versions put other text before it.
pub(super) fn says(error: &RedisError, code: &str) -> bool {
    error.code() == Some(code)
        || error.detail().is_some_and(|detail| detail.contains(code))
        || (code.contains(' ') && in_words(error).contains(code))
}

/// Returns the message of Redis without the arguments that it may repeat, such as passwords, tokens, or what customers
/// wrote.
pub(super) fn in_words(error: &RedisError) -> String {
    let words = match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (Some(code), None) => code.to_owned(),
        // Errors of this kind are made by `link.rs`.
        (None, _) if error.kind() == ErrorKind::Extension => error.to_string(),
        (None, _) => error.category().to_owned(),
    };
    without_arguments(&words)
}

/// Returns whether a command was refused because of the user's rights, or because the server does not know it.
pub(super) fn is_forbidden(words: &str) -> bool {
    let of_rights =
        ["NOPERM", "no permissions", "can't run this command", "can't access", "nknown command", "nknown Redis"];
    of_rights.iter().any(|part| words.contains(part))
}

/// Returns the error for commands that this user may not run.
pub(super) fn forbidden(address: &str, commands: &str, why: &str) -> StoreError {
    StoreError::Settings(Bilingual::new(
        format!(
            "the Redis at {address} refuses {commands}: {why}; let this user run these commands on the keys of the store"
        ),
        format!("Redis（{address}）拒绝执行 {commands}；请允许该用户对存储的键执行这些命令"),
    ))
}

/// Cuts a text of Redis where it begins to repeat arguments.
pub(super) fn without_arguments(words: &str) -> String {
    let end = ["with args", "args beginning"].iter().filter_map(|start| words.find(start)).min();
    words[..end.unwrap_or(words.len())].trim_end_matches([' ', ',']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Report;
    use crate::store::error::tests::assert_chinese;

    fn server(code: &str, detail: &str) -> RedisError {
        let reply = format!("-{code} {detail}\r\n");
        ::redis::parse_redis_value(reply.as_bytes()).unwrap().extract_error().unwrap_err()
    }

    #[test]
    fn whatever_redis_answers_is_told_wholly_in_chinese() {
        let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "Connection refused (os error 111)");
        let mut errors = vec![
            RedisError::from(refused()),
            RedisError::from((ErrorKind::Io, "failed to lookup address information")),
            RedisError::from((ErrorKind::Parse, "invalid")),
            RedisError::from((ErrorKind::AuthenticationFailed, "Password authentication failed")),
            RedisError::from((ErrorKind::Extension, "the commit is not on enough replicas", "0 of 1".to_owned())),
            RedisError::from((ErrorKind::InvalidClientConfig, "no such config")),
        ];
        errors.extend(
            [
                ("NOAUTH", "Authentication required."),
                ("WRONGPASS", "invalid username-password pair or user is disabled."),
                ("NOPERM", "User bot has no permissions to run the 'evalsha' command"),
                ("READONLY", "You can't write against a read only replica."),
                ("WRONGTYPE", "Operation against a key holding the wrong kind of value"),
                ("MOVED", "1234 10.0.0.7:6379"),
                ("OOM", "command not allowed when used memory > 'maxmemory'."),
                ("ERR", "WECOMKF format 99"),
                ("ERR", "WECOMKF format 1"),
                ("LOADING", "Redis is loading the dataset in memory"),
                ("ERR", "unknown command 'EVAL', with args beginning with: canary"),
            ]
            .map(|(code, detail)| server(code, detail)),
        );
        for error in &errors {
            assert_chinese(&Failure::of(error, "10.0.0.7:6379").error);
            assert_chinese(&Failure::of(error, "10.0.0.7:6379").at_start());
            assert_chinese(&Failure::of_cluster(error, "10.0.0.7:6379 (Redis Cluster)").error.clone());
        }
        assert_chinese(&Failure::silence("10.0.0.7:6379").error);
        assert_chinese(&Failure::nonsense("10.0.0.7:6379").error);
        let text = Report::line(&Failure::of(&RedisError::from(refused()), "10.0.0.7:6379").error, Lang::Zh);
        assert!(text.contains("无法连接 Redis（10.0.0.7:6379）：连接被拒绝"), "{text}");
        let text = Failure::of(&server("NOPERM", "no"), "r").at_start().in_lang(Lang::Zh);
        assert!(text.contains("（NOPERM）；请授予该用户"), "{text}");
    }
}
