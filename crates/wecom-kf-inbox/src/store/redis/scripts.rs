//! The scripts that Redis runs, each in one step.

use ::redis::{Cmd, ToRedisArgs};

use crate::store::FORMAT;

/// All scripts.
pub(super) struct Scripts {
    pub(super) check: Script,
    pub(super) acquire: Script,
    pub(super) renew: Script,
    pub(super) release: Script,
    pub(super) scan: Script,
    pub(super) lease_of: Script,
    pub(super) load: Script,
    pub(super) commit: Script,
    pub(super) parked: Script,
    pub(super) drop_parked: Script,
    pub(super) wish_replays: Script,
    pub(super) conversations: Script,
    pub(super) forget_customer: Script,
    pub(super) turn: Script,
    pub(super) finish: Script,
    pub(super) wake: Script,
    pub(super) last_wake: Script,
    pub(super) meet: Script,
    pub(super) leave: Script,
    pub(super) reserve_read: Script,
}

/// The text of a script, and the hash by which a server that has seen the script remembers it.
pub(super) struct Script {
    text: &'static str,
    hash: String,
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, hash: ::redis::Script::new(text).get_hash().to_owned() }
    }
}

/// Makes a script from files: first the functions that it uses, then the script itself.
macro_rules! script {
    ($($file:literal),+) => { Script::new(concat!($(include_str!($file)),+)) };
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            check: script!("try.lua", "check.lua"),
            acquire: script!("inbox.lua", "try.lua", "acquire.lua"),
            renew: script!("inbox.lua", "renew.lua"),
            release: script!("inbox.lua", "release.lua"),
            scan: script!("scan.lua"),
            lease_of: script!("inbox.lua", "lease_of.lua"),
            load: script!("inbox.lua", "load.lua"),
            commit: script!("inbox.lua", "try.lua", "commit.lua"),
            parked: script!("inbox.lua", "parked.lua"),
            drop_parked: script!("inbox.lua", "try.lua", "drop_parked.lua"),
            wish_replays: script!("inbox.lua", "try.lua", "wish_replays.lua"),
            conversations: script!("inbox.lua", "conversations.lua"),
            forget_customer: script!("inbox.lua", "try.lua", "forget_customer.lua"),
            turn: script!("try.lua", "turn.lua"),
            finish: script!("try.lua", "finish.lua"),
            wake: script!("wake.lua"),
            last_wake: script!("last_wake.lua"),
            meet: script!("meet.lua"),
            leave: script!("leave.lua"),
            reserve_read: script!("reserve_read.lua"),
        }
    }
}

/// A script with its keys and arguments. Every question may be repeated if its answer was lost.
pub(super) struct Question<'a> {
    script: &'a Script,
    keys: Vec<String>,
    args: Vec<Vec<u8>>,
}

impl<'a> Question<'a> {
    /// Asks about keys that share a hash tag.
    pub(super) fn new(script: &'a Script, keys: Vec<String>) -> Self {
        Self { script, keys, args: Vec::new() }
    }

    /// Asks about an inbox. Scripts about inboxes take the format as their first argument.
    pub(super) fn about_inbox(script: &'a Script, keys: Vec<String>) -> Self {
        let mut question = Self::new(script, keys);
        question.arg(FORMAT);
        question
    }

    pub(super) fn arg(&mut self, arg: impl ToRedisArgs) -> &mut Self {
        arg.write_redis_args(&mut self.args);
        self
    }

    /// Returns one of the keys of the question.
    pub(super) fn key(&self) -> &str {
        self.keys.first().map_or("", String::as_str)
    }

    /// Runs the script that the server remembers.
    pub(super) fn by_hash(&self) -> Cmd {
        self.command("EVALSHA", &self.script.hash)
    }

    /// Sends the script, which the server remembers from then on.
    pub(super) fn by_text(&self) -> Cmd {
        self.command("EVAL", self.script.text)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = ::redis::cmd(name);
        command.arg(script).arg(self.keys.len()).arg(&self.keys).arg(&self.args);
        command
    }
}
