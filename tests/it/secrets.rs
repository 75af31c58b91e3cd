//! No error, log or `Debug` shows a token, a secret or a private text, whatever fails.

use std::error::Error as _;
use std::fmt::Debug;
use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tracing::subscriber::NoSubscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use wecom_kf::knowledge::{Intent, IntentAnswer, IntentLink};
use wecom_kf::media::{MediaType, Upload};
use wecom_kf::messages::{Msgmenu, Outgoing, Text, outgoing};
use wecom_kf::raw::{Operation, op, types};
use wecom_kf::{
    AccessToken, Client, Credentials, Error, ExternalUserId, IssuedToken, Lang, OpenKfid, Report, Transition,
};
use wecom_kf_sim::{Fault as SimFault, FaultAt, Simulator};

use crate::broken::{BrokenServer, Fault, SECRET, TOKEN, json};
use crate::network::faults;

const WORDS: &str = "canary-WORDS-t8VbN3";
const CALLBACK: &str = "canary-CALLBACK-h5JcR6";

fn assert_silent(what: &str, text: &str) {
    for canary in [TOKEN, SECRET, WORDS, CALLBACK] {
        assert!(!text.contains(canary), "{what} shows {canary}: {text}");
    }
}

/// Returns everything that a program can print of an error.
fn printed(error: Error) -> String {
    let mut text = format!("{error}\n{error:?}\n{error:#?}\n{error:#}\n");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!("{cause}\n{cause:?}\n{cause:#?}\n{cause:#}\n"));
        source = cause.source();
    }
    let in_chinese = Report::line(&error, Lang::Zh);
    text.push_str(&format!("{in_chinese}\n{:?}", Report::from(error)));
    text
}

/// Faults whose replies repeat the token and the secret: in errmsg, bodies and headers.
fn echoes() -> Vec<(&'static str, Fault)> {
    let location = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/?access_token={TOKEN}&corpsecret={SECRET}\r\ncontent-length: 0\r\n\r\n"
    );
    vec![
        (
            "errmsg with both",
            json(&format!(r#"{{"errcode":40035,"errmsg":"bad {TOKEN} and {SECRET}, from ip: 203.0.113.7"}}"#)),
        ),
        (
            "undecodable with the token",
            json(&format!(r#"{{"errcode":0,"access_token":"{TOKEN}","expires_in":"{TOKEN}"}}"#)),
        ),
        ("token of a wrong type", json(&format!(r#"{{"errcode":0,"access_token":["{TOKEN}"],"expires_in":7200}}"#))),
        ("text around the token", json(&format!("{TOKEN} {SECRET}"))),
        ("redirect with both", Fault::Bytes(location)),
        (
            "header with both",
            Fault::Bytes(format!("HTTP/1.1 503 x\r\nx-token: {TOKEN}{SECRET}\r\ncontent-length: 0\r\n\r\n")),
        ),
    ]
}

fn all_faults() -> Vec<(&'static str, Fault)> {
    faults().into_iter().map(|(name, fault, _, _)| (name, fault)).chain(echoes()).collect()
}

/// Returns a server with the fault at the operations, and one with the fault at gettoken.
async fn broken_both_ways(fault: Fault) -> [BrokenServer; 2] {
    let at_gettoken = match fault.clone() {
        // The client cannot recognise a token that was never issued.
        Fault::Bytes(bytes) if bytes.contains("errmsg") => Fault::Bytes(bytes.replace(TOKEN, &"x".repeat(TOKEN.len()))),
        fault => fault,
    };
    let stalls = matches!(fault, Fault::Stall);
    let at_gettoken = BrokenServer::start(move |path, _| (path == "/cgi-bin/gettoken").then(|| at_gettoken.clone()));
    [BrokenServer::always(fault).await, at_gettoken.await.stalling(stalls)]
}

/// The operations of [`every_call`].
const CALLED: [Operation; 18] = [
    op::GETTOKEN,
    op::ACCOUNT_ADD,
    op::ACCOUNT_DEL,
    op::ACCOUNT_LIST,
    op::ACCOUNT_UPDATE,
    op::CUSTOMER_BATCHGET,
    op::GET_CORP_STATISTIC,
    op::KNOWLEDGE_ADD_INTENT,
    op::MEDIA_GET,
    op::MEDIA_UPLOAD,
    op::MEDIA_UPLOADIMG,
    op::RECALL_MSG,
    op::SEND_MSG,
    op::SERVICER_LIST,
    op::SERVICE_STATE_GET,
    op::SERVICE_STATE_TRANS,
    op::SYNC_MSG,
    op::UPGRADE_SERVICE,
];

async fn every_call(client: &Client) -> Vec<Error> {
    let (kf, customer) = (OpenKfid::from("wk"), ExternalUserId::from("wm"));
    let too_long = WORDS.repeat(3);
    let raw = op::Gettoken { corpid: "ww".into(), corpsecret: SECRET.into() };
    let (list, send, sync, token, raw, add, update, delete, get, trans) = tokio::join!(
        client.accounts().list(),
        client.messages().send(&kf, &customer, WORDS),
        client.messages().page(&kf).token(CALLBACK),
        client.token().get(),
        client.call(&raw),
        client.accounts().add(&too_long, "m"),
        client.accounts().update(&kf).name("x"),
        client.accounts().delete(&kf),
        client.sessions().get(&kf, &customer),
        client.sessions().transition(&kf, &customer, Transition::to_queue()),
    );
    let reads = [list.err(), send.err(), sync.err(), token.err(), raw.err(), add.err(), update.err()];
    let errors = reads.into_iter().chain([delete.err(), get.err(), trans.err()]);
    errors.flatten().chain(every_other_call(client).await).collect()
}

/// Calls the operations about people, knowledge and files, with private texts where people write some.
async fn every_other_call(client: &Client) -> Vec<Error> {
    let kf = OpenKfid::from("wk");
    let day = wecom_kf::statistics::Date::constant(2024, 6, 10);
    let intent = Intent::new(WORDS, IntentAnswer::new(WORDS).link(IntentLink::new(WORDS, WORDS).desc(WORDS)));
    let file = || Upload::from_bytes(format!("{WORDS}.txt"), WORDS);
    let picture = || Upload::from_bytes(format!("{WORDS}.jpg"), [b"\xff\xd8\xff", WORDS.as_bytes()].concat());
    let download = async {
        let file = client.media().get("m").await?;
        file.into_bytes(1 << 20).await
    };
    let folder = tempfile::TempDir::new().unwrap();
    let (offer, intent, upload, uploadimg, bytes, saved, recall, servicers, figures, batch) = tokio::join!(
        client.upgrades().recommend_member(&kf, "wm", "zhangsan").wording(WORDS),
        client.knowledge().add_intent("kg", intent),
        client.media().upload(MediaType::File, file()),
        client.media().upload_image(picture()),
        download,
        client.media().download_into("m", folder.path()),
        client.messages().recall(&kf, "m"),
        client.servicers().list(&kf),
        client.statistics().account(&kf, day..=day),
        client.customers().get_many(["wm"]),
    );
    assert_silent("an upload", &format!("{:?} {:?}", file(), op::MediaGet::default()));
    let errors = [offer.err(), intent.err(), upload.err(), uploadimg.err(), bytes.err(), saved.err(), recall.err()];
    errors.into_iter().chain([servicers.err(), figures.err(), batch.err()]).flatten().collect()
}

#[tokio::test]
async fn no_error_shows_token_secret_or_words_whatever_fails() {
    let mut seen = 0;
    for (name, fault) in all_faults() {
        for server in broken_both_ways(fault).await {
            for error in every_call(&server.impatient_client()).await {
                assert_silent(name, &printed(error));
                seen += 1;
            }
        }
    }
    assert!(seen > 150, "only {seen} errors were seen");
}

/// The time limit of an attempt. It is short, because some attempts end only by it.
#[derive(Clone, Copy)]
enum Patience {
    Short,
    Long,
}

/// Tests the simulator's faults at every operation including gettoken. Neither the errors nor the log may show a
/// secret.
#[tokio::test]
async fn no_fault_makes_an_error_or_an_event_show_a_secret() {
    type Break = fn(FaultAt<'_>) -> SimFault;
    let faults: [(Break, Patience); 10] = [
        (|at| at.errcode(48002), Patience::Long),
        (|at| at.errcode(42001), Patience::Long),
        (|at| at.status(503), Patience::Long),
        (|at| at.delay(Duration::from_millis(2500)), Patience::Short),
        (|at| at.never_answers(), Patience::Short),
        (|at| at.reset_before(), Patience::Long),
        (|at| at.reset_after(), Patience::Long),
        (|at| at.half_a_body(), Patience::Long),
        (|at| at.html(), Patience::Long),
        (|at| at.body("{\"errcode\":0,\"access_token\":[]}"), Patience::Long),
    ];
    let (log, _guard) = log_everything();
    let cases = CALLED.into_iter().flat_map(|at| faults.map(|fault| (at, fault)));
    // A small machine cannot serve more simulators than this at once in time.
    let seen = stream::iter(cases.map(|(at, (fault, patience))| async move {
        let sim = Simulator::builder().corp("ww-corp", SECRET).start().await.unwrap();
        let mut client = crate::simulator::client_of(&sim);
        let token = match at {
            op::GETTOKEN => None,
            _ => Some(token_of(&client, &sim).await),
        };
        let issued = token.as_ref().map(|token| token.expose().to_owned());
        if let Patience::Short = patience {
            client = crate::simulator::impatient_client_of(&sim, token);
        }
        fault(sim.fault(at)).always();
        let errors = every_call(&client).await;
        for error in &errors {
            let text = printed(error.clone());
            assert_silent(at.id, &text);
            assert!(issued.iter().chain(&sim.access_token()).all(|token| !text.contains(token)), "{text}");
        }
        (errors.len(), issued)
    }))
    .buffer_unordered(24)
    .collect::<Vec<_>>()
    .await;
    let ours: String = log.text().lines().filter(|line| line.contains("wecom_kf")).collect();
    assert_silent("the log", &ours);
    assert!(seen.iter().filter_map(|(_, token)| token.as_ref()).all(|token| !ours.contains(token)));
    let errors: usize = seen.iter().map(|(errors, _)| errors).sum();
    assert!(errors > 400, "only {errors} errors were seen");
}

/// Fetches a token with the time limits of a call, which are longer than those of a client's own fetch.
async fn token_of(client: &Client, sim: &Simulator) -> AccessToken {
    let gettoken = op::Gettoken { corpid: sim.corp_id(), corpsecret: sim.secret().into() };
    client.call(&gettoken).await.unwrap().access_token.unwrap()
}

#[tokio::test]
async fn what_wecom_says_is_kept_but_for_token_and_secret() {
    let (_, fault) = echoes().swap_remove(0);
    let server = BrokenServer::always(fault).await;
    let error = server.client().accounts().list().await.unwrap_err();
    assert_eq!(error.refusal().unwrap().errmsg, "bad *** and ***, from ip: 203.0.113.7");
}

/// WeCom may repeat what a call sent: private texts, the callback's token, a secret passed by hand, the query.
#[tokio::test]
async fn what_a_call_sent_is_cut_out_of_what_wecom_says() {
    let echo = |text: &str| Some(json(&format!(r#"{{"errcode":40201,"errmsg":"no: {text}"}}"#)));
    let server = BrokenServer::start(move |path, _| match path {
        "/cgi-bin/kf/send_msg" => echo(WORDS),
        "/cgi-bin/kf/sync_msg" => echo(CALLBACK),
        "/cgi-bin/kf/account/list" => echo("access_token=T%2B1%2F%3D+abc, T+1/= abc"),
        "/cgi-bin/kf/account/del" => echo("ok"),
        _ => None,
    })
    .await;
    let (kf, customer) = (OpenKfid::from("wk"), ExternalUserId::from("wm"));
    let client = server.client();
    let says = |error: Error| error.refusal().unwrap().errmsg.clone();
    let send = client.messages().send(&kf, &customer, WORDS).await.unwrap_err();
    assert_silent("send_msg", &printed(send.clone()));
    assert_eq!(says(send), "no: ***");
    let sync = client.messages().page(&kf).token(CALLBACK).await.unwrap_err();
    assert_silent("sync_msg", &printed(sync.clone()));
    assert_eq!(says(sync), "no: ***");
    // A very short text is not removed, because nothing of the message would be left.
    let delete = client.accounts().delete("o").await.unwrap_err();
    assert_eq!(says(delete), "no: ok");

    let source = crate::fake::FakeSource::new(|_| async { Ok(IssuedToken::new("T+1/= abc", Some(7200))) });
    let builder = Client::builder(Credentials::new("", "")).base_url(server.url()).token_source(source);
    assert_eq!(says(builder.build().unwrap().accounts().list().await.unwrap_err()), "no: access_token=***, ***");

    // The private texts of every kind are removed, also in the form in which the body had them.
    let menu = Msgmenu::new("h").click("id", "客户秘密甲");
    let link = outgoing::Link::new("客户秘密甲", "https://e.example/?phone=13800000000", "m");
    let place = outgoing::Location::new(1.0, 2.0).name("客户秘密甲");
    let lines = Text::new("客户秘密甲\n客户秘密甲");
    let kinds: [(Outgoing, &str); 5] = [
        (menu.into(), "客户秘密甲"),
        (link.clone().into(), "客户秘密甲"),
        (link.into(), "https://e.example/?phone=13800000000"),
        (place.into(), "客户秘密甲"),
        (lines.into(), r"客户秘密甲\\n客户秘密甲"),
    ];
    for (message, echoed) in kinds {
        let server = BrokenServer::always(echo(echoed).unwrap()).await;
        let error = server.client().messages().send(&kf, &customer, message).await.unwrap_err();
        assert_eq!(says(error), "no: ***", "{echoed}");
    }

    let gettoken = BrokenServer::start(move |_, _| echo("another-secret")).await;
    let raw = op::Gettoken { corpid: "ww".into(), corpsecret: "another-secret".into() };
    assert_eq!(says(gettoken.client().call(&raw).await.unwrap_err()), "no: ***");
}

#[test]
fn no_debug_of_a_public_type_shows_a_secret() {
    let credentials = Credentials::new("ww", SECRET);
    let client = Client::builder(credentials.clone()).build().unwrap();
    let show: Vec<Box<dyn Debug>> = vec![
        Box::new(credentials),
        Box::new(client.clone()),
        Box::new(client.messages().send_on_event(SECRET, WORDS)),
        Box::new(client.messages().send("wk", "wm", WORDS)),
        Box::new(Client::builder(Credentials::new("ww", SECRET)).base_url(format!("http://u:{SECRET}@h/"))),
        Box::new(Client::builder(Credentials::new("ww", SECRET)).base_url(format!("http://h/?{SECRET}")).build()),
        Box::new(wecom_kf::raw::Client::new(format!("http://u:{SECRET}@h"), Default::default()).unwrap()),
        Box::new(IssuedToken::new(TOKEN, None)),
        Box::new(AccessToken::from(TOKEN)),
        Box::new(client.messages().page("wk").token(CALLBACK)),
        Box::new(Text::new(WORDS)),
        Box::new(op::Gettoken { corpid: "ww".into(), corpsecret: SECRET.into() }),
        Box::new(types::GetAccessTokenResponse { access_token: Some(TOKEN.into()), ..Default::default() }),
        Box::new(types::SyncRequest { token: Some(CALLBACK.into()), ..Default::default() }),
    ];
    for value in show {
        assert_silent("a Debug", &format!("{value:?} {value:#?}"));
    }
}

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// Records everything at TRACE. Lines of other crates begin with their names.
pub(crate) fn log_everything() -> (Log, tracing::subscriber::DefaultGuard) {
    // With a single subscriber in the process, tracing decides whether an event is enabled on the thread that first reaches it.
    // The thread of a test without a subscriber would disable the event for the thread with one. With several subscribers,
    // tracing asks all of them.
    static OTHERS: OnceLock<[tracing::Dispatch; 2]> = OnceLock::new();
    OTHERS.get_or_init(|| [NoSubscriber::default(), NoSubscriber::default()].map(tracing::Dispatch::new));
    let log = Log::default();
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(log.clone())
        .with_ansi(false)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL);
    (log, tracing::subscriber::set_default(tracing_subscriber::registry().with(layer)))
}

#[test]
fn an_event_that_a_silent_thread_reaches_first_is_recorded() {
    let event = || tracing::warn!("heard");
    let (log, _guard) = log_everything();
    std::thread::spawn(event).join().unwrap();
    event();
    assert_eq!(log.text().matches("heard").count(), 1);
}

#[tokio::test]
async fn no_span_and_no_event_of_ours_shows_a_secret() {
    let (log, _guard) = log_everything();
    let mut servers = Vec::new();
    for (_, fault) in all_faults() {
        servers.extend(broken_both_ways(fault).await);
    }
    // All at once, because some of them end only by a time-out.
    futures_util::future::join_all(servers.iter().map(|server| async { every_call(&server.impatient_client()).await }))
        .await;
    let text = log.text();
    let ours: String = text.lines().filter(|line| line.contains("wecom_kf")).collect::<Vec<_>>().join("\n");
    assert_silent("the log", &ours);
    for expected in ["operation=\"send_msg\"", "attempts=3", "errcode=48007", "duration_ms=", "trying again"] {
        assert!(ours.contains(expected), "the log lacks {expected}");
    }
}

/// We do not control what the HTTP crates log at TRACE, but the documentation promises that this test passes.
#[tokio::test]
async fn the_http_crates_write_no_secret_at_trace_either() {
    let (log, _guard) = log_everything();
    let server = BrokenServer::start(|_, _| None).await;
    server.client().messages().send("wk", "wm", WORDS).await.unwrap();
    let text = log.text();
    assert!(text.contains("hyper"), "the HTTP crates were not heard: {text}");
    assert_silent("the whole log", &text);
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    for status in [301, 302, 303, 307, 308] {
        let target = BrokenServer::start(|_, _| None).await;
        let location =
            format!("HTTP/1.1 {status} Moved\r\nlocation: {}/stolen\r\ncontent-length: 0\r\n\r\n", target.url());
        let server = BrokenServer::always(Fault::Bytes(location.clone())).await;
        let follows =
            |http: reqwest::ClientBuilder| http.redirect(reqwest::redirect::Policy::limited(10)).referer(true);
        let builder = Client::builder(Credentials::new("ww", SECRET)).base_url(server.url()).http(follows);
        let error = builder.build().unwrap().accounts().list().await.unwrap_err();
        assert_silent("the redirect", &printed(error));
        let raw = wecom_kf::raw::Client::new(server.url(), follows(reqwest::ClientBuilder::new())).unwrap();
        assert!(raw.account_list(&TOKEN.into(), &Default::default()).await.is_err());
        assert_eq!((target.connections(), target.all_requests()), (0, 0), "{status}");
    }
}
