//! What an export of the state writes in another form than the state has: files as base64, assumptions by their ids.

/// Files as base64.
pub(crate) mod bytes {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(crate) fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Bytes::from).map_err(|_| D::Error::custom("a file is not base64"))
    }
}

/// The ids of the assumptions that are switched off.
pub(crate) mod assumptions {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    use crate::lists::{Assumption, RULES, rule_named};
    use crate::platform::assumptions::Assumptions;

    pub(crate) fn serialize<S: Serializer>(assumptions: &Assumptions, serializer: S) -> Result<S::Ok, S::Error> {
        let is_off = |switch: Assumption| !assumptions.hold(switch);
        let switched_off = RULES.iter().filter(|row| row.switch.is_some_and(|(switch, _)| is_off(switch)));
        serializer.collect_seq(switched_off.map(|row| row.id))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Assumptions, D::Error> {
        let mut assumptions = Assumptions::default();
        for id in Vec::<String>::deserialize(deserializer)? {
            let switch = rule_named(&id).and_then(|row| row.switch);
            let (assumption, _) = switch.ok_or_else(|| D::Error::custom(format!("there is no assumption `{id}`")))?;
            assumptions.switch_off(assumption);
        }
        Ok(assumptions)
    }
}
