//! What people do in dialogs: how customers come in, who they are, what they send, what they answer; what is set for
//! servicers and the corp.

use std::sync::Arc;

use fantoccini::key::Key;
use serde_json::{Value, json};
use wecom_kf_sim::{Customer, MediaKind, Simulator, UpgradeOffer, op};

use crate::browser::{Page, play};
use crate::calls::{call, contact_way, control};

fn at(sim: &Simulator, customer: &Customer) -> String {
    format!("{}/?lang=en&customer={}", sim.base_url(), customer.external_userid())
}

/// What the bot reads of the first account.
async fn log(sim: &Simulator) -> Vec<Value> {
    let page = call(sim, op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    page["msg_list"].as_array().unwrap().clone()
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn a_customer_comes_in_by_a_scene_by_a_link_of_the_bots_and_from_channels() {
    let sim = Arc::new(Simulator::builder().account("小店").account("别处").start().await.unwrap());
    let wang = sim.customer("小王");
    let address = at(&sim, &wang);
    play(address, |page| async move {
        page.click("[data-focus=enter]").await;
        page.fill("by", "url").await;
        page.sees("dialog .field", "The bot has not created a link to this account yet").await;
        page.click("dialog [type=submit]").await;
        page.sees("dialog .error", "The bot has not created a link to this account yet").await;
        page.press(Key::Escape).await;
        assert_eq!(page.focused().await, "enter");

        let elsewhere = json!({ "open_kfid": sim.open_kfids()[1], "scene": "x" });
        call(&sim, op::ADD_CONTACT_WAY, elsewhere).await;
        let plain = contact_way(&sim, json!("")).await;
        let poster = contact_way(&sim, json!("poster")).await;
        page.click("[data-focus=enter]").await;
        page.fill("by", "url").await;
        let links = page.eval("return [...document.querySelector('#ask-url').options].map(({ value }) => value)").await;
        assert_eq!(links, json!([plain, poster]), "only those of this account");
        // One without a scene takes no scene_param.
        let params = "return document.querySelector('#ask-scene_param').checkVisibility()";
        assert_eq!(page.eval(params).await, false);
        page.fill("url", &poster).await;
        page.fill("scene_param", "a=1&b").await;
        page.submit().await;
        page.sees(".note", "小王 entered the chat, scene poster").await;

        page.click("[data-focus=enter]").await;
        page.fill("by", "channels").await;
        page.fill("channels_scene", "4").await;
        page.fill("nickname", "<b>小店</b>").await;
        page.submit().await;
        page.sees(".note", "小王 entered the chat from Channels: <b>小店</b>").await;

        page.click("[data-focus=enter]").await;
        page.fill("scene", "footer").await;
        page.submit().await;
        page.sees(".note", "小王 entered the chat, scene footer").await;

        let told = log(&sim).await;
        let told: Vec<_> = told.iter().map(|message| &message["event"]).collect();
        assert_eq!(told.len(), 3);
        assert_eq!((&told[0]["scene"], &told[0]["scene_param"]), (&json!("poster"), &json!("a=1&b")));
        assert_eq!(told[1]["wechat_channels"], json!({ "scene": 4, "shop_nickname": "<b>小店</b>" }));
        assert_eq!((&told[2]["scene"], told[2].get("scene_param")), (&json!("footer"), None));
        assert_eq!(page.count(".toast.refused").await, 0);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn a_customers_profile_is_what_batchget_says() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let wang = sim.customer("小王");
    wang.says("在吗");
    let address = at(&sim, &wang);
    play(address, |page| async move {
        page.click("[data-focus=profile]").await;
        page.fill("name", "王总").await;
        page.fill("gender", "2").await;
        page.fill("avatar", "").await;
        page.fill("unionid", "u1").await;
        page.submit().await;
        page.sees(".chat-head h2", "王总").await;
        let asked = json!({ "external_userid_list": [wang.external_userid()] });
        let known = call(&sim, op::CUSTOMER_BATCHGET, asked).await["customer_list"][0].clone();
        let expected =
            json!({ "external_userid": wang.external_userid(), "nickname": "王总", "gender": 2, "unionid": "u1" });
        assert_eq!(known, expected);

        // What it is now stands in the form.
        page.click("[data-focus=profile]").await;
        let now = "return ['name', 'gender', 'avatar', 'unionid'].map((name) => document.querySelector(`#ask-${name}`)?.value)";
        assert_eq!(page.eval(now).await, json!(["王总", "2", "", "u1"]));
        page.press(Key::Escape).await;
        page.until("the focus is back", "return document.activeElement.dataset.focus === 'profile'").await;
    })
    .await;
}

/// Puts a file of this many bytes into the dialog.
async fn choose_file(page: &Page, name: &str, bytes: usize) {
    let script = format!(
        "const files = new DataTransfer();
         files.items.add(new File([new Uint8Array({bytes}).fill(7)], {}));
         const field = document.querySelector('dialog[open] #ask-file');
         if (field === null) return false;
         field.files = files.files;
         return field.files.length === 1",
        json!(name)
    );
    page.until("a file is chosen", &script).await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn files_of_ones_own_are_sent_by_customers_and_servicers() {
    let sim = Arc::new(Simulator::builder().servicer("zhangsan").start().await.unwrap());
    let wang = sim.customer("小王");
    wang.says("在吗");
    let address = at(&sim, &wang);
    play(address, |page| async move {
        let kinds = ["image", "voice", "video", "file"];
        for (number, kind) in kinds.into_iter().enumerate() {
            page.click("#plus").await;
            page.click(&format!("[data-kind={kind}]")).await;
            choose_file(&page, "合同 & 1.pdf", 1000 + number).await;
            page.submit().await;
            page.until("it is there", &format!("return document.querySelectorAll('.entry').length === {}", number + 2))
                .await;
        }
        page.click("#plus").await;
        page.click("[data-kind=image]").await;
        choose_file(&page, "large.png", 2 * 1024 * 1024 + 1).await;
        page.submit().await;
        page.sees(".entry.customer .bubble", "too large").await;
        page.click("[data-focus=author-zhangsan]").await;
        page.click("#plus").await;
        page.click("[data-kind=file]").await;
        choose_file(&page, "报价.xlsx", 9).await;
        page.submit().await;
        page.sees(".entry.servicer .bubble", "File").await;

        let messages = log(&sim).await;
        let file = |message: &Value| {
            let kind = message["msgtype"].as_str().unwrap();
            let media = sim.media(message[kind]["media_id"].as_str()?)?;
            Some((media.kind, media.file_name, media.bytes.len()))
        };
        let sent: Vec<_> = messages.iter().filter_map(file).collect();
        let own = |kind, bytes| (kind, "合同 & 1.pdf".to_owned(), bytes);
        let expected = [
            own(MediaKind::Image, 1000),
            own(MediaKind::Voice, 1001),
            own(MediaKind::Video, 1002),
            own(MediaKind::File, 1003),
            (MediaKind::File, "报价.xlsx".to_owned(), 9),
        ];
        assert_eq!(sent, expected);
        assert_eq!(page.count(".toast.refused").await, 0);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn an_offer_is_taken_and_a_rating_is_given_where_they_are_asked_for() {
    let sim = Arc::new(Simulator::builder().servicer("zhangsan").start().await.unwrap());
    sim.set_upgrade_groupchats(&["wrGroup"]);
    let wang = sim.customer("小王");
    wang.says("在吗");
    let address = at(&sim, &wang);
    play(address, |page| async move {
        page.sees(".entry.customer .bubble", "在吗").await;
        assert_eq!(page.count(".question").await, 0);
        let groupchat = json!({ "chat_id": "wrGroup", "wording": "<i>进群</i>" });
        let whose = json!({ "open_kfid": wang.open_kfid(), "external_userid": wang.external_userid() });
        let mut offer = whose.clone();
        (offer["type"], offer["groupchat"]) = (json!(2), groupchat);
        assert_eq!(call(&sim, op::UPGRADE_SERVICE, offer).await["errcode"], 0);
        page.sees(".note", "the bot offered group wrGroup").await;
        page.sees(".question", "The bot offers group wrGroup. <i>进群</i>").await;
        page.click("[data-focus=offer-take]").await;
        page.sees(".note", "小王 accepted the offer").await;
        page.sees("#meters", "accepted group wrGroup").await;
        page.until("the question is gone, the box has the focus", GONE).await;
        assert!(matches!(wang.upgrade_offer(), Some(UpgradeOffer::Groupchat { .. })));
        call(&sim, op::CANCEL_UPGRADE_SERVICE, whose).await;
        page.sees(".note", "the bot withdrew the offer").await;

        page.click("[data-focus=author-zhangsan]").await;
        page.click("[data-focus=take]").await;
        page.click("[data-focus=ask-to-rate]").await;
        // The customer's answer, whoever writes.
        page.sees(".question", "zhangsan asks for a rating.").await;
        page.click("[data-focus=rate-middling]").await;
        page.sees(".note", "小王 rated: neutral").await;
        page.until("the question is gone, the box has the focus", GONE).await;
        page.click("[data-focus=end]").await;
        page.sees("#meters .chip", "4 ended").await;
        page.click("[data-focus=ask-to-rate]").await;
        page.sees(".question", "zhangsan asks for a rating.").await;
        assert_eq!(page.count(".toast.refused, .note i, .question i").await, 0);
    })
    .await;
}

const GONE: &str = "return !document.querySelector('.question') && document.activeElement.id === 'box'";

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn the_corps_settings_are_shown_checked_and_changed() {
    let sim = Arc::new(Simulator::builder().servicer("zhangsan").start().await.unwrap());
    sim.set_upgrade_members(&["zhangsan"], &[]);
    sim.department(2, &["lisi"]);
    let address = format!("{}/?lang=en", sim.base_url());
    play(address, |page| async move {
        page.click("[data-focus=corp]").await;
        let shown = "return ['userids', 'departments'].map((name) => document.querySelector(`#ask-${name}`)?.value)";
        assert_eq!(page.eval(shown).await, json!(["zhangsan", "2: lisi"]));
        page.fill("department_ids", "2 x").await;
        page.click("dialog [type=submit]").await;
        page.sees("dialog .error", "Cannot read this: x").await;
        page.fill("userids", "").await;
        page.fill("department_ids", "2，7").await;
        page.fill("chat_ids", "wrGroup, wrOther wrGroup").await;
        page.fill("departments", "2: lisi wangwu\n\n7：zhaoliu").await;
        page.click("dialog #ask-managed_in_console").await;
        page.click("dialog #ask-wechat_channels_bound").await;
        page.submit().await;
        let (upgrade, departments) = (
            json!({ "userids": [], "department_ids": [2, 7], "chat_ids": ["wrGroup", "wrOther"], "managed_in_console": true }),
            json!([
                { "department_id": 2, "userids": ["lisi", "wangwu"] },
                { "department_id": 7, "userids": ["zhaoliu"] },
            ]),
        );
        let expected =
            json!({ "upgrade": upgrade, "wechat_channels_bound": true, "departments": departments });
        let is_bound = "return fetch('/sim/v1/corp').then((reply) => reply.json()).then((corp) => corp.wechat_channels_bound)";
        page.until("the last of the calls is done", is_bound).await;
        assert_eq!(control(&sim, "corp").await, expected);

        // What was changed elsewhere meanwhile stands in it the next time.
        sim.department(9, &["sunqi"]);
        page.sees(".servicer", "sunqi").await;
        page.click("[data-focus=corp]").await;
        assert_eq!(page.eval(shown).await, json!(["", "2: lisi wangwu\n7: zhaoliu\n9: sunqi"]));
        assert_eq!(page.count(".toast.refused").await, 0);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn a_servicer_is_suspended_and_serves_other_accounts() {
    let sim =
        Arc::new(Simulator::builder().account("小店").account("分店").servicer("zhangsan").start().await.unwrap());
    let address = format!("{}/?lang=en", sim.base_url());
    play(address, |page| async move {
        page.click("[data-focus=settings-zhangsan]").await;
        page.sees("dialog h2", "Servicer zhangsan").await;
        page.fill("status", "suspended").await;
        page.click("dialog fieldset label:nth-of-type(1) input").await;
        page.submit().await;
        page.sees(".servicer .switch", "suspended").await;
        let expected = json!({
            "userid": "zhangsan", "receiving": false, "suspended": true, "open_kfids": [sim.open_kfids()[1]], "sessions": 0,
        });
        assert_eq!(control(&sim, "servicers").await["servicers"], json!([expected]));
        page.click(".servicer .switch").await;
        page.sees(".servicer .switch", "receiving").await;
        assert_eq!(page.count(".toast.refused").await, 0);
    })
    .await;
}

/// Counts how often a line for nothing stood beside something, whatever the moment.
const WATCH: &str = "
    window.beside = [];
    const look = () => {
      for (const list of document.querySelectorAll('#entries, #journal, #people .account')) {
        const nothing = list.querySelectorAll('.hint, .empty, .welcome').length;
        const something = list.querySelectorAll('.entry, .note, .day, .row, .customer').length;
        if (nothing > 1 || (nothing > 0 && something > 0)) window.beside.push(list.textContent);
      }
    };
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
    look()";

/// Types into the journal's filter.
fn filter(text: &str) -> String {
    let typed = json!(text);
    format!(
        "const filter = document.querySelector('#filter'); filter.value = {typed}; filter.dispatchEvent(new Event('input'))"
    )
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn what_says_that_there_is_nothing_never_stands_beside_something() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let bot = tokio::spawn(crate::my_bot::run(sim.vars())).abort_handle();
    let address = format!("{}/?lang=en", sim.base_url());
    play(address, |page| async move {
        page.eval(WATCH).await;
        for (number, name) in ["小王", "小李", "小赵"].into_iter().enumerate() {
            let customer = sim.customer(name);
            let row = format!("[data-customer={}]", customer.external_userid());
            page.click(&row).await;
            page.sees("#entries .hint", "No messages yet.").await;
            // Shown once more with nothing, for other reasons.
            page.click("[data-focus=language]").await;
            page.sees("#entries .hint", "还没有消息").await;
            page.click("[data-focus=language]").await;
            page.sees("#entries .hint", "No messages yet.").await;
            customer.enters();
            customer.says("在吗");
            page.sees(".entry.bot .bubble", "收到：在吗").await;
            assert_eq!(page.count("#entries .hint").await, 0);
            page.eval(&filter(&format!("no such row {number}"))).await;
            page.sees("#journal .hint", "No rows match.").await;
            page.eval(&filter("")).await;
            page.sees("#journal .op", "send_msg").await;
        }
        // Away and back, while a chat is loaded.
        for name in ["小王", "小李", "小赵", "小王", "小李", "小赵"] {
            page.click(&format!("[data-customer={}]", sim.customer(name).external_userid())).await;
        }
        // It would call again after the reset, and what is under way may be written down a moment later.
        bot.abort();
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        sim.reset();
        page.sees("#journal", "No calls yet.").await;
        sim.customer("小王").says("又来");
        page.sees(".customer .says", "又来").await;
        assert_eq!(page.eval("return window.beside").await, json!([]));
    })
    .await;
}

/// The phone's pane, what opens the dialog there, and by which way somebody enters.
const DIALOGS: [(&str, &str, &str); 13] = [
    ("chat", "[data-focus=enter]", ""),
    ("chat", "[data-focus=enter]", "url"),
    ("chat", "[data-focus=enter]", "channels"),
    ("chat", "[data-focus=profile]", ""),
    ("chat", "[data-focus=plus]", ""),
    ("people", "[data-focus=corp]", ""),
    ("people", "[data-focus=settings-zhangsan]", ""),
    ("people", "[data-focus=servicer-add]", ""),
    ("people", "[data-focus=account-add]", ""),
    ("people", "[data-focus^=withdraw-]", ""),
    ("people", "[data-focus^=add-]", ""),
    ("controls", "[data-focus=help]", ""),
    ("controls", "[data-focus=reset]", ""),
];

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn every_dialog_has_a_name_fits_the_window_ends_with_escape_and_gives_the_focus_back() {
    let accounts = Simulator::builder().account("小店").account("另一个名字很长的客服账号吗");
    let sim = Arc::new(accounts.servicer("zhangsan").start().await.unwrap());
    let wang = sim.customer("小王");
    wang.says("在吗");
    contact_way(&sim, json!("a-scene-of-32-bytes-for-a-poster")).await;
    let address = at(&sim, &wang);
    play(address, |page| async move {
        page.sees(".entry.customer .bubble", "在吗").await;
        for width in [1440, 390] {
            page.resize((width, 844)).await;
            for (pane, opener, way) in DIALOGS {
                if width == 390 {
                    page.click(&format!("[data-focus=pane-{pane}]")).await;
                }
                page.click(opener).await;
                if !way.is_empty() {
                    page.fill("by", way).await;
                }
                let dialog = page.until("it is open", LOOK).await;
                let what = format!("{opener} {way} at {width}");
                assert_ne!(dialog["name"], "", "{what}");
                assert_eq!((&dialog["sticks_out"], &dialog["small"]), (&json!(false), &json!([])), "{what}");
                assert_eq!(dialog["holds_focus"], true, "{what}");
                // Made anew meanwhile, as whatever has an opener may be.
                sim.customer("小王").set_gender(1);
                wang.says("还在吗");
                sim.servicer("zhangsan").stops();
                sim.servicer("zhangsan").resumes();
                page.press(Key::Escape).await;
                page.until("it is closed", "return !document.querySelector('dialog')").await;
                let back = format!("return document.activeElement.matches({})", json!(opener));
                page.until(&format!("{what} gives the focus back"), &back).await;
            }
        }
    })
    .await;
}

/// Of the dialog that is open; what a thumb must hit on a phone is 44 pixels high and wide.
const LOOK: &str = "
    const dialog = document.querySelector('dialog[open]');
    if (dialog === null) return false;
    const { left, right } = dialog.getBoundingClientRect();
    const inside = [...dialog.querySelectorAll('*')].filter((node) => node.checkVisibility() && !node.matches('.sr'));
    const pressed = inside.filter((node) => node.matches('button, input:not([type=checkbox]), select, textarea, label.check'));
    const isPhone = innerWidth < 700;
    return {
      name: document.getElementById(dialog.getAttribute('aria-labelledby'))?.textContent ?? '',
      sticks_out: left < 0 || right > innerWidth || dialog.scrollWidth > dialog.clientWidth,
      small: pressed.map((node) => [node.textContent || node.name, node.getBoundingClientRect()])
        .filter(([, { width, height }]) => isPhone && (width < 44 || height < 44))
        .map(([name, { width, height }]) => `${name} ${width}x${height}`),
      holds_focus: dialog.contains(document.activeElement),
    }";

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn what_is_refused_stays_in_its_dialog_with_the_reason() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let wang = sim.customer("小王");
    let address = at(&sim, &wang);
    play(address, |page| async move {
        page.click("#tab-callbacks").await;
        page.click("[data-focus=callback-set]").await;
        page.fill("url", "http://example.invalid/callback").await;
        page.fill("token", "MyToken").await;
        page.click("dialog [type=submit]").await;
        page.sees("dialog .error", "the callback's URL").await;
        let kept = page.eval("return document.querySelector('#ask-token').value").await;
        assert_eq!((kept, page.count(".toast").await), (json!("MyToken"), 0));

        page.fill("url", "http://127.0.0.1:9/callback").await;
        page.fill("token", "").await;
        page.submit().await;
        page.sees("#panel-callbacks code", "http://127.0.0.1:9/callback").await;
    })
    .await;
}
