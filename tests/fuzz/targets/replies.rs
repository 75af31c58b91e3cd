//! The replies of all operations: each decodes or fails with an error, and an errcode is never lost.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use wecom_kf::raw::{ErrCode, Lang, op};

#[path = "../../it/decoders.rs"]
mod decoders;

/// The decoding function that the generated list of decoders refers to.
mod samples {
    use serde::Serialize;
    use serde_json::{Value, json};
    use wecom_kf::raw::{FromJson, Reply, Request};

    /// Decodes a reply, and checks a round trip through JSON. Returns the errcode, or null if the body cannot be decoded.
    pub(crate) fn decode<R: Request<Reply: FromJson + Serialize>>(body: &[u8]) -> Value {
        let reply = match R::Reply::decode(body) {
            Ok(reply) => reply,
            Err(error) => {
                let _ = format!("{error} {error:?}");
                return Value::Null;
            }
        };
        // Not a `Value`: the JSON of a message is kept unchanged, and may contain numbers that no `Value` can represent.
        let written = serde_json::to_string(&reply).expect("a reply is valid JSON");
        let again = R::Reply::decode(written.as_bytes()).expect("a reply is read from what it was written as");
        assert_eq!((again.errcode(), again.errmsg()), (reply.errcode(), reply.errmsg()));
        let written_again = serde_json::to_string(&again).expect("a reply is valid JSON");
        // serde_json may read the last digit of a fraction differently.
        assert!(
            written_again == written || has_fraction(&written),
            "{}: {written} {written_again}",
            std::any::type_name::<R>()
        );
        json!(reply.errcode())
    }

    fn has_fraction(json: &str) -> bool {
        fn is_in(value: &Value) -> bool {
            match value {
                Value::Number(number) => number.is_f64(),
                Value::Array(values) => values.iter().any(is_in),
                Value::Object(members) => members.values().any(is_in),
                _ => false,
            }
        }
        serde_json::from_str(json).is_ok_and(|value| is_in(&value))
    }
}

fuzz_target!(|data: &[u8]| {
    // The smallest reply has only errcode and errmsg.
    let plain = decoded(op::ACCOUNT_DEL, data);
    let refusal = plain.as_i64().filter(|errcode| *errcode != 0);
    for operation in op::ALL.into_iter().filter(|operation| *operation != op::MEDIA_GET) {
        let reply = decoded(operation, data);
        if let Some(errcode) = refusal {
            assert_eq!(reply, errcode, "{} lost the errcode", operation.id);
            show(ErrCode::from(errcode), operation.id);
        }
    }
});

fn decoded(operation: wecom_kf::raw::Operation, body: &[u8]) -> Value {
    let decode = decoders::decoder(operation).expect("every operation but media_get has a JSON reply");
    decode(body)
}

fn show(code: ErrCode, operation: &str) {
    let _ = (code.name(), code.class_at(operation), format!("{code} {code:?}"));
    let _ = (code.meaning_at(operation, Lang::Zh), code.remedy_at(operation, Lang::En));
}
