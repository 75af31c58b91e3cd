//! What the control API refuses, so that a slip is not taken for an empty answer, and what may be left out.

use reqwest::Method;
use serde_json::json;
use wecom_kf_sim::{Simulator, op};

use crate::bot::Bot;
use crate::control::Control;

async fn with_control() -> (Simulator, Control, String) {
    let sim = Simulator::builder().servicer("zhangsan").start().await.unwrap();
    let control = Control::of(&sim);
    let id = sim.customer("小王").external_userid().to_owned();
    (sim, control, id)
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_refused_with_the_one_that_was_meant() {
    let (_sim, control, _) = with_control().await;
    for (path, why) in [
        ("/journal?op=send_mgs", "there is no operation `send_mgs`: did you mean `send_msg`?"),
        ("/journal?kind=calls", "there is no kind of row `calls`: did you mean `call`?"),
        ("/journal?finding=sixth", "there is no finding `sixth`: it must be one of has_more_ignored,"),
        ("/journal?opp=send_msg", "there is no parameter of GET /sim/v1/journal `opp`: did you mean `op`?"),
        ("/state?corp=ww1", "there is no parameter of GET /sim/v1/state `corp`: it must be one of corp_id"),
    ] {
        let (status, problem) = control.refused(Method::GET, path, None).await;
        assert_eq!((status, problem.starts_with(why)), (400, true), "{path}: {problem}");
    }
    let fault = json!({ "operation": "sync_msgs", "effect": "html" });
    let (status, problem) = control.refused(Method::POST, "/faults", Some(fault)).await;
    assert_eq!((status, &*problem), (400, "there is no operation `sync_msgs`: did you mean `sync_msg`?"));
    let (status, problem) = control.refused(Method::POST, "/media?type=picture", None).await;
    assert_eq!((status, &*problem), (415, "send it with Content-Type: application/octet-stream"));
}

#[tokio::test]
async fn every_name_that_rows_can_have_is_accepted() {
    let (sim, control, id) = with_control().await;
    let bot = Bot::of(&sim).await;
    bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    bot.http.get(format!("{}/cgi-bin/nothing", sim.base_url())).send().await.unwrap();
    for (query, found) in [
        ("op=gettoken".to_owned(), 1),
        ("op=sync_msg&kind=call".to_owned(), 1),
        ("op=unknown_path".to_owned(), 1),
        ("op=kf_msg_or_event&kind=callback".to_owned(), 0),
        ("op=kf_account_auth_change".to_owned(), 0),
        ("op=verify_url".to_owned(), 0),
        (format!("customer={id}"), 0),
        (format!("involves={id}"), 0),
    ] {
        assert_eq!(control.get(&format!("/journal?{query}")).await["found"], found, "{query}");
    }
    for filter in ["customer", "involves"] {
        let (status, problem) = control.refused(Method::GET, &format!("/journal?{filter}=wmNobody"), None).await;
        assert_eq!((status, &*problem), (404, "there is no customer wmNobody"));
    }
}

#[tokio::test]
async fn a_body_whose_members_are_all_optional_may_be_left_out() {
    let (sim, control, id) = with_control().await;
    let session = format!("/sessions/{}/{id}", sim.open_kfid());
    sim.customer("小王").says("你好");
    sim.servicer("zhangsan").takes(&sim.customer("小王"));
    for (method, path) in [
        (Method::POST, format!("/customers/{id}/enter")),
        (Method::POST, format!("/customers/{id}/read")),
        (Method::POST, format!("{session}/end")),
        (Method::PATCH, format!("/customers/{id}")),
        (Method::PUT, "/servicers/lisi".to_owned()),
        (Method::PATCH, "/corp".to_owned()),
        (Method::POST, "/clock".to_owned()),
        (Method::POST, "/tokens/expire".to_owned()),
        (Method::POST, "/tokens/revoke".to_owned()),
        (Method::POST, "/reset".to_owned()),
    ] {
        control.send(method, &path).await;
    }
    let (status, problem) = control.refused(Method::POST, "/customers", None).await;
    assert_eq!((status, &*problem), (415, "send it with Content-Type: application/json"));
}
