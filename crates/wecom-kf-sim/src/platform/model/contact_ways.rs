//! Links to an account [94665], and how customers came in.

use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_raw::limits::add_contact_way::SCENE_MAX_BYTES;

use crate::platform::model::assumptions::Assumption;
use crate::platform::model::refusal::Refusal;
use crate::platform::people::NotPossible;
use crate::platform::{Chat, Platform, text};

/// Counted before the encoding [96416].
const MAX_SCENE_PARAM_BYTES: usize = 128;

/// A link that was made.
#[derive(Debug)]
pub(crate) struct ContactWay {
    open_kfid: String,
    url: String,
    scene: Option<String>,
}

/// How a customer came in: what `enter_session` and `enter_session_context` say of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entrance {
    /// Empty when no link with a scene was used [94670].
    pub(crate) scene: String,
    pub(crate) scene_param: Option<String>,
    pub(crate) wechat_channels: Option<Value>,
}

impl Entrance {
    /// By a link with a scene, and what was appended to it.
    pub(crate) fn by_scene(scene: String, scene_param: Option<String>) -> Result<Self, NotPossible> {
        if scene.len() > SCENE_MAX_BYTES {
            return Err(NotPossible(format!("`scene` has more than {SCENE_MAX_BYTES} bytes")));
        }
        if scene_param.as_ref().is_some_and(|scene_param| scene_param.len() > MAX_SCENE_PARAM_BYTES) {
            return Err(NotPossible(format!("`scene_param` has more than {MAX_SCENE_PARAM_BYTES} bytes")));
        }
        Ok(Self { scene, scene_param, wechat_channels: None })
    }

    /// By a 视频号: the home page, a product list or a showcase (1 to 3), or a shop's product or order (4, 5) [94670].
    pub(crate) fn from_channels(scene: u32, nickname: &str) -> Self {
        let member = if matches!(scene, 4 | 5) { "shop_nickname" } else { "nickname" };
        Self { wechat_channels: Some(json!({ "scene": scene, member: nickname })), ..Self::default() }
    }

    /// Only what there is.
    pub(crate) fn members(&self) -> Value {
        let mut members = json!({ "scene": self.scene });
        if let Some(scene_param) = &self.scene_param {
            members["scene_param"] = json!(scene_param);
        }
        if let Some(wechat_channels) = &self.wechat_channels {
            members["wechat_channels"] = wechat_channels.clone();
        }
        members
    }
}

impl Platform {
    /// `POST /cgi-bin/kf/add_contact_way` [94665]. unverified: that the same account and scene give the same link.
    pub(crate) fn add_contact_way(&mut self, _now: Duration, request: &Value) -> Result<Value, Refusal> {
        let open_kfid = self.account(request)?.open_kfid.clone();
        let scene = text(request, "scene").map(str::to_owned);
        let page = self.ids.named("contact way", &open_kfid, "kfc", 17);
        let way = format!("{open_kfid} {}", scene.as_deref().unwrap_or_default());
        let enc_scene = if self.assumptions.hold(Assumption::SameSceneSameLink) {
            self.ids.named("enc_scene", &way, "ENC", 32)
        } else {
            self.ids.next("enc_scene", "ENC", 32)
        };
        let url = format!("https://work.weixin.qq.com/kf/{page}?enc_scene={enc_scene}");
        self.contact_ways.insert(enc_scene, ContactWay { open_kfid, url: url.clone(), scene });
        Ok(json!({ "url": url }))
    }

    /// `ContactWay`s of `control.yaml`.
    pub(crate) fn show_contact_ways(&self) -> Vec<Value> {
        let mut ways: Vec<_> = self.contact_ways.values().collect();
        ways.sort_by_key(|way| (&way.open_kfid, &way.scene, &way.url));
        let show = |way: &ContactWay| json!({ "url": way.url, "open_kfid": way.open_kfid, "scene": way.scene });
        ways.into_iter().map(show).collect()
    }

    /// A customer opens a link that `add_contact_way` made, with or without a `scene_param` at its end.
    pub(crate) fn customer_opens(
        &mut self,
        now: Duration,
        chat: Chat<'_>,
        url: &str,
    ) -> Result<Option<String>, NotPossible> {
        let entrance = self.entrance(chat, url)?;
        Ok(self.customer_enters_by(now, chat, entrance))
    }

    /// How a customer comes in by such a link.
    pub(crate) fn entrance(&self, chat: Chat<'_>, url: &str) -> Result<Entrance, NotPossible> {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let parameter = |wanted: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        let way = parameter("enc_scene").and_then(|enc_scene| self.contact_ways.get(&enc_scene));
        // Its parameters cannot be altered or moved to another link [94665]; an altered link raises no event [96416].
        let way = way.filter(|way| url.starts_with(&way.url));
        let way = way.ok_or_else(|| NotPossible("no `add_contact_way` made this link".to_owned()))?;
        if way.open_kfid != chat.open_kfid {
            return Err(NotPossible("the link leads to another account".to_owned()));
        }
        // Only a link with a scene takes one [94665]; unverified: that it is ignored elsewhere.
        let scene_param = parameter("scene_param").filter(|_| way.scene.is_some());
        Entrance::by_scene(way.scene.clone().unwrap_or_default(), scene_param)
    }
}
