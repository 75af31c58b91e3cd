//! Customers' profiles, and the ways in which customers open the chat.

use crate::api::customer::Customer;
use crate::platform::{Entrance, NotPossible};

impl Customer {
    /// Sets the gender: 0 unknown, which is the default, 1 male, 2 female.
    pub fn set_gender(&self, gender: i64) {
        self.world.update(|platform, _| platform.profile(self.chat()).gender = gender);
    }

    /// Sets the URL of the avatar. Third-party apps see `None`.
    pub fn set_avatar(&self, url: Option<&str>) {
        self.world.update(|platform, _| platform.profile(self.chat()).avatar = url.map(str::to_owned));
    }

    /// Sets the unionid. WeCom knows it if the corp has bound an account of the WeChat open platform. The default is `None`.
    pub fn set_unionid(&self, unionid: Option<&str>) {
        self.world.update(|platform, _| platform.profile(self.chat()).unionid = unionid.map(str::to_owned));
    }

    /// Opens the chat by a link that `add_contact_way` made. The event `enter_session` has the link's scene, and the
    /// `scene_param` that was appended to the link. Returns the `welcome_code`, if the rules grant one.
    ///
    /// # Errors
    ///
    /// `add_contact_way` did not make this link, or it leads to another account. Or the `scene_param` has more than 128 bytes.
    pub fn enters_by(&self, url: &str) -> Result<Option<String>, NotPossible> {
        self.world.update(|platform, now| platform.customer_opens(now, self.chat(), url))
    }

    /// Opens the chat by a link of WeCom's console with this scene and this appended `scene_param`. Returns the
    /// `welcome_code`, if the rules grant one.
    ///
    /// # Errors
    ///
    /// The scene has more than 32 bytes, or the `scene_param` more than 128.
    pub fn enters_with(&self, scene: &str, scene_param: Option<&str>) -> Result<Option<String>, NotPossible> {
        let entrance = Entrance::by_scene(scene.to_owned(), scene_param.map(str::to_owned))?;
        Ok(self.world.update(|platform, now| platform.customer_enters_by(now, self.chat(), entrance)))
    }

    /// Opens the chat from a 视频号 (`wechat_channels`). `scene` 1 is its home page, 2 a live product list, 3 a showcase, 4
    /// a shop's product, 5 a shop's order. The nickname is that of the 视频号, with 4 and 5 that of the shop. Returns the
    /// `welcome_code`, if the rules grant one.
    pub fn enters_from_channels(&self, scene: u32, nickname: &str) -> Option<String> {
        self.world.update(|platform, now| {
            platform.customer_enters_by(now, self.chat(), Entrance::from_channels(scene, nickname))
        })
    }
}
