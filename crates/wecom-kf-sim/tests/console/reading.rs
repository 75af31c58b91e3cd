//! Reading in the console: languages, keyboard, small screens, "Copy as test".

use std::sync::Arc;

use fantoccini::key::Key;
use serde_json::{Value, json};
use wecom_kf_sim::{Satisfaction, Simulator, op};

use crate::browser::play;
use crate::calls::contact_way;
use crate::my_bot;

/// What "Copy as test" makes of the chat below, in each format. All of it is run: `copied.rs` is compiled here, the others are
/// run by `tests/packages/run.sh`.
const COPIED: [(&str, &str); 4] = [
    ("rust", include_str!("copied.rs")),
    ("pytest", include_str!("../packages/python/test_copied.py")),
    ("node", include_str!("../packages/node/copied.test.js")),
    ("scenario", include_str!("../packages/copied.yaml")),
];

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn a_chat_becomes_the_test_that_is_compiled_beside_this_one() {
    let sim = Arc::new(
        Simulator::builder().seed(7).manual_clock().servicer("zhangsan").servicer("lisi").start().await.unwrap(),
    );
    sim.department(3, &["wangwu"]);
    sim.set_upgrade_members(&[], &[3]);
    sim.set_upgrade_groupchats(&["wrGroup"]);
    sim.bind_wechat_channels();
    let link = contact_way(&sim, json!("poster")).await;
    let bot = tokio::spawn(my_bot::run(sim.vars()));
    let wang = sim.customer("小王");
    wang.set_gender(2);
    wang.set_avatar(None);
    wang.set_unionid(Some("u1"));
    wang.enters_with("spring", None).unwrap();
    wang.hears().await.unwrap();
    wang.says("周末\"开\"门吗？\n谢谢 😊");
    wang.hears().await.unwrap();
    wang.writes("location", json!({ "latitude": 31.25, "longitude": 121.5, "name": "家" }));
    wang.writes("image", json!({ "media_id": sim.media_id() }));
    wang.enters_by(&format!("{link}&scene_param=a%3D1")).unwrap();
    wang.enters_from_channels(4, "小店");
    wang.says("有专人吗？");
    wang.hears().await.unwrap();
    wang.accepts_upgrade().unwrap();
    wang.says("不用了");
    wang.hears().await.unwrap();
    sim.advance(std::time::Duration::from_secs(3600));
    wang.chooses("human").unwrap();
    wang.hears().await.unwrap();
    let said = sim.servicer("zhangsan").says(&wang, "您好");
    sim.servicer("zhangsan").recalls(&wang, &said).unwrap();
    sim.servicer("zhangsan").writes(&wang, "business_card", json!({ "userid": "lisi" }));
    sim.servicer("zhangsan").rejects(&wang);
    sim.servicer("zhangsan").stops_rejecting(&wang);
    sim.servicer("zhangsan").transfers(&wang, "lisi").unwrap();
    sim.servicer("lisi").ends(&wang).unwrap();
    sim.servicer("lisi").asks_to_rate(&wang).unwrap();
    wang.rates(Satisfaction::Satisfied).unwrap();
    // As it is now the bot could not have offered anything.
    sim.manage_upgrade_in_console();
    let address = format!("{}/?lang=en&customer={}", sim.base_url(), wang.external_userid());
    play(address, |page| async move {
        page.sees(".note", "小王 rated: satisfied").await;
        page.eval("navigator.clipboard.writeText = async (text) => { window.copied = text }").await;
        page.click("[data-focus=copy-test]").await;
        for (format, file) in COPIED {
            page.click(&format!("[data-focus=format-{format}]")).await;
            page.eval("window.copied = null").await;
            page.click("[data-focus=copy-test-copy]").await;
            let copied = page.until("it is copied", "return window.copied").await;
            let copied = copied.as_str().unwrap();
            let (_, expected) = file.split_once(" ---\n").unwrap();
            assert_eq!(copied, expected, "{format}\n{copied}");
        }
        // The choice stays.
        page.press(Key::Escape).await;
        page.click("[data-focus=copy-test]").await;
        page.sees("dialog .test-code", "bot_answers:").await;
    })
    .await;
    bot.abort();
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn both_languages_are_spoken_and_the_address_chooses() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let address = format!("{}/?lang=en", sim.base_url());
    play(address, |page| async move {
        page.sees("[data-tab=journal]", "Journal").await;
        assert_eq!(page.eval("return document.documentElement.lang").await, "en");
        page.open(&format!("{}/?lang=zh-CN", sim.base_url())).await;
        page.sees("[data-tab=journal]", "日志").await;
        page.click("[data-focus=language]").await;
        page.sees("[data-tab=journal]", "Journal").await;
        assert_eq!(page.eval("return location.search").await, "?lang=en");
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn the_keyboard_is_enough_and_is_off_while_typing() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    for name in ["小王", "小李"] {
        sim.customer(name).says("在吗");
    }
    let bot = tokio::spawn(my_bot::run(sim.vars()));
    let address = format!("{}/?lang=en", sim.base_url());
    play(address, |page| async move {
        page.sees("#journal .op", "send_msg").await;
        page.keys("]").await;
        page.sees(".chat-head h2", " at 小店").await;
        let first = page.text(".chat-head h2").await;
        page.keys("]").await;
        let other = format!("return document.querySelector('.chat-head h2').textContent !== {}", json!(first));
        page.until("it is the other customer", &other).await;
        page.keys("[").await;
        page.sees(".chat-head h2", &first).await;
        page.keys("c").await;
        page.until("the box has the focus", "return document.activeElement.id === 'box'").await;
        page.keys("jk/n?").await;
        assert_eq!(page.eval("return document.querySelector('#box').value").await, "jk/n?");
        assert_eq!(page.count("dialog").await, 0);
        page.press(Key::Escape).await;
        page.keys("k").await;
        let row = page.focused().await;
        assert!(row.starts_with("row-") || row.starts_with("fold-"), "{row}");
        page.keys("k").await;
        assert_ne!(page.focused().await, row);
        // A line of repeats opens to more lines.
        while !page.focused().await.starts_with("row-") {
            page.keys("k").await;
        }
        page.press(Key::Enter).await;
        page.sees(".details", "Request").await;
        page.keys("/").await;
        assert_eq!(page.focused().await, "filter");
        page.keys("send_msg").await;
        page.until(
            "only those are left",
            "return [...document.querySelectorAll('#journal .op')].every((node) => node.textContent === 'send_msg')",
        )
        .await;
        assert_eq!(page.eval("return new URLSearchParams(location.search).get('filter')").await, "send_msg");
        page.press(Key::Escape).await;
        page.keys("?").await;
        page.sees("dialog", "next or previous row").await;
        page.click("dialog .switch").await;
        page.press(Key::Escape).await;
        page.keys("n").await;
        assert_eq!(page.count("dialog").await, 0);
    })
    .await;
    bot.abort();
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn on_a_phone_there_is_one_pane_nothing_sticks_out_and_thumbs_hit() {
    let sim = Arc::new(Simulator::builder().servicer("zhangsan").start().await.unwrap());
    let bot = tokio::spawn(my_bot::run(sim.vars()));
    let wang = sim.customer("小王");
    wang.enters();
    wang.hears().await.unwrap();
    wang.says("一个很长很长的问题，长到在手机上要换好几行才能显示完整：https://shop.example/a/very/long/path/that/does/not/end");
    wang.hears().await.unwrap();
    let address = format!("{}/?lang=en&customer={}", sim.base_url(), wang.external_userid());
    play(address, |page| async move {
        page.resize((390, 844)).await;
        for (place, pane) in ["people", "chat", "journal", "controls"].into_iter().enumerate() {
            page.click(&format!(".phone-tabs button:nth-child({})", place + 1)).await;
            page.until("it is the pane", &format!("return document.body.dataset.pane === '{pane}'")).await;
            let panes = "return [...document.querySelectorAll('.pane')].filter((node) => node.checkVisibility()).length";
            assert_eq!(page.eval(panes).await, 1, "{pane}");
            assert_eq!(page.eval("return document.documentElement.scrollWidth").await, 390, "{pane}");
            let small = page
                .eval(
                    "return [...document.querySelectorAll('button, input:not([type=checkbox]), select, textarea, label.check')]
                       .filter((node) => node.checkVisibility())
                       .map((node) => [node.className, node.textContent.slice(0, 20), node.getBoundingClientRect()])
                       .filter(([, , { width, height }]) => width < 44 || height < 44)
                       .map(([name, text, { width, height }]) => `${name} ${text} ${width}x${height}`)",
                )
                .await;
            assert_eq!(small, json!([]), "{pane}");
        }
    })
    .await;
    bot.abort();
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn on_a_phone_there_is_room_for_why_a_callback_failed() {
    let builder = Simulator::builder().callback_url("http://127.0.0.1:9/nobody-listens");
    let sim = Arc::new(builder.start().await.unwrap());
    sim.customer("小王").says("在吗");
    let address = format!("{}/?lang=en&pane=controls&tab=callbacks", sim.base_url());
    play(address, |page| async move {
        page.resize((390, 844)).await;
        page.sees(".callback-rows", "attempt 3").await;
        let room = page
            .eval(
                "const panel = document.querySelector('#panel-callbacks');
                 const why = [...panel.querySelectorAll('.callback-rows p.bad')].map((node) => node.clientWidth);
                 return panel.scrollWidth === panel.clientWidth && why.length === 3 && Math.min(...why) > 200",
            )
            .await;
        assert_eq!(room, true);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn a_row_lights_its_bubble_and_the_bubble_its_row() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let bot = tokio::spawn(my_bot::run(sim.vars()));
    let wang = sim.customer("小王");
    wang.says("在吗");
    wang.hears().await.unwrap();
    let address = format!("{}/?lang=en&customer={}", sim.base_url(), wang.external_userid());
    play(address, |page| async move {
        page.click(".entry.bot .meta button").await;
        page.until("the row is lit", "return document.querySelector('.row.lit .op')?.textContent === 'send_msg'").await;
        page.until("its bubble is lit", "return document.querySelector('.entry.lit')?.classList.contains('bot')").await;
        page.click(".entry.customer .meta button:not(.recall)").await;
        page.until("the row is lit", "return document.querySelector('.row.lit .op')?.textContent === 'sync_msg'").await;
        page.until("its bubble is lit", "return document.querySelector('.entry.lit')?.classList.contains('customer')")
            .await;
        page.click(".row.lit .row-head").await;
        page.until("it is closed and nothing is lit", "return !document.querySelector('.lit')").await;
        page.click("[data-focus=row-1]").await;
        page.sees(".details", "gettoken").await;
        assert_eq!(page.count(".entry.lit").await, 0);
        let sends =
            "[...document.querySelectorAll('.row-head')].filter((node) => node.textContent.includes('send_msg'))";
        // It is open already: once to close it, once to open it again.
        page.eval(&format!("{sends}[0].click(); {sends}[0].click()")).await;
        page.until("its bubble is lit", "return document.querySelector('.entry.lit')?.classList.contains('bot')").await;
    })
    .await;
    bot.abort();
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn who_reads_further_up_is_left_there_and_the_page_stays_small() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let wang = sim.customer("小王");
    for number in 0..600 {
        wang.says(&format!("第 {number} 条"));
    }
    let address = format!("{}/?lang=en&customer={}", sim.base_url(), wang.external_userid());
    play(address, |page| async move {
        page.sees(".entry .bubble", "第 599 条").await;
        assert_eq!(page.count(".entry").await, 500);
        page.until("it follows", "const log = document.querySelector('#log'); return log.scrollHeight - log.scrollTop - log.clientHeight < 40").await;
        page.eval("document.querySelector('#log').scrollTop = 3000").await;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        for number in 0..12 {
            wang.says(&format!("新 {number}"));
        }
        page.sees("#log-new", "12 new ↓").await;
        let top: Value = page.eval("return document.querySelector('#log').scrollTop").await;
        assert!(top.as_f64().unwrap() < 4000.0, "{top}");
        page.click("#log-new").await;
        page.until("it follows again", "const log = document.querySelector('#log'); return log.scrollHeight - log.scrollTop - log.clientHeight < 40").await;
        assert_eq!((page.count(".entry").await, sim.calls(op::SYNC_MSG)), (500, 0));
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn only_panes_scroll_and_a_jump_within_one_leaves_the_page_where_it_is() {
    let sim = Simulator::builder().seed(7).manual_clock().start().await.unwrap();
    let wang = sim.customer("小王");
    (0..40).for_each(|number| drop(wang.says(&format!("第 {number} 条"))));
    let address = format!("{}/?lang=en&customer={}", sim.base_url(), wang.external_userid());
    play(address, |page| async move {
        page.sees(".entry .bubble", "第 39 条").await;
        assert_eq!(page.eval("return document.documentElement.scrollHeight - innerHeight").await, 0);
        page.eval("document.querySelector('a[href$=\"#log\"]').click()").await;
        page.eval("document.querySelector('.entry .bubble').scrollIntoView({ block: 'start' })").await;
        assert_eq!(page.eval("return document.documentElement.scrollTop").await, 0);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn sending_scrolls_to_the_own_message() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let wang = sim.customer("小王");
    (0..60).for_each(|number| drop(wang.says(&format!("第 {number} 条"))));
    let address = format!("{}/?lang=en&customer={}", sim.base_url(), wang.external_userid());
    play(address, |page| async move {
        page.sees(".entry .bubble", "第 59 条").await;
        page.eval("document.querySelector('#log').scrollTop = 100").await;
        page.until("it stays there", "return document.querySelector('#log').scrollTop === 100").await;
        page.write("我在这里").await;
        let is_in_sight = "
            const own = [...document.querySelectorAll('.entry.customer')].at(-1);
            const log = document.querySelector('#log').getBoundingClientRect();
            const { top, bottom } = own.getBoundingClientRect();
            return own.textContent.includes('我在这里') && top >= log.top && bottom <= log.bottom";
        page.until("the own message is in sight", is_in_sight).await;
        drop(sim);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn earlier_messages_are_loaded_and_a_test_has_the_whole_chat() {
    let sim = Arc::new(Simulator::builder().seed(7).manual_clock().start().await.unwrap());
    let wang = sim.customer("小王");
    (0..1100).for_each(|number| drop(wang.says(&format!("第 {number} 条"))));
    let address = format!("{}/?lang=en&customer={}", sim.base_url(), wang.external_userid());
    play(address, |page| async move {
        page.sees(".entry .bubble", "第 1099 条").await;
        assert_eq!(page.count(".entry").await, 500);
        page.click("[data-focus=copy-test]").await;
        let code = page.until("the test is there", "return document.querySelector('dialog .test-code')?.textContent").await;
        assert_eq!(code.as_str().unwrap().matches("customer.says(").count(), 1100);
        page.press(Key::Escape).await;

        // Whoever reads at the top stays at the message that was there.
        let before = "const first = document.querySelector('.entry'); window.first = first; window.top_ = first.getBoundingClientRect().top; return 1";
        page.eval("document.querySelector('#log').scrollTop = 200").await;
        page.until("it is there", "return document.querySelector('#log').scrollTop === 200").await;
        page.eval(before).await;
        page.eval("document.querySelector('.earlier button').click()").await;
        page.until("they are there", "return document.querySelectorAll('.entry').length === 1000").await;
        let moved = page.eval("return Math.abs(window.first.getBoundingClientRect().top - window.top_)").await;
        assert!(moved.as_f64().unwrap() < 2.0, "{moved}");
        page.eval("document.querySelector('.earlier button').click()").await;
        page.until("all are there", "return document.querySelectorAll('.entry').length === 1100").await;
        page.until("nothing is earlier", "return !document.querySelector('.earlier')").await;
        drop(sim);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn assumptions_are_searched_and_stand_in_groups() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    play(format!("{}/?lang=en&tab=assumptions", sim.base_url()), |page| async move {
        page.sees("#panel-assumptions details h2", "Can be switched off").await;
        page.sees("#panel-assumptions details h2", "Sessions").await;
        let open = "return [...document.querySelectorAll('#panel-assumptions details[open]')].map((node) => node.dataset.group)";
        assert_eq!(page.eval(open).await, json!(["switchable"]));
        page.click("#assumption-search").await;
        page.keys("95016").await;
        page.sees("#panel-assumptions", "rules found").await;
        let all = "return [...document.querySelectorAll('.assumptions li')].every((rule) => rule.textContent.includes('95016'))";
        page.until("only those are left", all).await;
        assert_ne!(page.count(".assumptions li").await, 0);
        assert_eq!(page.focused().await, "assumption-search");
        drop(sim);
    })
    .await;
}
