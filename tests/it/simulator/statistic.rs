//! Daily statistics of events in the simulator.

use std::time::Duration;

use wecom_kf::Transition;
use wecom_kf::statistics::{Date, date_in_china};

use super::world;

#[tokio::test]
async fn yesterdays_figures_are_there_in_the_morning() {
    let world = world().await;
    world.send("您好").await.unwrap();
    let today = date_in_china(world.sim.now() as i64);
    world.client.sessions().transition(&world.kf, &world.id, Transition::to_servicer("zhangsan")).await.unwrap();
    // Advance past 06:00 of the next day, whatever the hour is now.
    world.sim.set_token_lifetime(Duration::from_secs(1_000_000));
    world.sim.advance(Duration::from_secs(30 * 3600));
    let days = |first: Date, last: Date| first..=last;
    let statistic = world.client.statistics();

    let figures = statistic.account(&world.kf, days(today.yesterday().unwrap(), today)).await.unwrap();
    let [before, day] = &figures[..] else { panic!("{figures:?}") };
    assert_eq!((before.date, &before.figures), (today.yesterday().unwrap(), &None));
    let day = day.figures.as_ref().unwrap();
    assert_eq!((day.customer_cnt, day.customer_msg_cnt, day.session_cnt), (1, 1, 1));
    let corp = statistic.corp(days(today, today)).await.unwrap();
    assert_eq!(corp[0].figures.as_ref().unwrap().customer_cnt, 1);
    let all = statistic.servicers(&world.kf, days(today, today)).await.unwrap();
    let one = statistic.servicers(&world.kf, days(today, today)).servicer("zhangsan").await.unwrap();
    assert_eq!(all[0].figures.as_ref().unwrap().session_cnt, one[0].figures.as_ref().unwrap().session_cnt);

    let tomorrow = today.tomorrow().unwrap().tomorrow().unwrap();
    assert!(statistic.account(&world.kf, days(tomorrow, tomorrow)).await.is_err(), "it has not come yet");
}
