//! The inbox with a real client, against the simulator: answers, welcomes, accounts, invalid settings.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use wecom_kf::messages::{Content, Event, Page};
use wecom_kf::{BoxFuture, Client, Credentials, ErrCode, Lang};
use wecom_kf_inbox::{
    ColdStart, Error, Failure, Fetched, GroupHandle, Inbox, InboxGroup, InboxGroupBuilder, PageRequest, PageSource,
    Quiet, Report, Status,
    store::{ConversationQuery, Memory},
};
use wecom_kf_sim::{Customer, Simulator, op};

use crate::fake::{callback, now};

fn client_with(sim: &Simulator, secret: &str) -> Client {
    let credentials = Credentials::new(sim.corp_id(), secret);
    let builder = Client::builder(credentials).base_url(sim.base_url()).pacing(wecom_kf::Pacing::unlimited());
    // The time limits are longer than any test, so no test is ended by one.
    let builder = builder.attempt_timeout(Duration::from_secs(600)).call_timeout(Duration::from_secs(3600));
    builder.http(|http| http.no_proxy()).build().unwrap()
}

fn client(sim: &Simulator) -> Client {
    client_with(sim, &sim.secret())
}

async fn opened(sim: &Simulator) -> Inbox {
    let builder = Inbox::builder(client(sim), sim.open_kfid()).cold_start(ColdStart::Everything);
    builder.poll(Duration::from_millis(20)).open().await.unwrap()
}

async fn until(done: impl Fn() -> bool) {
    let wait = async {
        while !done() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), wait).await.expect("it takes too long");
}

#[tokio::test]
async fn a_second_try_of_a_handler_does_not_answer_twice() {
    let sim = Simulator::start().await.unwrap();
    let wang = sim.customer("小王");
    wang.says("你好");
    let inbox = opened(&sim).await;
    let handle = inbox.handle();
    let run = tokio::spawn(inbox.run(|delivery| async move {
        let Content::Text(text) = delivery.content() else { return Ok(()) };
        delivery.reply(&text.content).await?;
        delivery.reply("还有别的吗？").await?;
        match delivery.tries() {
            1 | 2 => Err(Failure::retry("after it answered")),
            _ => Ok(()),
        }
    }));
    until(|| handle.metrics().acked == 1).await;
    handle.stop();
    run.await.unwrap().unwrap();
    let heard: Vec<String> = wang.heard().iter().map(|heard| heard.text().unwrap().to_owned()).collect();
    assert_eq!(heard, ["你好", "还有别的吗？"]);
    assert_eq!(sim.calls(op::SEND_MSG), 6, "each was sent three times, and refused twice with 95033");
}

#[tokio::test]
async fn a_batch_that_is_tried_again_is_answered_once() {
    let sim = Simulator::start().await.unwrap();
    let (wang, li) = (sim.customer("小王"), sim.customer("小李"));
    for text in ["你好", "在吗", "我的订单呢"] {
        wang.says(text);
    }
    li.says("早");
    let batches = opened(&sim).await.batch(Quiet::of(Duration::from_millis(100)));
    let handle = batches.handle();
    let run = tokio::spawn(batches.run(|batch| async move {
        batch.reply(batch.text()).await?;
        batch.reply("稍等").named("wait").await?;
        match batch.tries() {
            1 => Err(Failure::retry("after it answered")),
            _ => Ok(()),
        }
    }));
    until(|| handle.metrics().acked == 4).await;
    handle.stop();
    run.await.unwrap().unwrap();
    let heard = |customer: &Customer| -> Vec<String> {
        customer.heard().iter().map(|heard| heard.text().unwrap().to_owned()).collect()
    };
    assert_eq!(heard(&wang), ["你好\n在吗\n我的订单呢", "稍等"]);
    assert_eq!(heard(&li), ["早", "稍等"]);
}

#[tokio::test]
async fn a_transcript_has_each_reply_once() {
    // The inbox reads more often than WeCom allows without a callback's token.
    let sim = Simulator::builder().servicer("zhangsan").disable_assumption("tokenless_reads_are_limited").unwrap();
    let sim = sim.start().await.unwrap();
    let wang = sim.customer("小王");
    wang.says("你好");
    let store = Memory::new();
    let builder = Inbox::builder(client(&sim), sim.open_kfid()).cold_start(ColdStart::Everything).store(store);
    let inbox = builder.poll(Duration::from_millis(20)).transcript(10).open().await.unwrap();
    let handle = inbox.handle();
    let run = tokio::spawn(inbox.run(|delivery| async move {
        let Content::Text(text) = delivery.content() else { return Ok(()) };
        delivery.reply(format!("您说：{}", text.content)).await?;
        let said = delivery.transcript()?.messages().len();
        match delivery.tries() {
            1 => Err(Failure::retry("after it answered")),
            _ => {
                assert!(said >= 2, "the message and its reply");
                Ok(())
            }
        }
    }));
    until(|| handle.metrics().acked >= 1).await;
    sim.servicer("zhangsan").takes(&wang);
    sim.servicer("zhangsan").says(&wang, "我来处理");
    until(|| handle.metrics().servicer_messages == 1).await;
    let control = handle.clone();
    handle.stop();
    run.await.unwrap().unwrap();
    let page = control.conversations(&ConversationQuery::first(10)).await.unwrap();
    let model = page.items[0].transcript().unwrap().for_model();
    let lines: Vec<(&str, &str)> = model.iter().map(|message| (message.role, &*message.content)).collect();
    assert_eq!(lines, [("user", "你好"), ("assistant", "您说：你好\n[servicer] 我来处理")]);
}

#[tokio::test]
async fn a_reply_repeated_after_lost_answers_is_heard_once() {
    let sim = Simulator::start().await.unwrap();
    let wang = sim.customer("小王");
    wang.says("你好");
    // That is more often than the client repeats by itself.
    sim.fault(op::SEND_MSG).reset_after().times(3);
    let inbox = opened(&sim).await;
    let handle = inbox.handle();
    let failed = Arc::new(AtomicUsize::new(0));
    let counted = failed.clone();
    let run = tokio::spawn(inbox.run(move |delivery| {
        let counted = counted.clone();
        async move {
            while delivery.reply("您好").await.is_err() {
                counted.fetch_add(1, SeqCst);
            }
            delivery.reply("还有别的吗？").await?;
            Ok(())
        }
    }));
    until(|| handle.metrics().acked == 1).await;
    run.abort();
    let heard: Vec<String> = wang.heard().iter().map(|heard| heard.text().unwrap().to_owned()).collect();
    assert_eq!(heard, ["您好", "还有别的吗？"]);
    assert!(failed.load(SeqCst) > 0, "an answer was lost");
}

#[tokio::test]
async fn a_second_try_whose_answers_are_lost_too_is_heard_once() {
    let sim = Simulator::start().await.unwrap();
    let wang = sim.customer("小王");
    wang.says("你好");
    let sim = Arc::new(sim);
    let inbox = opened(&sim).await;
    let (handle, faults) = (inbox.handle(), sim.clone());
    let run = tokio::spawn(inbox.run(move |delivery| {
        let sim = faults.clone();
        async move {
            delivery.reply("您好").await?;
            if delivery.tries() == 1 {
                return Err(Failure::retry("after the first reply"));
            }
            if delivery.tries() == 2 {
                // That is more often than the client repeats by itself.
                sim.fault(op::SEND_MSG).reset_after().times(3);
            }
            delivery.reply("还有别的吗？").await?;
            delivery.reply("再见").named("bye").await?;
            Ok(())
        }
    }));
    until(|| handle.metrics().acked == 1).await;
    run.abort();
    let heard: Vec<String> = wang.heard().iter().map(|heard| heard.text().unwrap().to_owned()).collect();
    assert_eq!(heard, ["您好", "还有别的吗？", "再见"]);
    assert!(handle.metrics().retries >= 2, "the second try failed");
}

#[tokio::test]
async fn replies_with_names_are_each_heard_once_whatever_the_order() {
    let sim = Simulator::start().await.unwrap();
    let wang = sim.customer("小王");
    wang.says("你好");
    let inbox = opened(&sim).await;
    let handle = inbox.handle();
    let run = tokio::spawn(inbox.run(|delivery| async move {
        if delivery.tries() == 1 {
            delivery.reply("请稍等").named("wait").await?;
            return Err(Failure::retry("the model is busy"));
        }
        delivery.reply("答案").named("answer").await?;
        delivery.reply("请稍等").named("wait").await?;
        Ok(())
    }));
    until(|| handle.metrics().acked == 1).await;
    run.abort();
    let heard: Vec<String> = wang.heard().iter().map(|heard| heard.text().unwrap().to_owned()).collect();
    assert_eq!(heard, ["请稍等", "答案"]);
}

#[tokio::test]
async fn a_bot_that_was_down_does_not_repeat_what_a_servicer_wrote() {
    let sim = Simulator::builder().servicer("zhangsan").start().await.unwrap();
    let wang = sim.customer("小王");
    wang.says("转人工");
    sim.servicer("zhangsan").says(&wang, "您的退款已批准");
    sim.servicer("zhangsan").ends(&wang).unwrap();
    wang.says("谢谢");
    let inbox = opened(&sim).await;
    let handle = inbox.handle();
    let run = tokio::spawn(inbox.run(|delivery| async move {
        if let Content::Text(text) = delivery.content() {
            delivery.reply(format!("机器人：{}", text.content)).await?;
        }
        Ok(())
    }));
    until(|| wang.heard().iter().any(|heard| heard.to_string().contains("谢谢"))).await;
    run.abort();
    let heard: Vec<String> = wang.heard().iter().map(|heard| heard.to_string()).collect();
    assert!(!heard.iter().any(|heard| heard.contains("机器人：您的退款")), "{heard:?}");
    assert_eq!(handle.metrics().servicer_messages, 1);
}

#[tokio::test]
async fn a_network_that_is_down_ends_no_opening() {
    let builder = Client::builder(Credentials::new("ww1", "secret")).base_url("http://127.0.0.1:9");
    let client = builder.http(|http| http.no_proxy()).build().unwrap();
    let group = InboxGroup::builder(client.clone()).open().await.unwrap();
    let handle = group.handle();
    let run = tokio::spawn(group.run(|_| async { Ok(()) }));
    handle.stop();
    timeout(Duration::from_secs(60), run).await.expect("it ends").unwrap();
    assert!(Inbox::builder(client, "wk1").open().await.is_ok());
}

#[tokio::test]
async fn a_welcome_spends_the_code_and_a_second_try_finds_it_spent() {
    let sim = Simulator::start().await.unwrap();
    let wang = sim.customer("小王");
    wang.enters().expect("a code");
    let inbox = opened(&sim).await;
    let handle = inbox.handle();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let noted = sent.clone();
    let run = tokio::spawn(inbox.run(move |delivery| {
        let noted = noted.clone();
        async move {
            assert!(matches!(delivery.content(), Content::Event(Event::EnterSession(_))));
            let welcomed = delivery.welcome("欢迎").await?;
            noted.lock().unwrap().push(welcomed.is_some());
            if delivery.tries() == 1 { Err(Failure::retry("once more")) } else { Ok(()) }
        }
    }));
    until(|| handle.metrics().acked == 1).await;
    run.abort();
    assert_eq!(*sent.lock().unwrap(), [true, false]);
    assert_eq!(wang.heard().len(), 1);
}

#[tokio::test]
async fn a_simulator_wakes_the_inbox_without_a_server() {
    let sim = Simulator::start().await.unwrap();
    let wang = sim.customer("小王");
    let inbox = Inbox::builder(client(&sim), sim.open_kfid()).poll(Duration::from_secs(24 * 3600));
    let inbox = inbox.cold_start(ColdStart::Everything).open().await.unwrap();
    let handle = inbox.handle();
    let waker = handle.waker();
    sim.wakes(handle.waker());
    let run = tokio::spawn(inbox.run(|delivery| async move {
        if let Content::Text(text) = delivery.content() {
            delivery.reply(&text.content).await?;
        }
        Ok(())
    }));
    for text in ["你好", "还在吗？"] {
        wang.says(text);
        assert_eq!(wang.hears().await.unwrap().text(), Some(text));
    }
    handle.stop();
    run.await.unwrap().unwrap();
    let event = callback(&sim.open_kfid(), &sim.sync_token(), now());
    assert!(waker(&event));
    drop(handle);
    until(|| !waker(&event)).await;
}

#[tokio::test]
async fn a_refused_answer_in_a_human_session_is_acknowledged() {
    let sim = Simulator::builder().servicer("zhangsan").start().await.unwrap();
    let wang = sim.customer("小王");
    wang.says("你好");
    sim.servicer("zhangsan").takes(&wang);
    let inbox = opened(&sim).await;
    let handle = inbox.handle();
    let run = tokio::spawn(inbox.run(|delivery| async move {
        if let Content::Text(text) = delivery.content() {
            delivery.reply(&text.content).await?;
        }
        Ok(())
    }));
    until(|| handle.metrics().acked >= 2).await;
    run.abort();
    let metrics = handle.metrics();
    assert_eq!((metrics.parked, metrics.retries), (0, 0));
    assert_eq!(wang.heard().len(), 0);
}

#[tokio::test]
async fn wrong_settings_end_the_opening_with_what_to_do() {
    let sim = Simulator::start().await.unwrap();
    let wrong_secret = Inbox::builder(client_with(&sim, "wrong"), sim.open_kfid()).open().await.unwrap_err();
    assert!(matches!(&wrong_secret, Error::Read(error) if error.code() == Some(ErrCode::INVALID_CREDENTIAL)));
    assert!(Report::line(&wrong_secret, Lang::En).contains("do:"), "{wrong_secret}");
    assert!(Report::line(&wrong_secret, Lang::Zh).contains("处理："));
    let no_account = Inbox::builder(client(&sim), "wkNone").open().await.unwrap_err();
    assert!(matches!(&no_account, Error::NoSuchAccount { .. }));
    assert!(no_account.to_string().contains("wkNone"), "{no_account}");
    // Errors that may pass do not end the opening.
    sim.fault(op::ACCOUNT_LIST).status(503).times(3);
    assert!(Inbox::builder(client(&sim), sim.open_kfid()).open().await.is_ok());
}

fn group(sim: &Simulator) -> InboxGroupBuilder {
    let builder = InboxGroup::builder(client(sim)).cold_start(ColdStart::Everything);
    builder.each(|inbox| inbox.poll(Duration::from_millis(20))).look_every(Duration::from_millis(50))
}

#[tokio::test]
async fn a_group_serves_all_accounts_and_picks_up_one_that_is_added() {
    let sim = Simulator::builder().account("一店").account("二店").start().await.unwrap();
    for kf in sim.open_kfids() {
        sim.customer_of(&kf, "小王").unwrap().says("你好");
    }
    let group = group(&sim).open().await.unwrap();
    let handle = group.handle();
    let heard = Arc::new(Mutex::new(BTreeSet::new()));
    let noted = heard.clone();
    let run = tokio::spawn(group.run(move |delivery| {
        noted.lock().unwrap().insert(delivery.open_kfid().to_string());
        async { Ok(()) }
    }));
    until(|| heard.lock().unwrap().len() == 2).await;
    let added = client(&sim).accounts().add("三店", &sim.media_id()).await.unwrap();
    sim.customer_of(added.as_str(), "小李").unwrap().says("您好");
    until(|| heard.lock().unwrap().contains(added.as_str())).await;
    assert_eq!(handle.metrics().len(), 3);
    client(&sim).accounts().delete(&added).await.unwrap();
    until(|| handle.each().len() == 2).await;
    handle.stop();
    let summary = timeout(Duration::from_secs(60), run).await.unwrap().unwrap();
    assert_eq!((summary.handled, summary.left), (3, 0));
}

#[tokio::test]
async fn callbacks_of_an_unknown_account_list_the_accounts_once() {
    let sim = Simulator::start().await.unwrap();
    let never = Duration::from_secs(3600);
    let group = InboxGroup::builder(client(&sim)).each(move |inbox| inbox.poll(never)).look_every(never);
    let group = group.open().await.unwrap();
    let handle = group.handle();
    let added = client(&sim).accounts().add("二店", &sim.media_id()).await.unwrap();
    sim.customer_of(added.as_str(), "小李").unwrap().says("您好");
    let heard = Arc::new(Mutex::new(Vec::new()));
    let noted = heard.clone();
    let run = tokio::spawn(group.run(move |delivery| {
        noted.lock().unwrap().push(delivery.open_kfid().to_string());
        async { Ok(()) }
    }));
    until(|| handle.each().len() == 1).await;
    let looks = sim.calls(op::ACCOUNT_LIST);
    for open_kfid in [added.as_str(), "wkOfAnotherApp"].repeat(50) {
        assert!(handle.wake(&callback(open_kfid, &sim.sync_token(), now())));
    }
    until(|| !heard.lock().unwrap().is_empty()).await;
    handle.stop();
    run.await.unwrap();
    assert_eq!(*heard.lock().unwrap(), [added.to_string()]);
    assert_eq!(sim.calls(op::ACCOUNT_LIST) - looks, 1);
}

#[tokio::test]
async fn the_concurrency_limit_of_a_group_is_for_all_its_accounts() {
    let sim = Simulator::builder().account("一店").account("二店").account("三店").start().await.unwrap();
    for kf in sim.open_kfids() {
        for name in ["小王", "小李", "小赵"] {
            sim.customer_of(&kf, name).unwrap().says("你好");
        }
    }
    let group = group(&sim).concurrency(2).open().await.unwrap();
    let handle = group.handle();
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, noted) = (running.clone(), most.clone());
    let run = tokio::spawn(group.run(move |_| {
        let (counted, noted) = (counted.clone(), noted.clone());
        async move {
            noted.fetch_max(counted.fetch_add(1, SeqCst) + 1, SeqCst);
            sleep(Duration::from_millis(10)).await;
            counted.fetch_sub(1, SeqCst);
            Ok(())
        }
    }));
    until(|| handle.metrics().values().map(|metrics| metrics.acked).sum::<u64>() == 9).await;
    handle.stop();
    run.await.unwrap();
    assert_eq!(most.load(SeqCst), 2);
}

#[tokio::test]
async fn of_two_groups_on_one_store_the_other_continues_when_one_is_stopped() {
    // The accounts read without callbacks, more often than WeCom allows.
    let builder = Simulator::builder().account("一店").account("二店").account("三店");
    let sim = builder.disable_assumption("tokenless_reads_are_limited").unwrap().start().await.unwrap();
    let store = Memory::new();
    let handled = Arc::new(Mutex::new(Vec::new()));
    let mut groups = Vec::new();
    for _ in 0..2 {
        let (group, noted) = (group(&sim).store(store.clone()).open().await.unwrap(), handled.clone());
        let handle = group.handle();
        let run = tokio::spawn(group.run(move |delivery| {
            noted.lock().unwrap().push(delivery.id().to_owned());
            async { Ok(()) }
        }));
        groups.push((handle, run));
        let opened = |(handle, _): &(GroupHandle, _)| handle.each().len();
        // The second one takes over some of the accounts.
        until(|| groups.iter().all(|group| opened(group) > 0) && groups.iter().map(opened).sum::<usize>() == 3).await;
    }
    let write = |round: usize| {
        for kf in sim.open_kfids() {
            sim.customer_of(&kf, &format!("customer {round}")).unwrap().says("你好");
        }
    };
    write(0);
    until(|| handled.lock().unwrap().len() == 3).await;
    let (first, run) = groups.remove(0);
    first.stop();
    write(1);
    run.await.unwrap();
    let (second, run) = groups.remove(0);
    until(|| handled.lock().unwrap().len() >= 6).await;
    write(2);
    until(|| handled.lock().unwrap().len() >= 9).await;
    let readers = second.metrics().values().filter(|metrics| metrics.status != Status::StandsBy).count();
    second.stop();
    run.await.unwrap();
    let distinct: BTreeSet<String> = handled.lock().unwrap().iter().cloned().collect();
    assert_eq!((distinct.len(), handled.lock().unwrap().len(), readers), (9, 9, 3), "each once");
}

#[tokio::test]
async fn a_group_whose_settings_cannot_be_is_refused() {
    let sim = Simulator::start().await.unwrap();
    let refused = group(&sim).each(|inbox| inbox.poll(Duration::ZERO)).open().await;
    assert!(matches!(refused, Err(Error::Settings(_))));
}

#[tokio::test]
async fn a_group_is_stopped_at_once_while_wecom_does_not_tell_its_accounts() {
    let sim = Simulator::start().await.unwrap();
    let group = group(&sim).open().await.unwrap();
    let handle = group.handle();
    let fault = sim.fault(op::ACCOUNT_LIST).never_answers().always();
    let run = tokio::spawn(group.run(|_| async { Ok(()) }));
    until(|| fault.hits() > 0).await;
    handle.stop();
    timeout(Duration::from_secs(60), run).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn an_inbox_of_a_group_that_panics_is_opened_again() {
    struct Source(Arc<AtomicUsize>);
    impl PageSource for Source {
        fn fetch(&self, _: PageRequest) -> BoxFuture<'_, Result<Fetched, wecom_kf::Error>> {
            if self.0.fetch_add(1, SeqCst) == 0 {
                std::panic::resume_unwind(Box::new("a panic that the test wants"));
            }
            Box::pin(async { Page::from_json(br#"{"errcode":0}"#).map(Fetched::Page) })
        }
    }
    let sim = Simulator::start().await.unwrap();
    let fetched = Arc::new(AtomicUsize::new(0));
    let counted = fetched.clone();
    let group = group(&sim).each(move |inbox| inbox.source(Source(counted.clone())));
    let group = group.open().await.unwrap();
    let handle = group.handle();
    let run = tokio::spawn(group.run(|_| async { Ok(()) }));
    until(|| fetched.load(SeqCst) > 1).await;
    handle.stop();
    timeout(Duration::from_secs(60), run).await.expect("it ends").unwrap();
}

/// The clock of the simulator stands still during each step, so nothing depends on the speed of the machine.
#[tokio::test]
async fn two_customers_a_second_hear_5_s_answers_within_5_500_ms() {
    const STEP: Duration = Duration::from_millis(500);
    const ANSWER_TAKES: u32 = 10;
    let sim = Simulator::builder().manual_clock().start().await.unwrap();
    let (time, begun) = (watch::Sender::new(0_u32), Arc::new(AtomicUsize::new(0)));
    let (clock, counted) = (time.subscribe(), begun.clone());
    let inbox = opened(&sim).await;
    let handle = inbox.handle();
    sim.wakes(handle.waker());
    let run = tokio::spawn(inbox.run(move |delivery| {
        let (mut clock, counted) = (clock.clone(), counted.clone());
        async move {
            let Content::Text(text) = delivery.content() else { return Ok(()) };
            let ready_at = *clock.borrow() + ANSWER_TAKES;
            counted.fetch_add(1, SeqCst);
            clock.wait_for(|now| *now >= ready_at).await.expect("the test holds it");
            delivery.reply(&text.content).await?;
            Ok(())
        }
    }));
    let mut longest = Duration::ZERO;
    let mut waiting: VecDeque<(Customer, u32)> = VecDeque::new();
    for step in 0..60 {
        if step < 40 {
            let customer = sim.customer(&format!("customer {step}"));
            customer.says("你好");
            waiting.push_back((customer, step));
            // The handler begins at once, whatever else is in progress.
            until(|| begun.load(SeqCst) == step as usize + 1).await;
        }
        while let Some((customer, said_at)) = waiting.front().filter(|(_, said_at)| said_at + ANSWER_TAKES <= step) {
            until(|| customer.heard().len() == 1).await;
            longest = longest.max(STEP * (step - said_at));
            waiting.pop_front();
        }
        sim.advance(STEP);
        time.send_replace(step + 1);
    }
    handle.stop();
    run.await.unwrap().unwrap();
    println!("two customers a second, 5 s answers, through the simulator: {longest:?}");
    assert!(waiting.is_empty() && longest <= Duration::from_millis(5500), "{longest:?}");
}
