//! `Corp` and `Department` of `control.yaml`.

use serde::Serialize;

use crate::platform::{ManagedBy, Platform};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ShownCorp {
    upgrade: ShownRange,
    wechat_channels_bound: bool,
    departments: Vec<ShownDepartment>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct ShownRange {
    userids: Vec<String>,
    department_ids: Vec<u64>,
    chat_ids: Vec<String>,
    managed_in_console: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ShownDepartment {
    department_id: u64,
    userids: Vec<String>,
}

impl Platform {
    pub(crate) fn show_corp(&self) -> ShownCorp {
        let range = &self.upgrade_range;
        let upgrade = ShownRange {
            userids: range.userids.clone(),
            department_ids: range.department_ids.clone(),
            chat_ids: range.chat_ids.clone(),
            managed_in_console: range.managed_by == ManagedBy::Console,
        };
        let wechat_channels_bound = self.is_wechat_channels_bound;
        ShownCorp { upgrade, wechat_channels_bound, departments: self.show_departments() }
    }

    pub(crate) fn show_departments(&self) -> Vec<ShownDepartment> {
        let departments = self.departments.iter();
        let shown = departments
            .map(|(id, userids)| ShownDepartment { department_id: *id, userids: userids.iter().cloned().collect() });
        shown.collect()
    }
}
