//! Links to an account: `add_contact_way` of the tag `account`. What a link is good for is in `model/contact_ways.rs`.

use std::time::Duration;

use serde::Serialize;
use wecom_kf_raw::types::AddContactWayRequest;

use crate::platform::Platform;
use crate::platform::model::assumptions::Assumption;
use crate::platform::model::contact_ways::ContactWay;
use crate::platform::model::refusal::Refusal;

#[derive(Serialize)]
pub(crate) struct ContactWayAdded {
    url: String,
}

impl Platform {
    /// `POST /cgi-bin/kf/add_contact_way` [94665].
    pub(crate) fn add_contact_way(
        &mut self,
        _now: Duration,
        request: AddContactWayRequest,
    ) -> Result<ContactWayAdded, Refusal> {
        let open_kfid = self.account(&request.open_kfid)?.open_kfid.clone();
        let scene = request.scene.filter(|scene| !scene.is_empty());
        let page = self.ids.named("contact way", &open_kfid, "kfc", 17);
        let way = format!("{open_kfid} {}", scene.as_deref().unwrap_or_default());
        let enc_scene = if self.assumptions.hold(Assumption::SameSceneSameLink) {
            self.ids.named("enc_scene", &way, "ENC", 32)
        } else {
            self.ids.next("enc_scene", "ENC", 32)
        };
        let url = format!("https://work.weixin.qq.com/kf/{page}?enc_scene={enc_scene}");
        self.contact_ways.insert(enc_scene, ContactWay { open_kfid, url: url.clone(), scene });
        Ok(ContactWayAdded { url })
    }
}
