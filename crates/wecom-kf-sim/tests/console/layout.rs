//! How the console fits: windows from a desk to a zoomed page, what keeps its place, and what stays whole.

use std::sync::Arc;

use serde_json::json;
use wecom_kf_sim::{Corp, Simulator};

use crate::browser::play;

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn the_bar_fits_with_two_corps_and_the_journal_is_in_sight_at_900_pixels() {
    let other = Corp::new("ww-two-with-a-long-name", "secret-2").account("二店");
    let builder = Simulator::builder().corp("ww-one-with-a-long-name", "secret-1").account("一店").servicer("zhangsan");
    let sim = Arc::new(builder.another(other).start().await.unwrap());
    let wang = sim.customer("小王");
    wang.enters();
    wang.says("在吗");
    for lang in ["en", "zh-CN"] {
        let address = format!("{}/?lang={lang}&customer={}", sim.base_url(), wang.external_userid());
        play(address, |page| async move {
            page.sees(".entry.customer .bubble", "在吗").await;
            for width in [1440, 1280, 900] {
                page.resize((width, 800)).await;
                let seen = "
                    const box = (css) => document.querySelector(css).getBoundingClientRect();
                    const buttons = [...document.querySelectorAll('.top button')].map((node) => node.getBoundingClientRect());
                    return {
                      sticks_out: document.documentElement.scrollWidth > innerWidth || buttons.some(({ right }) => right > innerWidth),
                      one_line: box('.top').height < 60,
                      journal: document.querySelector('#journal').checkVisibility() && box('#rows').right <= innerWidth && box('#rows').width > 300,
                      chat: box('#log').width > 300,
                      tabs: document.querySelector('#side-tabs').scrollWidth <= document.querySelector('#side-tabs').clientWidth,
                    }";
                let expected = json!({ "sticks_out": false, "one_line": true, "journal": true, "chat": true, "tabs": true });
                assert_eq!(page.eval(seen).await, expected, "{lang} at {width}");
            }
            // What a window of 1440 pixels has at 200 %.
            page.resize((720, 450)).await;
            for pane in ["people", "chat", "journal", "controls"] {
                page.click(&format!("[data-focus=pane-{pane}]")).await;
                page.until("it is the pane", &format!("return document.body.dataset.pane === '{pane}'")).await;
                assert_eq!(page.eval("return document.documentElement.scrollWidth").await, 720, "{lang} {pane}");
            }
            assert_eq!(page.eval("return document.getElementById('corp') !== null").await, true);
        })
        .await;
    }
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn meters_keep_their_height_whatever_comes_and_goes() {
    let sim = Arc::new(Simulator::builder().servicer("zhangsan").start().await.unwrap());
    let wang = sim.customer("小王");
    let address = format!("{}/?lang=en&customer={}", sim.base_url(), wang.external_userid());
    play(address, |page| async move {
        page.resize((900, 800)).await;
        let height = "return document.querySelector('.chat-head').getBoundingClientRect().height";
        page.sees("#meters", "has not written yet").await;
        let before = page.eval(height).await;
        wang.enters();
        page.sees("#meters", "welcome code").await;
        assert_eq!(page.eval(height).await, before);
        wang.says("在吗");
        sim.servicer("zhangsan").takes(&wang);
        sim.servicer("zhangsan").rejects(&wang);
        page.sees("#meters", "rejects messages").await;
        assert_eq!(page.eval(height).await, before);
    })
    .await;
}

/// Sends a picture of this size as the customer does, drawn in the page.
const PICTURE: &str = "
    const [width, height, id] = [60, 400, new URLSearchParams(location.search).get('customer')];
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    canvas.getContext('2d').fillRect(0, 0, width, height);
    return new Promise((resolve) => canvas.toBlob(resolve))
      .then((body) => fetch('/sim/v1/media?type=image&filename=p.png', { method: 'POST', headers: { 'Content-Type': 'application/octet-stream' }, body }))
      .then((reply) => reply.json())
      .then(({ media_id }) => fetch(`/sim/v1/customers/${id}/messages`, { method: 'POST', headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ msgtype: 'image', image: { media_id } }) }))
      .then(({ status }) => status)";

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn a_portrait_picture_is_shown_whole() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let wang = sim.customer("小王");
    let address = format!("{}/?lang=en&customer={}", sim.base_url(), wang.external_userid());
    play(address, |page| async move {
        assert_eq!(page.eval(PICTURE).await, 200);
        page.until("the picture is there", "return document.querySelector('.picture img')?.naturalHeight === 400")
            .await;
        let whole = "
            const image = document.querySelector('.picture img');
            const { width, height } = image.getBoundingClientRect();
            return getComputedStyle(image).objectFit === 'contain' && height > width && height <= 300";
        assert_eq!(page.eval(whole).await, true);
        drop(sim);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn what_connects_a_bot_is_one_click_away() {
    let sim = Arc::new(Simulator::builder().corp("ww-one", "secret-1").start().await.unwrap());
    play(format!("{}/?lang=en", sim.base_url()), |page| async move {
        page.click("[data-focus=connect]").await;
        for value in [&sim.base_url(), "ww-one", "secret-1", "WECOM_KF_OPEN_KFID"] {
            page.sees("dialog .vars", value).await;
        }
        page.sees("dialog .commands", "curl").await;
        page.eval("navigator.clipboard.writeText = async (text) => { window.copied = text }").await;
        page.click("dialog .actions button").await;
        let copied = page.until("it is copied", "return window.copied").await;
        let vars = sim.vars().into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        assert_eq!(copied, vars.join("\n"));
    })
    .await;
}
