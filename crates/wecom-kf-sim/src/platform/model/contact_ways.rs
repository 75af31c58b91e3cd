//! Links to an account [94665], and how customers came in.

use serde::{Deserialize, Serialize};
use wecom_kf_raw::limits::add_contact_way::SCENE_MAX_BYTES;
use wecom_kf_raw::types::{CustomerEnterSessionContext, CustomerEnterSessionContextWechatChannels};

use crate::platform::people::NotPossible;
use crate::platform::{Chat, Platform};

rule!(scene_param_up_to_128_bytes);
/// Counted before the encoding.
const MAX_SCENE_PARAM_BYTES: usize = 128;

/// A link that was made.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ContactWay {
    pub(crate) open_kfid: String,
    pub(crate) url: String,
    pub(crate) scene: Option<String>,
}

rule!(scene_is_empty_without_link);
/// How a customer came in: what `enter_session` and `enter_session_context` say about it. The scene is empty when no
/// link with a scene was used.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Entrance(CustomerEnterSessionContext);

impl Default for Entrance {
    fn default() -> Self {
        Self(CustomerEnterSessionContext { scene: Some(String::new()), scene_param: None, wechat_channels: None })
    }
}

impl Entrance {
    /// By a link with a scene, and what was appended to the link.
    pub(crate) fn by_scene(scene: String, scene_param: Option<String>) -> Result<Self, NotPossible> {
        if scene.len() > SCENE_MAX_BYTES {
            return Err(NotPossible(format!("`scene` has more than {SCENE_MAX_BYTES} bytes")));
        }
        if scene_param.as_ref().is_some_and(|scene_param| scene_param.len() > MAX_SCENE_PARAM_BYTES) {
            return Err(NotPossible(format!("`scene_param` has more than {MAX_SCENE_PARAM_BYTES} bytes")));
        }
        Ok(Self(CustomerEnterSessionContext { scene: Some(scene), scene_param, wechat_channels: None }))
    }

    /// By a 视频号: the home page, a product list or a showcase (1 to 3), or a shop's product or order (4, 5).
    pub(crate) fn from_channels(scene: u32, nickname: &str) -> Self {
        rule!(scenes_of_channels);
        let nickname = Some(nickname.to_owned());
        let (nickname, shop_nickname) = if matches!(scene, 4 | 5) { (None, nickname) } else { (nickname, None) };
        let channels =
            CustomerEnterSessionContextWechatChannels { nickname, scene: Some(i64::from(scene)), shop_nickname };
        let mut entrance = Self::default();
        entrance.0.wechat_channels = Some(channels);
        entrance
    }

    pub(crate) fn context(&self) -> &CustomerEnterSessionContext {
        &self.0
    }
}

impl Platform {
    /// Returns how a customer comes in by a link that `add_contact_way` made, with or without a `scene_param` at its end.
    pub(crate) fn entrance(&self, chat: Chat<'_>, url: &str) -> Result<Entrance, NotPossible> {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let parameter = |wanted: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        let way = parameter("enc_scene").and_then(|enc_scene| self.contact_ways.get(&enc_scene));
        rule!(altered_link_raises_no_event);
        let way = way.filter(|way| url.starts_with(&way.url));
        let way = way.ok_or_else(|| NotPossible("no `add_contact_way` made this link".to_owned()))?;
        if way.open_kfid != chat.open_kfid {
            return Err(NotPossible("the link leads to another account".to_owned()));
        }
        rule!(scene_param_needs_scene);
        let scene_param = parameter("scene_param").filter(|_| way.scene.is_some());
        Entrance::by_scene(way.scene.clone().unwrap_or_default(), scene_param)
    }
}
