//! Lists of the simulator that codegen refuses. Each row has an edit, and the place and remedy that the refusal must name.

use super::{ASSUMPTIONS, FAULTS, FINDINGS, try_list};
use crate::tests::read;

fn assert_refused(path: &'static str, cases: &[(&str, &str, &str)]) {
    let text = read(path);
    for (from, to, expected) in cases {
        assert!(text.contains(from), "{path} has no {from:?}");
        let error = match try_list(path, &text.replacen(from, to, 1)) {
            Ok(()) => panic!("{to:?} in the place of {from:?} was accepted"),
            Err(error) => format!("{error:#}"),
        };
        assert!(error.contains(path), "{to:?}: the refusal does not name {path}:\n{error}");
        assert!(error.contains(expected), "{to:?}: the refusal does not say {expected:?}:\n{error}");
    }
}

#[test]
fn findings() {
    assert_refused(
        FINDINGS,
        &[
            ("findings:\n", "finds:\n", "finds: is not read; the lists are findings"),
            ("findings:\n", "findings: none\nx:\n", "findings: must be a list of rows; add it"),
            ("- id: cursor_lost", "- name: cursor_lost", "findings[1]: has no id; write one of words"),
            ("- id: cursor_lost", "- id: Cursor-Lost", "findings.Cursor-Lost: is not an id; write it with a-z"),
            (
                "- id: cursor_lost",
                "- id: has_more_ignored",
                "findings.has_more_ignored: is listed twice; choose another id",
            ),
            (
                "status: documented",
                "status: sure",
                "findings.has_more_ignored: unknown variant `sure`, expected one of",
            ),
            (
                "    status: documented\n",
                "",
                "findings.has_more_ignored: missing field `status`; compare it with the other rows",
            ),
            ("source: [94670]", "source: []", "findings.has_more_ignored.source: is empty; name the source"),
            (
                "source: [94670]",
                "source: [9467]",
                "findings.has_more_ignored.source: 9467 is not the number of an official page",
            ),
            (
                "zh: 忽略了 has_more",
                "zh: has_more",
                "findings.has_more_ignored.title.zh: has no Chinese in it; translate",
            ),
            (
                "en: has_more was ignored",
                "en: \"\"",
                "findings.has_more_ignored.title.en: is empty; write it in both languages",
            ),
            ("en: The cursor was lost", "en: 丢失", "findings.cursor_lost.title.en: has Chinese in it; translate"),
            (
                "{seconds} 秒才过期",
                "很久才过期",
                "token_still_valid.zh: must have the parameters of the English text: seconds",
            ),
            (
                "another {seconds} s",
                "another {0} s",
                "token_still_valid.en: has a brace that is not part of a parameter",
            ),
            (
                "      read_without_cursor:",
                "      next_page_not_read:",
                "cursor_lost.proofs.next_page_not_read: is not a name of its own",
            ),
        ],
    );
}

#[test]
fn faults() {
    assert_refused(
        FAULTS,
        &[
            (
                "    on: calls\n",
                "    on: everything\n",
                "faults.errcode: unknown variant `everything`, expected one of",
            ),
            ("- id: half_a_body\n    on", "- id: html\n    on", "faults.html: is listed twice; choose another id"),
            (
                "[send_msg, ",
                "[send_message, ",
                "faults.msg_send_fail.operations: names send_message, which spec/wecom-kf.yaml",
            ),
            (
                "id: lost\n",
                "id: lost\n    reply_lost: true\n",
                "faults.lost: is not for calls only, so drop `reply_lost`",
            ),
            (
                "member: status,",
                "member: times,",
                "faults.status.value: cannot have the member \"times\"; choose another name",
            ),
            (
                "member: body, type: text",
                "member: errcode, type: text",
                "faults.body.value: gives errcode another type than",
            ),
            (
                "type: text, example",
                "type: text, max: 1s, example",
                "faults.body.value: has a `max`, which only durations have",
            ),
            ("default: 60s", "default: an hour", "faults.rate_limited.value.default: \"an hour\" is not a duration"),
            (
                "example: \"503\"",
                "example: \"99\"",
                "faults.status.value.example: \"99\" is not a status from 200 to 999",
            ),
            (
                "zh: 处理前断开连接 }",
                "zh: \"\" }",
                "faults.reset_before.title.zh: is empty; write it in both languages",
            ),
            ("effect: html", "effect: htm", "switches.html.fault: has the effect \"htm\"; name one of `faults`"),
            (
                "effect: lost, times",
                "effect: lost, delay: 5s, times",
                "switches.callback_lost.fault.delay: is no member of the",
            ),
        ],
    );
}

#[test]
fn assumptions() {
    assert_refused(
        ASSUMPTIONS,
        &[
            ("assumptions:\n", "beliefs:\n", "beliefs: is not read; the lists are areas, assumptions"),
            ("area: sending", "area: sendings", "area: is \"sendings\"; use one of tokens, accounts,"),
            (
                "areas:\n",
                "areas:\n  - { id: x, title: { en: X, zh: 未知 } }\n",
                "areas.x: has no assumption; drop the area",
            ),
            ("- id: window_of_48_hours", "- id: 48_hours", "assumptions.48_hours: is not an id; write it with a-z"),
            (
                "- id: window_of_48_hours",
                "- id: five_messages_per_turn",
                "assumptions.five_messages_per_turn: is listed twice",
            ),
            ("status: documented\n", "status: verified\n", "unknown variant `verified`, expected one of `documented`"),
            ("    source: [94677]\n", "", "missing field `source`; compare it with the other rows"),
            (
                "      zh: 返回 95018。\n",
                "      zh: \"95018\"\n",
                ".otherwise.zh: has no Chinese in it; translate the English",
            ),
        ],
    );
}
