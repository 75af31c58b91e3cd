//! Lists the names of keys, at one server or at every primary of a cluster.

use std::collections::BTreeSet;

use ::redis::RedisResult;

use super::connect::Server;
use super::error::{forbidden, in_words, is_forbidden};
use super::link::{Link, Live, in_time, is_lost};
use super::scripts::{Question, Script};
use crate::store::StoreError;

/// About how many keys a server looks at in one step. More would block it for too long.
const AT_ONCE: usize = 1000;

impl Link {
    /// Returns the names of all keys that match a pattern. It looks at every key of the server, step by step. `any` is any
    /// key of ours, since some proxies refuse scripts without one.
    pub(super) async fn names(&self, scan: &Script, any: &str, pattern: &str) -> Result<BTreeSet<String>, StoreError> {
        let mut used = None;
        let mut names = self.scan(scan, any, pattern, &mut used).await;
        if names.as_ref().is_err_and(is_lost) && !self.connector().reconnects() {
            // The connection may have been cut long ago, as idle ones are.
            self.forget(used.take());
            names = self.scan(scan, any, pattern, &mut used).await;
        }
        names.map_err(|error| {
            if is_lost(&error) {
                self.forget(used);
            }
            match in_words(&error) {
                why if is_forbidden(&why) => forbidden(self.address(), "SCAN", &why),
                _ => self.failure(&error).error,
            }
        })
    }

    async fn scan(
        &self,
        scan: &Script,
        any: &str,
        pattern: &str,
        used: &mut Option<Live>,
    ) -> RedisResult<BTreeSet<String>> {
        let connection = &mut used.insert(in_time(self.live()).await?).connection;
        let mut names = BTreeSet::new();
        for server in in_time(connection.servers()).await? {
            let mut cursor = 0_u64;
            loop {
                let mut question = Question::new(
                    scan,
                    if matches!(server, Server::OfKeys) { vec![any.to_owned()] } else { Vec::new() },
                );
                question.arg(cursor).arg(pattern).arg(AT_ONCE);
                let answer = in_time(self.run(connection, &question, &server)).await?;
                let (next, found): (u64, Vec<String>) = ::redis::from_redis_value(answer)?;
                names.extend(found);
                if next == 0 {
                    break;
                }
                cursor = next;
            }
        }
        Ok(names)
    }
}
