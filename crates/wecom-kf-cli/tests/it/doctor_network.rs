//! `wecom-kf doctor` and the way to WeCom: DNS, connections, TLS, clocks and proxies.

use crate::doctor::{DOCTOR, piped, status};
use crate::hostile::{Hostile, http};
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn the_way_to_wecom() {
    let stage = Stage::start().await;
    let at = |base_url: &str| piped(stage.run(DOCTOR).var("WECOM_KF_BASE_URL", base_url));

    let outcome = at("http://wecom.invalid").await;
    let line = status(&outcome, "dns", "problem");
    assert!(line.contains("no address was found for wecom.invalid") && line.contains("spelling of the name"), "{line}");
    status(&outcome, "token", "not_checked");
    assert_eq!(outcome.code, 3);

    let nobody = Hostile::nobody().await;
    let outcome = at(&format!("http://{nobody}")).await;
    assert!(status(&outcome, "connection", "problem").contains("a server listens there"), "{outcome:?}");

    let silent = Hostile::silent().await;
    let outcome = at(&silent.url()).await;
    assert!(status(&outcome, "tls", "problem").contains("127.0.0.1 does not answer"), "{outcome:?}");

    let plain = Hostile::answers(http("200 OK", "", "")).await;
    // This address leads to this machine, but it is none of loopback.
    let outcome = at(&format!("http://0.0.0.0:{}", plain.address.port())).await;
    assert!(status(&outcome, "tls", "note").contains("can read the secret"), "{outcome:?}");

    let outcome = at(&format!("https://{}", plain.address)).await;
    assert!(status(&outcome, "tls", "problem").contains("the port speaks TLS"), "{outcome:?}");

    // The remedy: the right base URL.
    let outcome = at(&stage.simulator.base_url()).await;
    status(&outcome, "connection", "ok");
    status(&outcome, "tls", "ok");
    assert_eq!(outcome.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock() {
    let stage = Stage::start().await;
    let at = |date: &str| Hostile::answers(http("200 OK", &format!("Date: {date}\r\n"), ""));
    let past = at("Fri, 20 Nov 2020 08:00:00 GMT").await;
    let outcome = piped(stage.run(DOCTOR).var("WECOM_KF_BASE_URL", past.url())).await;
    let line = status(&outcome, "clock", "problem");
    assert!(line.contains("ahead of WeCom's") && line.contains("NTP"), "{line}");
    let future = at("Sat, 20 Nov 2088 08:00:00 GMT").await;
    let outcome = piped(stage.run(DOCTOR).var("WECOM_KF_BASE_URL", future.url()).in_chinese()).await;
    assert!(status(&outcome, "clock", "problem").contains("本机时钟比企业微信慢"), "{outcome:?}");
    status(&piped(stage.run(DOCTOR)).await, "clock", "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_are_named_without_their_password() {
    let stage = Stage::start().await;
    let nobody = Hostile::nobody().await;
    let through = |proxy: String| stage.run(DOCTOR).var("NO_PROXY", "").var("HTTP_PROXY", proxy);
    let dead = piped(through(format!("http://user:CANARY@{nobody}"))).await;
    assert!(!dead.stdout.contains("CANARY"), "{dead:?}");
    assert!(
        status(&dead, "proxy", "note").contains(&format!("HTTP_PROXY leads through the proxy {nobody}")),
        "{dead:?}"
    );
    assert!(status(&dead, "connection", "problem").contains("correct HTTP_PROXY, or unset it"), "{dead:?}");

    let locked = Hostile::answers(http("407 Proxy Authentication Required", "", "")).await;
    let outcome = piped(through(locked.url())).await;
    assert!(status(&outcome, "tls", "problem").contains("http://USER:PASSWORD@HOST:PORT"), "{outcome:?}");

    let outcome = piped(through("http://proxy.invalid:3128".to_owned())).await;
    assert!(status(&outcome, "dns", "problem").contains("Correct the name of the proxy in HTTP_PROXY"), "{outcome:?}");
    for no_url in ["http://:", "no url"] {
        let outcome = piped(through(no_url.to_owned()).var("NO_PROXY", "other.example")).await;
        assert!(status(&outcome, "proxy", "problem").contains("HTTP_PROXY is no URL of a proxy"), "{outcome:?}");
    }
    let closing = Hostile::answers("").await;
    let outcome = piped(through(closing.url())).await;
    assert!(status(&outcome, "tls", "problem").contains("Allow 127.0.0.1 on the proxy"), "{outcome:?}");

    let excluded = piped(through(locked.url()).var("NO_PROXY", "127.0.0.1")).await;
    assert!(status(&excluded, "proxy", "ok").contains("NO_PROXY excludes 127.0.0.1 from HTTP_PROXY"), "{excluded:?}");
    assert_eq!(excluded.code, 0);
}
