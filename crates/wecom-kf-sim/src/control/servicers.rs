//! Control API: the members of the corp, as servicers and in departments.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::{Body, MAX_NAME_CHARS, Optional, Problem, Segments, check_name};
use super::place::check_account;
use crate::platform::Receiving;
use crate::platform::view::{ShownDepartment, ShownServicer};
use crate::world::World;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServicerSettings {
    #[serde(default = "yes")]
    receiving: bool,
    #[serde(default)]
    suspended: bool,
    open_kfids: Option<Vec<String>>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDepartment {
    department_id: u64,
    userids: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct ServicerList {
    servicers: Vec<ShownServicer>,
}

#[derive(Serialize)]
pub(super) struct DepartmentList {
    departments: Vec<ShownDepartment>,
}

pub(super) async fn servicers(State(world): State<Arc<World>>) -> Answer<ServicerList> {
    world.read(|platform, now| Ok(Json(ServicerList { servicers: platform.show_servicers(now) })))
}

pub(super) async fn servicer_set(
    State(world): State<Arc<World>>,
    Segments(userid): Segments<String>,
    Optional(settings): Optional<ServicerSettings>,
) -> Answer<ShownServicer> {
    check_name(&userid, MAX_NAME_CHARS)?;
    world.update(|platform, now| {
        let open_kfids = settings.open_kfids.as_deref();
        open_kfids.unwrap_or_default().iter().try_for_each(|open_kfid| check_account(platform, open_kfid))?;
        platform.meet_servicer(&userid);
        open_kfids.into_iter().for_each(|open_kfids| platform.set_served(&userid, open_kfids));
        let receiving = match (settings.suspended, settings.receiving) {
            (true, _) => Receiving::Suspended,
            (false, true) => Receiving::Yes,
            (false, false) => Receiving::No,
        };
        platform.set_receiving(now, &userid, receiving);
        let shown = platform.show_servicer(now, &userid);
        shown.map(Json).ok_or_else(|| Problem::not_found("there is no such servicer"))
    })
}

pub(super) async fn departments(State(world): State<Arc<World>>) -> Answer<DepartmentList> {
    Ok(Json(DepartmentList { departments: world.read(|platform, _| platform.show_departments()) }))
}

pub(super) async fn department_add(
    State(world): State<Arc<World>>,
    Body(new): Body<NewDepartment>,
) -> Answer<DepartmentList> {
    world.update(|platform, _| {
        let userids: Vec<_> = new.userids.iter().map(String::as_str).collect();
        platform.meet_department(new.department_id, &userids);
        Ok(Json(DepartmentList { departments: platform.show_departments() }))
    })
}
