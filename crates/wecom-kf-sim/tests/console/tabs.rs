//! Many tabs of the console, which share one stream of events.

use std::sync::Arc;

use wecom_kf_sim::Simulator;

use crate::browser::play;

/// How many connections a browser opens to one address.
const CONNECTIONS: usize = 6;

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn the_seventh_tab_works_and_goes_on_when_the_others_are_closed() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let wang = sim.customer("小王");
    let address = format!("{}/?lang=en&customer={}", sim.base_url(), wang.external_userid());
    play(address.clone(), |page| async move {
        let mut tabs = vec![page.tab().await];
        while tabs.len() <= CONNECTIONS {
            tabs.push(page.open_tab(&address).await);
        }
        // It speaks to the simulator, and hears of what comes.
        page.write("我是第七个").await;
        page.sees(".entry.customer .bubble", "我是第七个").await;
        page.show_tab(&tabs[3]).await;
        page.sees(".entry.customer .bubble", "我是第七个").await;

        // The first one reads the stream; closed, it hands that on, until one is left.
        let last = tabs.pop().unwrap();
        for (number, tab) in tabs.iter().enumerate() {
            page.show_tab(tab).await;
            page.close_tab().await;
            page.show_tab(&last).await;
            wang.says(&format!("又一条 {number}"));
            page.sees(".entry.customer .bubble", &format!("又一条 {number}")).await;
        }
        page.sees("#live", "live").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn every_tab_sees_that_the_simulator_stops_and_finds_the_next_one() {
    let sim = Simulator::start().await.unwrap();
    let port = sim.base_url().rsplit_once(':').unwrap().1.parse().unwrap();
    sim.customer("小王").says("在吗");
    let address = format!("{}/?lang=en", sim.base_url());
    play(address.clone(), move |page| async move {
        let first = page.tab().await;
        let second = page.open_tab(&address).await;
        page.sees(".customer .says", "在吗").await;
        drop(sim);
        for tab in [&first, &second] {
            page.show_tab(tab).await;
            page.sees("#live", "stopped").await;
        }
        let another = Simulator::builder().port(port).account("新店").start().await.unwrap();
        for tab in [&second, &first] {
            page.show_tab(tab).await;
            page.sees("#live", "live").await;
            page.sees(".account h2", "新店").await;
        }
        another.customer("小李").says("我来了");
        for tab in [&second, &first] {
            page.show_tab(tab).await;
            page.sees(".customer .says", "我来了").await;
        }
    })
    .await;
}
