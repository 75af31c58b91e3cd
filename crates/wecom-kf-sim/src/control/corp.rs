//! What the console of the corp sets, and what people do that only its figures show.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::json;

use super::Answer;
use super::body::{Body, Nothing, Problem, Segments};
use super::people::{ByServicer, check_servicer, find, find_session, show_customer};
use crate::platform::ManagedBy;
use crate::platform::Satisfaction;
use crate::world::World;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Department {
    department_id: u64,
    userids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Corp {
    upgrade: Option<Upgrade>,
    wechat_channels_bound: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Upgrade {
    userids: Vec<String>,
    department_ids: Vec<u64>,
    chat_ids: Vec<String>,
    managed_in_console: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rating {
    rating: String,
}

pub(super) async fn departments(State(world): State<Arc<World>>) -> Answer {
    Ok(Json(json!({ "departments": world.read(|platform, _| platform.show_departments()) })))
}

pub(super) async fn department_add(State(world): State<Arc<World>>, Body(new): Body<Department>) -> Answer {
    world.update(|platform, _| {
        let userids: Vec<_> = new.userids.iter().map(String::as_str).collect();
        platform.meet_department(new.department_id, &userids);
        Ok(Json(json!({ "departments": platform.show_departments() })))
    })
}

pub(super) async fn corp(State(world): State<Arc<World>>) -> Answer {
    Ok(Json(world.read(|platform, _| platform.show_corp())))
}

pub(super) async fn corp_change(State(world): State<Arc<World>>, Body(change): Body<Corp>) -> Answer {
    world.update(|platform, _| {
        if let Some(upgrade) = change.upgrade {
            let range = &mut platform.upgrade_range;
            (range.userids, range.department_ids, range.chat_ids) =
                (upgrade.userids, upgrade.department_ids, upgrade.chat_ids);
            range.managed_by = if upgrade.managed_in_console { ManagedBy::Console } else { ManagedBy::Api };
        }
        if let Some(is_bound) = change.wechat_channels_bound {
            platform.is_wechat_channels_bound = is_bound;
        }
        Ok(Json(platform.show_corp()))
    })
}

pub(super) async fn upgrade_accept(
    State(world): State<Arc<World>>,
    Segments(id): Segments<String>,
    _: Nothing,
) -> Answer {
    world.update(|platform, now| {
        let place = find(platform, &id)?;
        platform.customer_accepts_upgrade(now, place.chat())?;
        show_customer(platform, now, place.chat())
    })
}

pub(super) async fn rating_ask(
    State(world): State<Arc<World>>,
    Segments(path): Segments<(String, String)>,
    Body(by): Body<ByServicer>,
) -> Answer {
    world.update(|platform, now| {
        let place = find_session(platform, path)?;
        check_servicer(platform, &place, &by.servicer_userid)?;
        platform.servicer_asks_to_rate(now, place.chat(), &by.servicer_userid)?;
        show_customer(platform, now, place.chat())
    })
}

pub(super) async fn customer_rate(
    State(world): State<Arc<World>>,
    Segments(id): Segments<String>,
    Body(rating): Body<Rating>,
) -> Answer {
    let rating = Satisfaction::of(&rating.rating);
    let rating = rating.ok_or_else(|| Problem::bad_request("`rating` must be satisfied, middling or dissatisfied"))?;
    world.update(|platform, now| {
        let place = find(platform, &id)?;
        platform.customer_rates(now, place.chat(), rating)?;
        show_customer(platform, now, place.chat())
    })
}
