//! Repeated requests are detected, and old ones are refused.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wecom_kf_callback::{Event, Query, Reason, Replays, Sealed};

use crate::{NONCE, TIMESTAMP, callback, query_of, reason};

const XML: &str = "<xml><MsgType>event</MsgType></xml>";
const SENT: u64 = 1_718_000_001;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn sealed(timestamp: u64, random: u8) -> Sealed {
    callback().seal(XML, &timestamp.to_string(), NONCE, [random; 16])
}

fn once(replays: &Replays, sealed: &Sealed, now: u64) -> Result<Option<Event>, wecom_kf_callback::Error> {
    callback().event_once(&Query::parse(&sealed.query).unwrap(), sealed.body.as_bytes(), replays, at(now))
}

#[test]
fn only_repeats_are_detected() {
    let replays = Replays::default();
    assert!(once(&replays, &sealed(SENT, 1), SENT).unwrap().is_some());
    for now in [SENT, SENT + 1, SENT + 600, SENT - 600] {
        assert_eq!(once(&replays, &sealed(SENT, 1), now).unwrap(), None, "{now}");
    }
    // The same text, sealed with other random bytes.
    assert!(once(&replays, &sealed(SENT, 2), SENT).unwrap().is_some());
    assert_eq!(replays.len(), 2);
}

#[test]
fn a_request_outside_the_window_is_refused() {
    let replays = Replays::default();
    for (now, seconds) in [(SENT + 601, 601), (SENT - 601, 601), (SENT + 86_400, 86_400), (0, SENT)] {
        let refused = reason(once(&replays, &sealed(SENT, 1), now));
        assert!(matches!(refused, Reason::OutsideTimeWindow { seconds: s, .. } if s == seconds), "{refused}");
    }
    assert!(replays.is_empty(), "what was refused is remembered");
    let refused = reason(once(&replays, &sealed(SENT, 1), SENT + 601));
    assert_eq!(refused.to_string(), "timestamp is 601 s away from the time of this machine");
}

#[test]
fn forged_requests_are_not_remembered() {
    let replays = Replays::default();
    let sealed = sealed(SENT, 1);
    let query = query_of(&"0".repeat(40), TIMESTAMP, NONCE).unwrap();
    let refused = reason(callback().event_once(&query, sealed.body.as_bytes(), &replays, at(SENT + 9999)));
    assert!(matches!(refused, Reason::SignatureDiffers { .. }), "{refused}");
    assert!(replays.is_empty());
}

/// Tries all pairs of timestamp and nonce for which the signature is valid.
#[test]
fn other_pairs_with_the_same_signature_are_repeats() {
    let sealed = sealed(SENT, 1);
    let signature = sealed.query.split(['=', '&']).nth(1).unwrap();
    let replays = Replays::default();
    assert!(once(&replays, &sealed, SENT).unwrap().is_some());
    let digits = format!("{TIMESTAMP}{NONCE}");
    let (mut pairs, mut fit) = (0, Vec::new());
    for split in 1..digits.len() {
        let (head, tail) = digits.split_at(split);
        for (timestamp, nonce) in [(head, tail), (tail, head)] {
            let raw = format!("msg_signature={signature}&timestamp={timestamp}&nonce={nonce}");
            pairs += 1;
            let Ok(query) = Query::parse(&raw) else { continue };
            let body = sealed.body.as_bytes();
            if callback().decrypt(&query, body).is_ok() {
                fit.push(timestamp.to_owned());
                let now = at(timestamp.parse().unwrap());
                assert_eq!(callback().event_once(&query, body, &replays, now).unwrap(), None, "{timestamp}");
            }
        }
    }
    assert_eq!(pairs, 38);
    assert_eq!(fit, [TIMESTAMP, NONCE], "ten digits leave the pair itself and one other");
}

#[test]
fn a_request_that_was_forgotten_counts_as_the_first() {
    let replays = Replays::default();
    let [one, other] = [sealed(SENT, 1), sealed(SENT, 2)];
    assert!(once(&replays, &one, SENT).unwrap().is_some());
    replays.forget(other.body.as_bytes());
    replays.forget(b"no body");
    assert_eq!(once(&replays, &one, SENT).unwrap(), None);
    replays.forget(one.body.as_bytes());
    assert!(once(&replays, &one, SENT).unwrap().is_some());
}

#[test]
fn memory_is_bounded_and_the_oldest_makes_room() {
    let replays = Replays::new(Duration::from_secs(60), 3);
    for random in 0..10 {
        assert!(once(&replays, &sealed(SENT, random), SENT).unwrap().is_some());
        assert!(replays.len() <= 3);
    }
    for random in [7, 8, 9] {
        assert_eq!(once(&replays, &sealed(SENT, random), SENT).unwrap(), None, "{random}");
    }
    assert!(once(&replays, &sealed(SENT, 0), SENT).unwrap().is_some());
    assert_eq!(format!("{replays:?}"), "Replays { window: 60s, len: 3, .. }");
}
