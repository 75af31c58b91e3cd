//! How long customers wait: by the simulator's clock, and never depending on the speed of the machine.

use std::time::Duration;

use serde_json::json;
use wecom_kf_sim::{NotSilent, Simulator, op};

use crate::bot::Bot;
use crate::clock::StandingClock;

const MINUTE: Duration = Duration::from_secs(60);

async fn with_manual_clock() -> Simulator {
    Simulator::builder().manual_clock().servicer("zhangsan").start().await.unwrap()
}

/// Reads all that was written, as a bot does.
async fn read(sim: &Simulator, bot: &Bot) {
    bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
}

#[tokio::test]
async fn a_manual_clock_begins_at_the_present_time() {
    let running = Simulator::start().await.unwrap();
    let manual = with_manual_clock().await;
    assert!(manual.now().abs_diff(running.now()) < 600, "{} {}", manual.now(), running.now());
    assert!(manual.has_manual_clock());
}

#[tokio::test]
async fn with_a_manual_clock_what_is_sent_at_the_limit_is_heard() {
    let sim = with_manual_clock().await;
    let (bot, wang) = (Bot::of(&sim).await, sim.customer("小王"));
    wang.says("在吗？");
    let (heard, ()) = tokio::join!(wang.hears_within(MINUTE), async {
        sim.advance(MINUTE);
        bot.ok(op::SEND_MSG, bot.text(&wang, "在")).await;
    });
    assert_eq!(heard.unwrap().text(), Some("在"));
}

#[tokio::test]
async fn with_a_manual_clock_what_is_sent_later_is_left_for_the_next_wait() {
    let sim = with_manual_clock().await;
    let (bot, wang) = (Bot::of(&sim).await, sim.customer("小王"));
    wang.says("在吗？");
    let (heard, ()) = tokio::join!(wang.hears_within(MINUTE), async {
        sim.advance(MINUTE + Duration::from_secs(1));
        bot.ok(op::SEND_MSG, bot.text(&wang, "在")).await;
    });
    let error = heard.unwrap_err();
    assert_eq!(error.within, MINUTE);
    assert!(error.to_string().starts_with("nothing within 60s; the chat until now"), "{error}");
    assert_eq!(wang.hears().await.unwrap().text(), Some("在"));
}

#[tokio::test]
async fn all_waits_have_the_limit_of_the_customer() {
    let sim = with_manual_clock().await;
    let wang = sim.customer("小王").within(MINUTE);
    wang.says("转人工");
    let (with, offered, heard, ()) =
        tokio::join!(wang.is_with("zhangsan"), wang.is_offered("zhangsan"), wang.hears(), async {
            sim.advance(2 * MINUTE);
        });
    assert!(with.is_err() && offered.is_err() && heard.is_err());
}

#[tokio::test(start_paused = true)]
async fn with_a_running_clock_a_bot_has_a_minute_at_least() {
    let sim = Simulator::start().await.unwrap();
    let wang = sim.customer("小王");
    for (limit, waited) in [(1, 60), (90, 90)] {
        let started = tokio::time::Instant::now();
        wang.hears_within(Duration::from_secs(limit)).await.unwrap_err();
        assert_eq!(started.elapsed().as_secs(), waited);
    }
}

#[tokio::test]
async fn silence_moves_a_manual_clock() {
    let sim = with_manual_clock().await;
    let (bot, wang) = (Bot::of(&sim).await, sim.customer("小王"));
    wang.says("转人工");
    read(&sim, &bot).await;
    let before = sim.now();
    wang.stays_silent(49 * 60 * MINUTE).await.unwrap();
    assert_eq!((sim.now() - before, wang.state()), (49 * 3600, 4));
}

#[tokio::test]
async fn a_message_that_was_not_heard_is_no_silence() {
    let sim = with_manual_clock().await;
    let (bot, wang) = (Bot::of(&sim).await, sim.customer("小王"));
    wang.says("转人工");
    read(&sim, &bot).await;
    bot.ok(op::SEND_MSG, bot.text(&wang, "您好")).await;
    let error = wang.stays_silent(MINUTE).await.unwrap_err();
    assert!(matches!(&error, NotSilent::Heard { heard, .. } if heard.text() == Some("您好")), "{error}");
    assert!(error.to_string().starts_with("the bot sent a message: 您好\n"), "{error}");
    wang.stays_silent(MINUTE).await.unwrap();
}

/// Real time stands still, too, so that a busy machine cannot make the bot too slow.
#[tokio::test]
async fn what_the_bot_sends_after_time_has_passed_is_no_silence() {
    let sim = with_manual_clock().await;
    let (bot, wang) = (Bot::of(&sim).await, sim.customer("小王"));
    wang.says("在吗？");
    read(&sim, &bot).await;
    let (clock, before) = (StandingClock::start(), sim.now());
    let (silence, ()) = tokio::join!(wang.stays_silent(MINUTE), async {
        clock.pass(Duration::from_secs(1)).await;
        assert_eq!(sim.now() - before, 60);
        bot.ok(op::SEND_MSG, bot.text(&wang, "还在吗？")).await;
    });
    assert!(matches!(silence, Err(NotSilent::Heard { .. })), "{silence:?}");
}

#[tokio::test(start_paused = true)]
async fn a_bot_that_does_not_read_proves_nothing_by_its_silence() {
    let sim = Simulator::start().await.unwrap();
    let wang = sim.customer("小王");
    wang.stays_silent(MINUTE).await.unwrap(); // nothing was written
    wang.says("在吗？");
    let error = wang.stays_silent(MINUTE).await.unwrap_err();
    assert!(matches!(error, NotSilent::NotRead { .. }), "{error}");
    assert!(error.to_string().ends_with("小王: 在吗？"), "{error}");
}
