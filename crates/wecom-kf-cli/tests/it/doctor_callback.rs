//! `wecom-kf doctor --callback`: receivers that do one thing wrong, and what ends that.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use wecom_kf::callback::{self, Callback, Event, Router};
use wecom_kf_callback::{Query, Reason};

use crate::doctor::status;
use crate::hostile::{Hostile, http};
use crate::stage::{Outcome, Run, Stage};

const TOKEN: &str = "FixtureCallbackTok01";
const KEY: &str = "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY";
const OTHER_KEY: &str = "AAAJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY";

/// Returns a run of `doctor` at this URL. The limits are those of a slow machine, unless a test is about them.
fn at<'a>(stage: &'a Stage, url: &str) -> Run<'a> {
    let args = ["doctor", "--callback", url, "--verification-limit", "60s", "--event-limit", "60s"];
    stage.run(&args).var("WECOM_KF_CALLBACK_TOKEN", TOKEN).var("WECOM_KF_CALLBACK_AES_KEY", KEY)
}

/// Runs `doctor` and fails if it shows a secret.
async fn piped(run: Run<'_>) -> Outcome {
    let outcome = run.piped().await;
    let shown = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(![TOKEN, KEY, OTHER_KEY].iter().any(|secret| shown.contains(secret)), "{shown}");
    outcome
}

fn callback_of(stage: &Stage) -> Callback {
    Callback::new(TOKEN, KEY, stage.simulator.corp_id()).unwrap()
}

/// A receiver as the library provides it. Returns its URL and its events.
async fn good(callback: Callback) -> (String, tokio::sync::mpsc::Receiver<Event>) {
    let (service, events) = callback::service(callback);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/callback", listener.local_addr().unwrap());
    tokio::spawn(callback::serve(listener, Router::new().route("/callback", service)));
    (url, events)
}

/// A receiver that is made of two parts: what it does to the query before it reads it, and how it answers a `GET`. It
/// answers every `POST` with an empty body.
async fn receiver(
    callback: Callback,
    before: impl Fn(&str) -> String + Clone + Send + Sync + 'static,
    answer: impl Fn(Result<String, Reason>) -> String + Clone + Send + Sync + 'static,
) -> Hostile {
    Hostile::serve(move |request| {
        if request.starts_with("POST") {
            return Some(http("200 OK", "", ""));
        }
        let query = before(request.split([' ', '?']).nth(2).unwrap());
        let text = Query::parse(&query).and_then(|query| callback.verify_url(&query));
        Some(answer(text.map_err(|error| error.reason().clone())))
    })
    .await
}

fn unchanged(query: &str) -> String {
    query.to_owned()
}

/// Answers like a receiver that does not say why it refuses.
fn silently(text: Result<String, Reason>) -> String {
    match text {
        Ok(text) => http("200 OK", "", &text),
        Err(_) => http("403 Forbidden", "", ""),
    }
}

/// Answers with the reason of a refusal, as many receivers do.
fn with_reason(text: Result<String, Reason>) -> String {
    match text {
        Ok(text) => http("200 OK", "", &text),
        Err(Reason::SignatureDiffers { .. }) => http("200 OK", "", "-40001"),
        Err(Reason::ReceiverDiffers) => http("200 OK", "", "-40005"),
        Err(_) => http("200 OK", "", "-40007"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_works_gets_one_event() {
    let stage = Stage::start().await;
    let (url, mut events) = good(callback_of(&stage)).await;
    for chinese in [false, true] {
        let run = at(&stage, &url);
        let outcome = piped(if chinese { run.in_chinese() } else { run }).await;
        for id in ["callback_verification", "callback_plus", "callback_signature", "callback_event"] {
            status(&outcome, id, "ok");
        }
        // The settings of the console are unknown, so a right answer does not prove them.
        assert!(status(&outcome, "callback_console", "note").contains("EncodingAESKey"), "{outcome:?}");
        assert_eq!(outcome.code, 0, "{outcome:?}");
        let Some(Event::KfMsgOrEvent(event)) = events.recv().await else { panic!("no event") };
        assert_eq!(event.open_kfid, Some(stage.simulator.open_kfid()));
        assert!(events.try_recv().is_err(), "more than one event");
    }
}

/// WeCom verifies the URL before it hands out the secret.
#[tokio::test(flavor = "multi_thread")]
async fn the_url_is_checked_before_there_is_a_secret() {
    let stage = Stage::start().await;
    let (url, _events) = good(callback_of(&stage)).await;
    let outcome = piped(at(&stage, &url).without_var("WECOM_KF_SECRET").without_var("WECOM_KF_OPEN_KFID")).await;
    status(&outcome, "token", "not_checked");
    status(&outcome, "callback_event", "ok");
    assert_eq!(outcome.code, 0);

    let outcome = piped(at(&stage, &url).without_var("WECOM_KF_CALLBACK_TOKEN")).await;
    status(&outcome, "callback_token", "problem");
    status(&outcome, "callback_url", "not_checked");
    let outcome = piped(at(&stage, "bot.example.com")).await;
    status(&outcome, "callback_url", "problem");
    let run = stage.run(&["doctor"]).var("WECOM_KF_CALLBACK_TOKEN", TOKEN).var("WECOM_KF_CALLBACK_AES_KEY", KEY);
    assert!(status(&piped(run).await, "callback_url", "not_checked").contains("--callback URL"));
}

/// Fails unless `doctor` finds this, and unless the receiver of the remedy is without problems.
async fn finds(stage: &Stage, broken: &Hostile, id: &str, text: &str) {
    let outcome = piped(at(stage, &format!("{}/callback", broken.url()))).await;
    assert!(status(&outcome, id, "problem").contains(text), "{text}: {outcome:#?}");
    assert_eq!(outcome.code, 3);
    let (url, _events) = good(callback_of(stage)).await;
    assert_eq!(piped(at(stage, &url)).await.code, 0, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plus_that_became_a_space() {
    let stage = Stage::start().await;
    let callback = callback_of(&stage);
    // Frameworks decode the query as a form, so both ways of writing a plus are lost, or one.
    let twice = |query: &str| query.replace("%2B", "%20").replace('+', "%20");
    let broken = receiver(callback.clone(), twice, silently).await;
    finds(&stage, &broken, "callback_verification", "turns a + in the query into a space").await;
    let once = |query: &str| query.replace('+', "%20");
    let broken = receiver(callback.clone(), once, silently).await;
    finds(&stage, &broken, "callback_plus", "turns a + in the query into a space").await;
    let again = |query: &str| query.replace('%', "%25");
    let broken = receiver(callback, again, silently).await;
    finds(&stage, &broken, "callback_verification", "a wrong percent-encoding").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_are_told_apart_by_the_answers() {
    let stage = Stage::start().await;
    let corp_id = stage.simulator.corp_id();
    let with = |token: &str, key: &str, id: &str| Callback::new(token, key, id).unwrap();
    for (callback, text) in [
        (with("AnotherToken", KEY, &corp_id), "the receiver has another Token"),
        (with(TOKEN, OTHER_KEY, &corp_id), "the Token is right, but the receiver has another EncodingAESKey"),
        (with(TOKEN, KEY, "ww0another0corp0002"), "the receiver expects another receiver id"),
    ] {
        let broken = receiver(callback, unchanged, with_reason).await;
        finds(&stage, &broken, "callback_verification", text).await;
    }
    // An empty receiver id is found out even if the receiver does not say why it refuses.
    let broken = receiver(with(TOKEN, KEY, ""), unchanged, silently).await;
    finds(&stage, &broken, "callback_verification", "expects an empty receiver id").await;
    let broken = receiver(with("AnotherToken", KEY, &corp_id), unchanged, silently).await;
    finds(&stage, &broken, "callback_verification", "Its log says why").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_answers() {
    let stage = Stage::start().await;
    type Around = fn(&str) -> String;
    let answers: [(Around, &str); 7] = [
        (|echo| format!("\u{feff}{echo}"), "begins with a byte order mark"),
        (|echo| format!("\"{echo}\""), "has quotes around the text"),
        (|echo| format!("{echo}\r\n"), "a line end around the text"),
        (|_| "<html>sign in</html>".to_owned(), "is an HTML or XML page"),
        (|_| String::new(), "is empty"),
        (|echo| format!("{{\"echostr\":\"{echo}\"}}"), "has something around the text"),
        (|_| "ok".to_owned(), "is another text"),
    ];
    for (around, text) in answers {
        let answer = move |echo: Result<String, Reason>| http("200 OK", "", &around(&echo.unwrap_or_default()));
        let broken = receiver(callback_of(&stage), unchanged, answer).await;
        finds(&stage, &broken, "callback_verification", text).await;
    }
    let echo = Hostile::serve(|request| {
        let echostr = request.split("echostr=").nth(1)?.split([' ', '&']).next()?;
        Some(http("200 OK", "", &echostr.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=")))
    });
    finds(&stage, &echo.await, "callback_verification", "is the echostr as it came").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_that_say_enough() {
    let stage = Stage::start().await;
    let to = "Location: https://other.example/login?echostr=CANARY\r\n";
    for (status, headers, text) in [
        ("302 Found", to, "redirects to https://other.example/login (status 302)"),
        ("404 Not Found", "", "no receiver answers GET at this path"),
        ("405 Method Not Allowed", "", "both GET and POST are needed"),
        ("401 Unauthorized", "", "Exclude the path from the login"),
        ("502 Bad Gateway", "", "the reverse proxy does not reach the bot"),
        ("429 Too Many Requests", "", "limits the requests"),
        ("500 Internal Server Error", "", "status 500"),
    ] {
        let broken = Hostile::answers(http(status, headers, "")).await;
        finds(&stage, &broken, "callback_verification", text).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_checks_no_signature() {
    let stage = Stage::start().await;
    let callback = callback_of(&stage);
    let signed_again = move |query: &str| {
        let query = Query::parse(query).unwrap();
        let echostr = query.echostr().unwrap();
        let signature = callback.sign(query.timestamp(), query.nonce(), echostr);
        let encoded = echostr.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        format!("msg_signature={signature}&timestamp={}&nonce={}&echostr={encoded}", query.timestamp(), query.nonce())
    };
    let broken = receiver(callback_of(&stage), signed_again, silently).await;
    finds(&stage, &broken, "callback_signature", "Check msg_signature with the Token before decrypting").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_are_answered_wrong() {
    let stage = Stage::start().await;
    let with_post = |answer: Option<String>| {
        let callback = callback_of(&stage);
        Hostile::serve(move |request| {
            if request.starts_with("POST") {
                return answer.clone();
            }
            let query = Query::parse(request.split([' ', '?']).nth(2).unwrap()).unwrap();
            Some(silently(callback.verify_url(&query).map_err(|error| error.reason().clone())))
        })
    };
    let broken = with_post(Some(http("500 Internal Server Error", "", ""))).await;
    finds(&stage, &broken, "callback_event", "status 500, so WeCom sends it again").await;
    let broken = with_post(Some(String::new())).await;
    finds(&stage, &broken, "callback_event", "the connection ended before the answer").await;
    let talkative = with_post(Some(http("200 OK", "", "thank you"))).await;
    let outcome = piped(at(&stage, &talkative.url())).await;
    assert!(status(&outcome, "callback_event", "note").contains("9 bytes"), "{outcome:?}");
    let usual = with_post(Some(http("200 OK", "", "success"))).await;
    status(&piped(at(&stage, &usual.url())).await, "callback_event", "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_receivers_and_the_limits_of_wecom() {
    let stage = Stage::start().await;
    // A receiver that works before it answers.
    let callback = callback_of(&stage);
    let slow = Hostile::serve(move |request| {
        std::thread::sleep(Duration::from_millis(1100));
        if request.starts_with("POST") {
            return Some(http("200 OK", "", ""));
        }
        let query = Query::parse(request.split([' ', '?']).nth(2).unwrap()).unwrap();
        Some(silently(callback.verify_url(&query).map_err(|error| error.reason().clone())))
    })
    .await;
    let with = |url: &str, verification: &str, event: &str| {
        let args = ["doctor", "--callback", url, "--verification-limit", verification, "--event-limit", event];
        stage.run(&args).var("WECOM_KF_CALLBACK_TOKEN", TOKEN).var("WECOM_KF_CALLBACK_AES_KEY", KEY)
    };
    // The limit of WeCom for the verification.
    let outcome = piped(with(&slow.url(), "1s", "60s")).await;
    let line = status(&outcome, "callback_verification", "problem");
    assert!(line.contains("WeCom waits 1s") && line.contains("Answer first and work afterwards"), "{line}");
    status(&outcome, "callback_event", "ok");
    let outcome = piped(with(&slow.url(), "60s", "1s")).await;
    assert!(status(&outcome, "callback_event", "problem").contains("WeCom waits 1s"), "{outcome:?}");

    let silent = Hostile::silent().await;
    let outcome = piped(with(&silent.url(), "1s", "1s")).await;
    assert!(status(&outcome, "callback_verification", "problem").contains("no answer"), "{outcome:?}");
    status(&outcome, "callback_event", "not_checked");

    // The remedy: a receiver that answers at once.
    let (url, _events) = good(callback_of(&stage)).await;
    assert_eq!(piped(with(&url, "60s", "60s")).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_never_answers_an_event() {
    let stage = Stage::start().await;
    let (callback, posts) = (callback_of(&stage), Arc::new(AtomicUsize::new(0)));
    let counted = posts.clone();
    let silent = Hostile::serve(move |request| {
        if request.starts_with("POST") {
            counted.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let query = Query::parse(request.split([' ', '?']).nth(2).unwrap()).unwrap();
        Some(silently(callback.verify_url(&query).map_err(|error| error.reason().clone())))
    })
    .await;
    let url = silent.url();
    let args = ["doctor", "--callback", &url, "--verification-limit", "60s", "--event-limit", "1s"];
    let run = stage.run(&args).var("WECOM_KF_CALLBACK_TOKEN", TOKEN).var("WECOM_KF_CALLBACK_AES_KEY", KEY);
    let outcome = piped(run).await;
    assert!(status(&outcome, "callback_event", "problem").contains("three times in all"), "{outcome:?}");
    assert_eq!(posts.load(Ordering::Relaxed), 1, "the event is sent once");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_to_the_receiver() {
    let stage = Stage::start().await;
    let nobody = Hostile::nobody().await;
    let outcome = piped(at(&stage, &format!("http://{nobody}/"))).await;
    status(&outcome, "callback_connection", "problem");
    let outcome = piped(at(&stage, "https://bot.invalid/")).await;
    status(&outcome, "callback_dns", "problem");
    let plain = Hostile::answers(http("200 OK", "", "")).await;
    let outcome = piped(at(&stage, &format!("https://{}/", plain.address))).await;
    assert!(status(&outcome, "callback_verification", "problem").contains("no TLS with 127.0.0.1"), "{outcome:?}");
    let closing = Hostile::answers("").await;
    let outcome = piped(at(&stage, &closing.url())).await;
    assert!(status(&outcome, "callback_verification", "problem").contains("no HTTP answer"), "{outcome:?}");
    let (url, _events) = good(callback_of(&stage)).await;
    assert_eq!(piped(at(&stage, &url)).await.code, 0);
}
