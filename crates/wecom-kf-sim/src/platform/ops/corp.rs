//! The tag `corp`: what the corp is qualified for.

use std::time::Duration;

use serde::Serialize;

use crate::platform::Platform;
use crate::platform::model::refusal::Refusal;
use crate::platform::ops::Nothing;

#[derive(Serialize)]
pub(crate) struct Qualification {
    wechat_channels_binding: bool,
}

impl Platform {
    /// `GET /cgi-bin/kf/get_corp_qualification` [95153].
    pub(crate) fn get_corp_qualification(&mut self, _now: Duration, _: Nothing) -> Result<Qualification, Refusal> {
        Ok(Qualification { wechat_channels_binding: self.is_wechat_channels_bound })
    }
}
