//! Turns answers of Redis that are errors into errors of a store, for the person on call.

use ::redis::{ErrorKind, RedisError, ServerErrorKind};

use super::Redis;
use crate::store::{FORMAT, StoreError};

/// Why a question has no answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: StoreError,
    /// Redis does not let this user in, or does not let it do this. At the start that is a matter of settings; later it
    /// may pass, as when a password is changed.
    is_refusal: bool,
}

impl Failure {
    pub(super) fn of(error: &RedisError, address: &str) -> Self {
        Self { error: explain(error, address), is_refusal: is_refusal(error) }
    }

    /// A client that knows of the cluster follows redirections. One that it could not follow passes.
    pub(super) fn of_cluster(error: &RedisError, address: &str) -> Self {
        if is_redirection(error) {
            let answer = in_words(error);
            let error = StoreError::down(format!("the Redis at {address} is rearranging its slots: {answer}"));
            return Self { error, is_refusal: false };
        }
        Self::of(error, address)
    }

    pub(super) fn silence(address: &str) -> Self {
        let limit = Redis::ANSWER_TIMEOUT.as_secs();
        let error = StoreError::down(format!("no answer of the Redis at {address} within {limit} s"));
        Self { error, is_refusal: false }
    }

    /// What was returned is whole, but no script of ours returns it.
    pub(super) fn nonsense(address: &str) -> Self {
        let error = StoreError::corrupt(format!(
            "the Redis at {address} returned what no script of ours does; the keys with our prefix may be another program's"
        ));
        Self { error, is_refusal: false }
    }

    /// At the start a refusal needs a person.
    pub(super) fn at_start(self) -> StoreError {
        match self.error {
            StoreError::Down(source) if self.is_refusal => StoreError::Settings(source.to_string()),
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
    let answer = in_words(error);
    match error.kind() {
        ErrorKind::Io => StoreError::down(format!("no connection with the Redis at {address}: {error}")),
        // A reply that was cut off, or not one of Redis at all.
        ErrorKind::Parse => StoreError::down(format!("the Redis at {address} broke off its reply, or is none")),
        _ if is_redirection(error) => StoreError::Settings(format!(
            "the Redis at {address} is a node of a cluster; use RedisAddress::cluster (feature redis-cluster), or the \
             address of a proxy"
        )),
        _ if says(error, "WECOMKF format") => StoreError::corrupt(other_format(&answer, address)),
        _ if says(error, "WRONGTYPE") => StoreError::corrupt(format!(
            "the Redis at {address} has keys of another program under our prefix ({answer})"
        )),
        _ => StoreError::down(format!("the Redis at {address} refused: {answer}{}", advice(error))),
    }
}

fn other_format(answer: &str, address: &str) -> String {
    let format = answer.rsplit(' ').next().and_then(|format| format.parse::<u32>().ok()).unwrap_or(0);
    let advice = if format > FORMAT {
        "use the later version that wrote it"
    } else {
        "it is of an unpublished version: begin under another key prefix, with `ColdStart::Since`"
    };
    format!("the inbox in the Redis at {address} has format {format}, and this version knows {FORMAT}; {advice}")
}

fn advice(error: &RedisError) -> &'static str {
    if error.kind() == ErrorKind::AuthenticationFailed || says(error, "NOAUTH") || says(error, "WRONGPASS") {
        "; put the right user and password into its URL"
    } else if says(error, "NOPERM") {
        "; give the user the rights that the documentation of store::Redis lists"
    } else if says(error, "READONLY") {
        "; that is a replica, the address should lead to the primary"
    } else {
        ""
    }
}

/// Whether Redis answered with this code, even through a script, before whose answer older versions put a text.
pub(super) fn says(error: &RedisError, code: &str) -> bool {
    error.code() == Some(code)
        || error.detail().is_some_and(|detail| detail.contains(code))
        || (code.contains(' ') && in_words(error).contains(code))
}

/// What Redis said, without the arguments that it may repeat: passwords, tokens, what customers wrote.
pub(super) fn in_words(error: &RedisError) -> String {
    let words = match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (Some(code), None) => code.to_owned(),
        // Of our own making, see the link.
        (None, _) if error.kind() == ErrorKind::Extension => error.to_string(),
        (None, _) => error.category().to_owned(),
    };
    without_arguments(&words)
}

/// Whether a command was refused because of the user's rights, or because there is no such command here.
pub(super) fn is_forbidden(words: &str) -> bool {
    let of_rights =
        ["NOPERM", "no permissions", "can't run this command", "can't access", "nknown command", "nknown Redis"];
    of_rights.iter().any(|part| words.contains(part))
}

/// Cuts a text of Redis where it begins to repeat arguments.
pub(super) fn without_arguments(words: &str) -> String {
    let end = ["with args", "args beginning"].iter().filter_map(|start| words.find(start)).min();
    words[..end.unwrap_or(words.len())].trim_end_matches([' ', ',']).to_owned()
}
