//! Runs the examples as people do: in processes of their own.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;
use std::process::Command;

/// Runs an example, and returns what it printed.
fn run(example: &str) -> String {
    // Cargo puts the examples of a package beside its tests.
    let test = std::env::current_exe().unwrap();
    let target: PathBuf = test.ancestors().nth(2).unwrap().into();
    let program = target.join("examples").join(format!("{example}{}", std::env::consts::EXE_SUFFIX));
    let output = Command::new(program).env("NO_PROXY", "127.0.0.1").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{said}\n{errors}");
    assert!(!said.contains("你好"), "what customers write is not shown: {said}");
    said
}

#[test]
fn observed_bot_answers_prometheus_and_kubernetes() {
    let said = run("observed_bot");
    for expected in [
        "GET /health/ready\n503 Service Unavailable\n{\"alive\":true,\"ready\":false,\"reasons\":[{\"kind\":\"not_started\"",
        "GET /health/live\n200 OK\n{\"alive\":true,\"ready\":true,\"reasons\":[]",
        "GET /health/ready\n200 OK\n",
        "# HELP wecom_kf_deliveries_total deliveries that ended",
        "# TYPE wecom_kf_handling_seconds histogram",
        "operation=\"send_msg\",errcode=\"0\"} 3\n",
        "operation=\"send_msg\",errcode=\"45009\"} 1\n",
        "outcome=\"acked\"} 3\n",
        "class=\"unavailable\"} 1\n",
        "handled 3, parked 0, left 0\n",
    ] {
        assert!(said.contains(expected), "{expected:?} is missing: {said}");
    }
    assert!(!said.contains("msgid"), "{said}");
}

#[test]
fn traced_bot_shows_each_delivery_with_its_calls() {
    let said = run("traced_bot");
    let spans: Vec<(&str, &str)> = said
        .lines()
        .filter_map(|line| line.strip_prefix("trace ")?.split_once("  "))
        .filter(|(_, span)| span.starts_with("delivery") || span.contains("operation=send_msg"))
        .collect();
    let names: Vec<&str> = spans.iter().map(|(_, span)| span.split("  ").next().unwrap()).collect();
    assert_eq!(names, ["call", "delivery", "call", "delivery"], "{said}");
    for (number, (attempt, outcome, errcode)) in [(1, "retried", 45009), (2, "acked", 0)].into_iter().enumerate() {
        let [call, delivery] = spans[2 * number..][..2] else { panic!("{said}") };
        assert_eq!(call.0, delivery.0, "the call belongs to the trace of its delivery: {said}");
        assert!(call.1.contains(&format!("errcode={errcode}")), "{said}");
        assert!(delivery.1.contains(&format!("attempt={attempt}")), "{said}");
        assert!(delivery.1.contains(&format!("outcome={outcome}")), "{said}");
        assert!(delivery.1.contains("account=") && delivery.1.contains("msgid="), "{said}");
    }
    assert_ne!(spans[0].0, spans[2].0, "each delivery has a trace of its own");
    assert!(said.ends_with("handled 1, parked 0, left 0\n"), "{said}");
}
