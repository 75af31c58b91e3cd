//! The console's customers and servicers.

use std::sync::Arc;

use fantoccini::key::Key;
use serde_json::json;
use wecom_kf_sim::{Simulator, op};

use crate::browser::play;
use crate::my_bot;

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn a_customer_is_added_and_writes_and_the_bots_answer_appears() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let address = format!("{}/?lang=en", sim.base_url());
    play(address, |page| async move {
        page.sees(".welcome", "No bot is connected yet. Start one:").await;
        page.sees("#journal", &sim.base_url()).await;
        let bot = tokio::spawn(my_bot::run(sim.vars()));
        page.until("the first gettoken has come", "return !document.querySelector('.no-bot')").await;

        page.click(".account .add").await;
        page.sees("dialog", "Add a customer").await;
        page.press(Key::Enter).await;
        page.sees(".note", "小王 entered the chat").await;
        assert_eq!(page.count("#entries .hint").await, 0);
        page.sees(".entry.bot .menu", "您好 👋").await;

        page.write("你们周末开门吗？😊").await;
        page.sees(".entry.customer .bubble", "你们周末开门吗？😊").await;
        page.sees(".entry.bot .bubble", "收到：你们周末开门吗？😊").await;
        page.sees("#journal .op", "send_msg").await;
        page.sees("#meters", "1/5 sent").await;
        assert_eq!(page.eval("return document.querySelector('#box').value").await, "");
        assert_eq!(page.text(".customer .says").await, "bot: 收到：你们周末开门吗？😊");
        assert_eq!((sim.calls(op::SEND_MSG), sim.calls(op::SEND_MSG_ON_EVENT)), (1, 1));
        bot.abort();
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn a_menu_link_in_a_text_is_tapped() {
    let sim = Arc::new(Simulator::builder().servicer("zhangsan").start().await.unwrap());
    let wang = sim.customer("小王");
    wang.says("你好");
    let servicer = sim.servicer("zhangsan");
    servicer.takes(&wang);
    let text = "请选择 <a href=\"weixin://kefumenu?kefumenucontent=%E9%80%80%E6%AC%BE%26&kefumenuid=q1\">我要 &lt;退款&gt;</a> \
        或 https://example.com/ 或 <a href=\"weixin://kefumenu?kefumenucontent=x\">没有 id</a>";
    servicer.writes(&wang, "text", json!({ "content": text }));
    let address = format!("{}/?lang=en&customer={}", sim.base_url(), wang.external_userid());
    play(address, |page| async move {
        page.sees(".entry.servicer .menu-link[data-menu=q1]", "我要 <退款>").await;
        page.sees(".entry.servicer .words a", "https://example.com/").await;
        assert_eq!(page.count("button.menu-link").await, 1, "a link without an id does nothing");
        page.click("button.menu-link").await;
        page.sees(".entry.customer .bubble", "退款&").await;
        page.sees(".entry.customer .meta", "tapped q1").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn a_menu_item_is_tapped_and_the_session_goes_to_a_servicer() {
    let sim = Arc::new(Simulator::builder().servicer("zhangsan").start().await.unwrap());
    let bot = tokio::spawn(my_bot::run(sim.vars()));
    let wang = sim.customer("小王");
    wang.enters();
    let address = format!("{}/?lang=en&customer={}", sim.base_url(), wang.external_userid());
    play(address, |page| async move {
        page.sees(".menu .item", "转人工").await;
        page.click(".menu .item[data-menu=human]").await;
        page.sees(".entry.customer .meta", "tapped human").await;
        page.sees("#meters .chip", "3 servicer zhangsan").await;
        page.sees(".note", "session → 3 servicer, zhangsan by API").await;
        page.sees(".entry.bot .bubble", "正在为您转接人工 🙇").await;
        page.sees(".entry.bot .meta", "on_event").await;
        assert_eq!(sim.calls(op::SERVICE_STATE_TRANS), 1);
    })
    .await;
    bot.abort();
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn a_servicer_takes_over_replies_and_ends() {
    let sim = Arc::new(Simulator::builder().servicer("zhangsan").start().await.unwrap());
    let wang = sim.customer("小王");
    wang.says("在吗");
    let address = format!("{}/?lang=en&customer={}", sim.base_url(), wang.external_userid());
    play(address, |page| async move {
        page.sees("#meters .chip", "0 untreated").await;
        page.click("[data-focus=take]").await;
        page.sees("#meters .chip", "3 servicer zhangsan").await;
        page.click("[data-focus=author-zhangsan]").await;
        page.write("您好，我是张三").await;
        page.sees(".entry.servicer .bubble", "您好，我是张三").await;
        page.sees(".servicer", "1 active").await;
        assert_eq!((wang.state(), wang.servicer_userid().as_deref()), (3, Some("zhangsan")));
        page.click("[data-focus=end]").await;
        page.sees("#meters .chip", "4 ended").await;
        assert_eq!(wang.state(), 4);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn only_who_serves_the_account_is_offered() {
    let sim = Arc::new(Simulator::builder().servicer("zhangsan").start().await.unwrap());
    sim.member("lisi");
    let wang = sim.customer("小王");
    wang.says("在吗");
    let address = format!("{}/?lang=en&customer={}", sim.base_url(), wang.external_userid());
    play(address, |page| async move {
        page.sees("[data-focus=take]", "zhangsan").await;
        assert_eq!((page.count(".servicer").await, page.count("[data-focus^=author-]").await), (2, 2));
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn every_kind_that_is_offered_is_written_and_shown() {
    let sim = Arc::new(Simulator::builder().servicer("zhangsan").start().await.unwrap());
    let wang = sim.customer("小王");
    wang.says("在吗");
    let address = format!("{}/?lang=en&customer={}", sim.base_url(), wang.external_userid());
    play(address, |page| async move {
        page.click("[data-focus=author-zhangsan]").await;
        page.click("#plus").await;
        let kinds = page
            .until(
                "the kinds are there",
                "return [...document.querySelectorAll('.board [data-kind]')].map((node) => node.dataset.kind)",
            )
            .await;
        assert_eq!(kinds.as_array().unwrap().len(), 17);
        page.press(Key::Escape).await;
        for (number, kind) in kinds.as_array().unwrap().iter().map(|kind| kind.as_str().unwrap()).enumerate() {
            let servicers = ["business_card", "msgmenu"].contains(&kind);
            page.click(if servicers { "[data-focus=author-zhangsan]" } else { "[data-focus=author-]" }).await;
            page.click("#plus").await;
            page.click(&format!("[data-kind={kind}]")).await;
            // Those with fields ask first.
            let asks =
                "return document.querySelector('dialog form') ? 'form' : document.querySelectorAll('.entry').length";
            if page.eval(asks).await == "form" {
                page.click("dialog [type=submit]").await;
            }
            let script = format!("return document.querySelectorAll('.entry').length === {}", number + 2);
            page.until(&format!("{kind} is shown"), &script).await;
        }
        page.sees(".card", "人民广场").await;
        page.sees(".card", "¥199.00").await;
        page.sees(".card", "hologram").await;
        page.until("the picture is there", "return document.querySelector('.picture img')?.naturalWidth > 0").await;
        assert_eq!(page.count(".toast.refused").await, 0);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn enter_sends_nothing_while_an_input_method_composes() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let wang = sim.customer("小王");
    let address = format!("{}/?lang=zh-CN&customer={}", sim.base_url(), wang.external_userid());
    play(address, |page| async move {
        page.click("#box").await;
        // An input method has taken this key, whether or not the browser tells of a composition.
        page.eval(
            "const box = document.querySelector('#box');
             box.value = 'ni';
             box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', keyCode: 229, bubbles: true, cancelable: true }));
             box.value = ''",
        )
        .await;
        page.cdp("Input.imeSetComposition", json!({ "text": "nihao", "selectionStart": 5, "selectionEnd": 5 })).await;
        page.until("it composes", "return document.querySelector('#box').value === 'nihao'").await;
        let enter = |kind| json!({ "type": kind, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r" });
        page.cdp("Input.dispatchKeyEvent", enter("keyDown")).await;
        page.cdp("Input.dispatchKeyEvent", enter("keyUp")).await;
        // Some browsers tell of the end of the composition before they tell of the Enter that ended it.
        page.eval(
            "const box = document.querySelector('#box');
             box.dispatchEvent(new CompositionEvent('compositionend'));
             return Promise.resolve().then(() =>
               box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true })))",
        )
        .await;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert_eq!(page.count(".entry").await, 0);

        page.cdp("Input.insertText", json!({ "text": "你好" })).await;
        page.until("it is composed", "return document.querySelector('#box').value.includes('你好')").await;
        page.press(Key::Enter).await;
        page.sees(".entry.customer .bubble", "你好").await;
        assert_eq!(page.count(".entry").await, 1);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn texts_and_names_stay_text() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let evil = "<img src=x onerror=\"window.hit=1\"><script>window.hit=1</script>";
    let customer = sim.customer("<b>小王</b><img src=x onerror=window.hit=1>");
    customer.says(evil);
    customer.says("javascript:window.hit=1 https://shop.example/a?b=<img>");
    let address = format!("{}/?lang=en&customer={}", sim.base_url(), customer.external_userid());
    play(address, move |page| async move {
        page.sees(".entry.customer .bubble", evil).await;
        page.sees(".chat-head h2", "<b>小王</b>").await;
        page.sees(".customer .says", "javascript:").await;
        assert_eq!(page.count("#entries img, #people img, #chat-head img, b, #entries script").await, 0);
        let links = page.eval("return [...document.querySelectorAll('.words a')].map((link) => link.href)").await;
        assert_eq!(links, json!(["https://shop.example/a?b="]));
        // And nobody can do otherwise by mistake: the policy forbids it.
        let thrown = page
            .eval("try { document.body.innerHTML = '<i>'; return 'set' } catch (error) { return error.name }")
            .await;
        assert_eq!(thrown, "TypeError");
        assert_eq!(page.eval("return window.hit ?? null").await, json!(null));
        drop(sim);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn what_is_unread_is_counted_in_the_list_and_on_the_tab_until_it_is_looked_at() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let bot = tokio::spawn(my_bot::run(sim.vars()));
    let wang = sim.customer("小王");
    wang.says("在吗");
    wang.hears().await.unwrap();
    let address = format!("{}/?lang=en", sim.base_url());
    play(address, |page| async move {
        page.sees(".customer .unread", "1").await;
        page.until("the title tells", "return document.title === '(1) wecom-kf-sim'").await;
        page.until("the icon tells", "return document.querySelector('#icon').href.startsWith('data:image/png')").await;
        page.click(".customer").await;
        page.until("it is read", "return !document.querySelector('.customer .unread')").await;
        page.until("the title is plain", "return document.title === 'wecom-kf-sim'").await;
        assert!(
            page.eval("return document.querySelector('#icon').href")
                .await
                .as_str()
                .unwrap()
                .ends_with("/console/icon.svg")
        );
    })
    .await;
    bot.abort();
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn who_is_looked_at_is_in_sight_among_hundreds() {
    let sim = Simulator::builder().seed(7).manual_clock().start().await.unwrap();
    let customers: Vec<_> = (0..250).map(|number| sim.customer(&format!("客户{number:03}"))).collect();
    customers.iter().for_each(|customer| drop(customer.says("你好")));
    // All spoke at the same moment: then the names decide, and 200 are listed.
    let last = customers[249].external_userid();
    let address = format!("{}/?lang=en&customer={last}", sim.base_url());
    play(address, |page| async move {
        let is_in_sight =
            "const row = document.querySelector('#people .customer[aria-current]')?.getBoundingClientRect();
             const pane = document.querySelector('#people-list').getBoundingClientRect();
             return row !== undefined && row.top >= pane.top && row.bottom <= pane.bottom";
        page.until("the customer is in sight", is_in_sight).await;
        assert_eq!(page.count("#people .customer").await, 201);
        page.sees("#people", "Show more (49 left)").await;

        // Everybody can be found, and reached.
        page.click("#customer-search").await;
        page.keys("客户23").await;
        page.until("ten are found", "return document.querySelectorAll('#people .customer').length === 10").await;
        page.click(&format!("[data-customer={}]", customers[234].external_userid())).await;
        page.sees(".chat-head h2", "客户234").await;
        page.eval("const search = document.querySelector('#customer-search'); search.value = '没有这个人'; search.dispatchEvent(new Event('input'))").await;
        page.sees("#people .empty", "No customer matches.").await;
        page.eval("const search = document.querySelector('#customer-search'); search.value = ''; search.dispatchEvent(new Event('input'))").await;
        page.click("#people .more button").await;
        page.until("all are there", "return document.querySelectorAll('#people .customer').length === 250").await;
        assert_eq!(page.count("#people .more").await, 0);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn a_tick_says_that_a_message_arrived_and_two_that_the_bot_read_it() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let wang = sim.customer("小王");
    wang.says("在吗");
    let address = format!("{}/?lang=en&customer={}", sim.base_url(), wang.external_userid());
    play(address, |page| async move {
        page.sees(".entry.customer .tick", "Delivered. The bot has not read it yet.").await;
        let bot = tokio::spawn(my_bot::run(sim.vars()));
        page.sees(".entry.customer .meta button", "Read by the bot.").await;
        page.sees(".entry.bot .meta button", "Sent by the bot.").await;
        assert_eq!(page.count(".entry .tick").await, 0);
        bot.abort();
    })
    .await;
}
