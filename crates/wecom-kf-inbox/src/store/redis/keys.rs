//! The names of keys and channels.

use crate::store::{InboxKey, TokenKey};

/// The default prefix of all keys and channels.
pub(super) const PREFIX: &str = "wecom-kf:";

/// The keys of an inbox, in the order in which scripts expect them.
const OF_AN_INBOX: [&str; 12] = [
    "lease",
    "state",
    "settled",
    "parked",
    "parked_order",
    "parked_until",
    "wished",
    "conversations",
    "customers",
    "customers_until",
    "try_hash",
    "try_sorted",
];

const WAKE: &str = "wake";

/// How the name of the key with the state of an inbox ends.
const OF_STATE: &str = "}:state";

/// Makes the names of keys and channels.
///
/// A cluster places a key by the text in its braces, the hash tag. So a script finds all keys of an inbox on one node.
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: String) -> Self {
        Self { prefix }
    }

    pub(super) fn of_inbox(&self, key: &InboxKey) -> Vec<String> {
        let tag = tag(key);
        OF_AN_INBOX.iter().map(|what| format!("{}{{{tag}}}:{what}", self.prefix)).collect()
    }

    /// Returns the pattern, as `SCAN` understands it, of the keys that hold the states of inboxes.
    pub(super) fn pattern_of_states(&self) -> String {
        let mut pattern = String::new();
        for char in self.prefix.chars() {
            if r"*?[]^\".contains(char) {
                pattern.push('\\');
            }
            pattern.push(char);
        }
        pattern + "{*" + OF_STATE
    }

    /// Returns the inbox whose state this key holds.
    pub(super) fn inbox_of_state(&self, name: &str) -> Option<InboxKey> {
        let tag = name.strip_prefix(&self.prefix)?.strip_prefix('{')?.strip_suffix(OF_STATE)?;
        tag.replace("%7B", "{").replace("%7D", "}").replace("%25", "%").parse().ok()
    }

    /// Returns the key of the last callback of an inbox.
    pub(super) fn of_wake(&self, key: &InboxKey) -> Vec<String> {
        vec![format!("{}{{{}}}:{WAKE}", self.prefix, tag(key))]
    }

    pub(super) fn of_fleet(&self, fleet: &str) -> Vec<String> {
        let tag = tag(&InboxKey::of_fleet(fleet));
        ["members", "reads"].iter().map(|what| format!("{}{{{tag}}}:{what}", self.prefix)).collect()
    }

    pub(super) fn of_token(&self, key: &TokenKey) -> Vec<String> {
        ["token", "try_hash", "try_sorted"]
            .iter()
            .map(|what| format!("{}{{{}}}:{what}", self.prefix, key.as_str()))
            .collect()
    }

    /// Returns the channel on which changes of an inbox are published.
    pub(super) fn channel(&self, key: &InboxKey) -> String {
        format!("{}{{{}}}:changes", self.prefix, tag(key))
    }

    /// Returns keys for trying commands. They are spread over the nodes of a cluster.
    pub(super) fn to_try(&self) -> impl Iterator<Item = Vec<String>> + '_ {
        let key = |number, kind| format!("{}{{try {number}}}:{kind}", self.prefix);
        (0..16).map(move |number| vec![key(number, "try_hash"), key(number, "try_sorted")])
    }

    pub(super) fn channel_to_try(&self) -> String {
        format!("{}try", self.prefix)
    }
}

/// Returns the hash tag of an inbox. Braces in the key are replaced, since they would end the tag too early. No two
/// keys have the same tag.
fn tag(key: &InboxKey) -> String {
    key.to_string().replace('%', "%25").replace('{', "%7B").replace('}', "%7D")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_an_inbox_share_a_hash_tag() {
        let keys = Keys::new(PREFIX.to_owned());
        let key = InboxKey::new("http://127.0.0.1:9500/ww1", "wk1".into());
        assert_eq!(keys.of_inbox(&key)[0], "wecom-kf:{http://127.0.0.1:9500/ww1/wk1}:lease");
        let odd = InboxKey::new("}a{%7D", "wk}".into());
        assert_eq!(keys.of_inbox(&odd)[1], "wecom-kf:{%7Da%7B%257D/wk%7D}:state");
    }

    #[test]
    fn an_inbox_is_recognized_by_the_key_of_its_state() {
        let keys = Keys::new("a*[b]?\\:".to_owned());
        assert_eq!(keys.pattern_of_states(), r"a\*\[b\]\?\\:{*}:state");
        for inbox in [InboxKey::new("http://127.0.0.1:9500/ww1", "wk1".into()), InboxKey::new("}a{%7D", "wk}".into())] {
            assert_eq!(keys.inbox_of_state(&keys.of_inbox(&inbox)[1]), Some(inbox));
        }
        for other in ["a*[b]?\\:{ww1/wk1}:lease", "b:{ww1/wk1}:state", "a*[b]?\\:c:{ww1/wk1}:state"] {
            assert_eq!(keys.inbox_of_state(other), None, "{other}");
        }
    }
}
