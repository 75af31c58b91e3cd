//! Tests of the client against the simulator, which implements the same facts independently.

mod hand_over;
mod knowledge;
mod media;
mod people;
mod statistic;

use std::time::Duration;

use wecom_kf::messages::{Content, Event, Msgmenu};
use wecom_kf::{
    AccessToken, Class, Client, ClientBuilder, Credentials, ErrCode, Error, ExternalUserId, IssuedToken, MsgId,
    OpenKfid, RetryPolicy, SessionState, Transition,
};
use wecom_kf_sim::{Customer, Fault, FaultAt, Simulator, op};

use crate::broken::{ATTEMPT, patient};
use crate::clock::StandingClock;
use crate::fake::FakeSource;

pub(crate) fn client_of(sim: &Simulator) -> Client {
    builder_of(sim).build().unwrap()
}

/// Returns a client whose attempts end after 200 ms, for faults that only a time-out ends. Use it only for calls that
/// are expected to fail. It uses `token`, or fetches one if that is `None`.
pub(crate) fn impatient_client_of(sim: &Simulator, token: Option<AccessToken>) -> Client {
    let builder = builder_of(sim).attempt_timeout(Duration::from_millis(200));
    let Some(token) = token else { return builder.build().unwrap() };
    let tokens = FakeSource::new(move |_| std::future::ready(Ok(IssuedToken::new(token.clone(), Some(7200)))));
    builder.token_source(tokens).build().unwrap()
}

fn builder_of(sim: &Simulator) -> ClientBuilder {
    let builder = Client::builder(Credentials::new(sim.corp_id(), sim.secret())).base_url(sim.base_url());
    // Pacing is off: it would cause real waits here, and it has tests of its own.
    patient(builder).retry(RetryPolicy::default().jitter(|| 0.0)).pacing(wecom_kf::Pacing::unlimited())
}

struct World {
    sim: Simulator,
    client: Client,
    kf: OpenKfid,
    customer: Customer,
    id: ExternalUserId,
}

/// Starts a simulator with a customer who has just written.
async fn world() -> World {
    let sim = Simulator::builder().seed(7).servicer("zhangsan").start().await.unwrap();
    let (client, customer) = (client_of(&sim), sim.customer("小王"));
    customer.says("在吗");
    World { kf: sim.open_kfid().into(), id: customer.external_userid().into(), sim, client, customer }
}

impl World {
    async fn send(&self, text: &str) -> Result<MsgId, Error> {
        self.client.messages().send(&self.kf, &self.id, text).await
    }
}

#[tokio::test]
async fn a_bot_reads_answers_and_hands_over() {
    let world = world().await;
    let page = world.client.messages().page(&world.kf).await.unwrap();
    let [message] = page.messages() else { panic!("{page:?}") };
    assert!(matches!(message.content(), Content::Text(text) if text.content == "在吗"));
    assert_eq!(message.external_userid(), Some(&world.id));

    let msgid = world.send("在的").await.unwrap();
    let heard = world.customer.hears().await.unwrap();
    assert_eq!((heard.text(), heard.msgid.as_str()), (Some("在的"), msgid.as_str()));
    let states = world.client.sessions();
    assert_eq!(states.get(&world.kf, &world.id).await.unwrap().state, SessionState::ASSISTANT);

    states.transition(&world.kf, &world.id, Transition::to_servicer("zhangsan")).await.unwrap();
    let state = states.get(&world.kf, &world.id).await.unwrap();
    assert_eq!(
        (state.state, state.servicer_userid.as_ref().map(|id| id.as_str())),
        (SessionState::SERVICER, Some("zhangsan"))
    );
    let error = world.send("还在吗").await.unwrap_err();
    assert_eq!((error.code(), error.class()), (Some(ErrCode::SESSION_STATE_FORBIDS_SENDING), Class::StateConflict));
}

#[tokio::test]
async fn accounts_are_added_listed_changed_and_deleted() {
    let world = world().await;
    let accounts = world.client.accounts();
    let added = accounts.add("售后", world.sim.media_id()).await.unwrap();
    accounts.update(&added).name("售后二组").await.unwrap();
    let all = accounts.list().await.unwrap();
    assert_eq!(all.iter().find(|account| account.open_kfid == added).unwrap().name, "售后二组");
    accounts.delete(&added).await.unwrap();
    assert_eq!(accounts.list().await.unwrap().len(), all.len() - 1);
    let code = accounts.delete(&added).await.unwrap_err().code();
    assert!(matches!(code, Some(ErrCode::INVALID_OPEN_KFID | ErrCode::OPEN_KFID_NOT_FOUND)), "{code:?}");
    for number in 0..205 {
        accounts.add(format!("客服{number}"), world.sim.media_id()).await.unwrap();
    }
    assert_eq!(accounts.list().await.unwrap().len(), 206);
}

#[tokio::test]
async fn a_page_is_read_on_from_its_cursor_even_if_it_is_empty() {
    let world = world().await;
    for number in 1..25 {
        world.customer.says(&format!("第{number}条"));
    }
    world.sim.empty_page_next();
    let (mut request, mut texts, mut pages) = (world.client.messages().page(&world.kf).limit(10), Vec::new(), 0);
    loop {
        let page = request.clone().await.unwrap();
        texts.extend(page.messages().iter().map(|message| message.content().clone()));
        if let Some(cursor) = page.next_cursor() {
            request = request.cursor(cursor);
        }
        pages += 1;
        if !page.has_more() {
            break;
        }
    }
    assert_eq!((texts.len(), pages), (25, 4));
}

#[tokio::test]
async fn an_ended_token_costs_one_gettoken_and_no_failed_call() {
    let world = world().await;
    world.send("一").await.unwrap();
    world.sim.expire_token();
    world.send("二").await.unwrap();
    world.sim.revoke_token();
    world.send("三").await.unwrap();
    assert_eq!((world.sim.calls(op::GETTOKEN), world.sim.calls(op::SEND_MSG)), (3, 5));
    assert_eq!(world.customer.heard().len(), 3);
}

#[tokio::test]
async fn a_message_arrives_once_whatever_happens_to_its_first_try() {
    let breaks: [fn(FaultAt<'_>) -> Fault; 6] = [
        |at| at.reset_after(),
        |at| at.reset_before(),
        |at| at.never_answers(),
        |at| at.half_a_body(),
        |at| at.status(502),
        |at| at.errcode(-1),
    ];
    for (number, break_it) in breaks.into_iter().enumerate() {
        let world = world().await;
        let fault = break_it(world.sim.fault(op::SEND_MSG));
        let msgid = match number {
            2 => when_the_first_attempt_is_over(&fault, world.send("只此一次")).await.unwrap(),
            _ => world.send("只此一次").await.unwrap(),
        };
        let heard = world.customer.heard();
        assert_eq!(heard.iter().map(|heard| heard.msgid.as_str()).collect::<Vec<_>>(), [msgid.as_str()]);
        assert_eq!(world.sim.calls(op::SEND_MSG), 2);
    }
}

/// Advances the stopped clock only after the fault has occurred: by the time limit of the attempt and by a wait of length zero.
async fn when_the_first_attempt_is_over<T>(fault: &Fault, call: impl Future<Output = T>) -> T {
    let clock = StandingClock::start();
    let time = async {
        while fault.hits() == 0 {
            tokio::task::yield_now().await;
        }
        clock.pass(ATTEMPT).await;
        clock.pass(Duration::ZERO).await;
    };
    tokio::join!(call, time).0
}

/// Our time-outs are applied after those of the user.
#[tokio::test]
async fn the_users_http_settings_do_not_cut_our_time_outs_short() {
    let sim = Simulator::start().await.unwrap();
    sim.fault(op::ACCOUNT_LIST).delay(Duration::from_millis(100));
    let builder = builder_of(&sim);
    let hasty = |http: wecom_kf::reqwest::ClientBuilder| {
        let millis = Duration::from_millis(20);
        http.timeout(millis).read_timeout(millis).connect_timeout(Duration::from_nanos(1)).no_proxy()
    };
    builder.http(hasty).build().unwrap().accounts().list().await.unwrap();
    assert_eq!(sim.calls(op::ACCOUNT_LIST), 1);
}

#[tokio::test]
async fn a_welcome_is_sent_once_within_twenty_seconds_and_once_in_48_hours() {
    let sim = Simulator::start().await.unwrap();
    let (client, customer) = (client_of(&sim), sim.customer("小王"));
    customer.enters().unwrap();
    let page = client.messages().page(sim.open_kfid()).await.unwrap();
    let Content::Event(Event::EnterSession(entered)) = page.messages()[0].content() else { panic!("{page:?}") };
    let code = entered.welcome_code.as_ref().unwrap();
    let menu = || Msgmenu::new("您好").click("hours", "营业时间").click("human", "转人工");
    client.messages().send_on_event(code, menu()).await.unwrap();
    let heard = customer.hears().await.unwrap();
    assert_eq!((heard.msgtype.as_str(), &heard.body["list"][1]["click"]["id"]), ("msgmenu", &"human".into()));
    let used = client.messages().send_on_event(code, menu()).await.unwrap_err();
    assert_eq!(used.code(), Some(ErrCode::INVALID_WELCOME_CODE));
    assert!(!format!("{used} {used:?}").contains(code.as_str()));
    assert_eq!(customer.enters(), None, "one welcome in 48 hours");

    let other = sim.customer("小李");
    let late = other.enters().unwrap();
    sim.advance(Duration::from_secs(21));
    assert_eq!(
        client.messages().send_on_event(&late, menu()).await.unwrap_err().code(),
        Some(ErrCode::INVALID_WELCOME_CODE)
    );
}

#[tokio::test]
async fn the_code_of_a_transfer_sends_one_text_while_the_session_stays() {
    let world = world().await;
    let (states, messages) = (world.client.sessions(), world.client.messages());
    let code = states.transition(&world.kf, &world.id, Transition::to_queue()).await.unwrap().msg_code.unwrap();
    let menu = messages.send_on_event(&code, Msgmenu::new("请稍候")).await.unwrap_err();
    assert_eq!(menu.code(), Some(ErrCode::INVALID_PARAMETER), "a text only");
    messages.send_on_event(&code, "正在排队").await.unwrap();
    assert_eq!(world.customer.hears().await.unwrap().text(), Some("正在排队"));

    let code =
        states.transition(&world.kf, &world.id, Transition::to_servicer("zhangsan")).await.unwrap().msg_code.unwrap();
    let closing = states.transition(&world.kf, &world.id, Transition::to_end()).await.unwrap().msg_code.unwrap();
    let moved_on = messages.send_on_event(&code, "已接入").await.unwrap_err();
    assert_eq!(moved_on.class(), Class::StateConflict);
    // The reply is lost, and the message is sent again under the same msgid.
    world.sim.fault(op::SEND_MSG_ON_EVENT).status(502);
    messages.send_on_event(&closing, Msgmenu::new("满意吗？").click("1", "满意")).await.unwrap();
    assert_eq!(world.customer.heard().len(), 2);
}

#[tokio::test]
async fn what_wecom_refuses_comes_out_with_code_class_and_remedy() {
    let world = world().await;
    let wrong = |corp_id: &str, secret: &str| {
        Client::builder(Credentials::new(corp_id, secret)).base_url(world.sim.base_url()).build().unwrap()
    };
    let secret = wrong(&world.sim.corp_id(), "wrong").accounts().list().await.unwrap_err();
    assert_eq!((secret.code(), secret.class()), (Some(ErrCode::INVALID_CREDENTIAL), Class::Permission));
    assert!(matches!(secret, Error::NoToken { operation: "account_list", .. }));
    let corp = wrong("wwNobody", &world.sim.secret()).accounts().list().await.unwrap_err();
    assert_eq!(corp.code(), Some(ErrCode::INVALID_CORPID));
    let customer = world.client.messages().send(&world.kf, "wmNobody", "x").await.unwrap_err();
    assert_eq!(customer.code(), Some(ErrCode::INVALID_EXTERNAL_USERID));
    let duplicate = MsgId::new("own-1");
    let send = || world.client.messages().send(&world.kf, &world.id, "x").msgid(&duplicate);
    send().await.unwrap();
    assert_eq!(send().await.unwrap_err().code(), Some(ErrCode::DUPLICATE_MSGID));
    for _ in 1..5 {
        world.send("再").await.unwrap();
    }
    assert_eq!(world.send("第六条").await.unwrap_err().code(), Some(ErrCode::MESSAGE_COUNT_LIMIT_EXCEEDED));
    world.customer.says("好");
    world.send("又可以了").await.unwrap();
    world.sim.advance(Duration::from_secs(49 * 3600));
    let late = world.send("太迟").await.unwrap_err();
    assert!(
        matches!(late.code(), Some(ErrCode::MESSAGE_WINDOW_CLOSED | ErrCode::SESSION_STATE_FORBIDS_SENDING)),
        "{late}"
    );
    for error in [secret, corp, customer, late] {
        for lang in [wecom_kf::Lang::En, wecom_kf::Lang::Zh] {
            assert!(!error.remedy(lang).is_empty());
        }
        assert!(
            wecom_kf::Report::line(&error, wecom_kf::Lang::En).ends_with(error.remedy(wecom_kf::Lang::En)),
            "{error}"
        );
    }
}
