//! The console with several corps.

use std::sync::Arc;

use serde_json::json;
use wecom_kf_sim::{Corp, Simulator};

use crate::browser::play;
use crate::my_bot;

async fn two() -> Arc<Simulator> {
    let other = Corp::new("ww-two", "secret-2").account("二店").servicer("lisi");
    let builder = Simulator::builder().manual_clock().corp("ww-one", "secret-1").account("一店");
    Arc::new(builder.another(other).start().await.unwrap())
}

/// What the browser does when a person chooses: its list is no part of the page.
fn choose(corp_id: &str) -> String {
    let corp_id = json!(corp_id);
    format!(
        "const corp = document.getElementById('corp'); corp.value = {corp_id}; corp.dispatchEvent(new Event('change'))"
    )
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn another_corp_is_chosen_played_and_followed() {
    let sim = two().await;
    let other = sim.corp("ww-two").unwrap();
    let bot = tokio::spawn(my_bot::run(other.vars()));
    let (wang, theirs) = (sim.customer("小王"), other.customer("老周"));
    wang.says("给一店");
    let address = format!("{}/?lang=en&customer={}", sim.base_url(), wang.external_userid());
    play(address, |page| async move {
        page.sees("#people h2", "一店").await;
        let label = page.eval("const corp = document.getElementById('corp'); return [corp.labels[0].textContent, corp.value, corp.checkVisibility()]");
        assert_eq!(label.await, json!(["Corp", "ww-one", true]));
        let options = page.eval("return [...document.querySelectorAll('#corp option')].map(({ value }) => value)").await;
        assert_eq!(options, json!(["ww-one", "ww-two"]));

        page.eval(&choose("ww-two")).await;
        page.sees("#people h2", "二店").await;
        page.until("it is live", "return document.body.dataset.connection === 'live'").await;
        assert_eq!(page.eval("return location.search").await, "?lang=en&corp_id=ww-two");
        assert_eq!(page.eval("return document.getElementById('corp').value").await, "ww-two");
        page.sees("#people", "lisi").await;
        assert_eq!(page.count("#people [data-customer]").await, 1);
        page.click(&format!("[data-customer={}]", theirs.external_userid())).await;
        page.write("给二店").await;
        page.sees(".bubble", "收到：给二店").await;
        page.sees(".row .op", "send_msg").await;
        assert!(sim.journal().is_empty());

        // A picture is one of this corp's.
        theirs.writes("image", json!({ "media_id": other.media_id() }));
        page.until("the picture is there", "return document.querySelector('.bubble img')?.naturalWidth > 0").await;

        // The clock is that of all.
        sim.advance(std::time::Duration::from_secs(49 * 60 * 60));
        page.sees("#meters .chip", "4 ended").await;

        page.eval("history.go(-2)").await;
        page.sees("#people h2", "一店").await;
        page.sees(".bubble", "给一店").await;
        assert_eq!(page.count("#people [data-customer]").await, 1);
    })
    .await;
    bot.abort();
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn with_one_corp_there_is_nothing_to_choose() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    play(format!("{}/?lang=en", sim.base_url()), |page| async move {
        page.sees(".tools", "token").await;
        assert_eq!(page.eval("return document.getElementById('corps').checkVisibility()").await, false);
        assert_eq!(page.eval("return location.search").await, "?lang=en");
        drop(sim);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn a_corp_that_is_not_there_is_left_for_the_first() {
    let sim = two().await;
    play(format!("{}/?lang=en&corp_id=ww-gone", sim.base_url()), |page| async move {
        page.sees("#people h2", "一店").await;
        page.sees(".toast", "There is no corp ww-gone on this simulator").await;
        assert_eq!(page.eval("return location.search").await, "?lang=en");
        drop(sim);
    })
    .await;
}
