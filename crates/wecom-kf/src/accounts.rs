//! Operations on customer service accounts, and the links through which customers reach them.

use futures_util::stream::{Stream, TryStreamExt, try_unfold};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use serde::Serialize;

use crate::client::Client;
use crate::input::{self, Problem};
use crate::raw::{limits, op, types};
use crate::{Bilingual, BoxFuture, Error, MediaId, OpenKfid};

/// The operations on customer service accounts, returned by [`Client::accounts`].
///
/// ```no_run
/// # async fn example(client: wecom_kf::Client) -> Result<(), wecom_kf::Error> {
/// for account in client.accounts().list().await? {
///     let link = client.accounts().contact_way(&account.open_kfid).await?;
///     println!("{}: {}", account.name, link.url());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Accounts<'a>(&'a Client);

impl Client {
    /// Returns the operations on customer service accounts.
    pub fn accounts(&self) -> Accounts<'_> {
        Accounts(self)
    }
}

/// A customer service account. Serialized under WeCom's names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Account {
    /// The id of the account.
    pub open_kfid: OpenKfid,
    /// The name, which may be empty.
    pub name: String,
    /// The URL of the avatar, http or https.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// Whether this app may manage the account and read and send its messages. `None` with older servers, which do not
    /// return it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manage_privilege: Option<bool>,
}

/// A change of an account, made when it is awaited. Returned by [`Accounts::update`]. Everything that is not set stays as
/// it is.
#[derive(Clone, Debug)]
#[must_use = "the account is changed when this is awaited"]
pub struct UpdateAccount<'a> {
    client: &'a Client,
    open_kfid: OpenKfid,
    name: Option<String>,
    media_id: Option<MediaId>,
}

impl UpdateAccount<'_> {
    /// Sets a new name of 1 to 16 characters.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets a new avatar by the `media_id` of a temporary image.
    pub fn media_id(mut self, media_id: impl Into<MediaId>) -> Self {
        self.media_id = Some(media_id.into());
        self
    }

    /// Checks the change without sending anything. Awaiting it runs the same check first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: there is nothing to change, or a value is empty or exceeds its limit.
    pub fn check(&self) -> Result<(), Error> {
        self.open_kfid.check()?;
        if self.name.is_none() && self.media_id.is_none() {
            return Err(input::refuse(Bilingual::fixed("update", "要修改的内容"), Problem::Empty));
        }
        if let Some(name) = &self.name {
            input::chars("name", name, limits::account_update::NAME_MAX_CHARS)?;
        }
        if let Some(media_id) = &self.media_id {
            media_id.check()?;
        }
        Ok(())
    }

    async fn send(self) -> Result<(), Error> {
        self.check()?;
        let body = types::UpdateCustomerServiceAccountRequest {
            open_kfid: self.open_kfid.into(),
            name: self.name,
            media_id: self.media_id.map(String::from),
        };
        self.client.call(&op::AccountUpdate { body }).await.map(drop)
    }
}

impl<'a> IntoFuture for UpdateAccount<'a> {
    type Output = Result<(), Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// A link to create, which happens when it is awaited. Returned by [`Accounts::contact_way`].
#[derive(Clone, Debug)]
#[must_use = "the link is created when this is awaited"]
pub struct CreateContactWay<'a> {
    client: &'a Client,
    open_kfid: OpenKfid,
    scene: Option<String>,
}

impl CreateContactWay<'_> {
    /// Sets a label that says where customers came from: 1 to 32 bytes of `[0-9a-zA-Z_-]`.
    ///
    /// When a customer enters the chat through the link, the label arrives as
    /// [`EnterSession::scene`](crate::messages::event::EnterSession::scene).
    pub fn scene(mut self, scene: impl Into<String>) -> Self {
        self.scene = Some(scene.into());
        self
    }

    /// Checks the id and the label without sending anything. Awaiting the link runs the same check first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: one of them is empty or invalid.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(scene) = &self.scene {
            input::bytes("scene", scene, limits::add_contact_way::SCENE_MAX_BYTES)?;
            input::word("scene", scene)?;
        }
        self.open_kfid.check()
    }

    async fn send(self) -> Result<ContactWay, Error> {
        self.check()?;
        let has_scene = self.scene.is_some();
        let body = types::AddContactWayRequest { open_kfid: self.open_kfid.into(), scene: self.scene };
        let reply = self.client.call(&op::AddContactWay { body }).await?;
        let missing = || Error::lacks("add_contact_way", "url");
        Ok(ContactWay { url: reply.url.filter(|url| !url.is_empty()).ok_or_else(missing)?, has_scene })
    }
}

impl<'a> IntoFuture for CreateContactWay<'a> {
    type Output = Result<ContactWay, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// A link through which customers reach an account, created by [`Accounts::contact_way`]. Serialized as its `url`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContactWay {
    url: String,
    #[serde(skip)]
    has_scene: bool,
}

/// The maximum length of `scene_param` before it is encoded [96416].
const SCENE_PARAM_MAX_BYTES: usize = 128;

const NEEDS_ENCODING: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl ContactWay {
    /// Returns the link.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the link with a parameter of 1 to 128 bytes, counted before they are encoded. When a customer enters the
    /// chat through the link, the parameter arrives as
    /// [`EnterSession::scene_param`](crate::messages::event::EnterSession::scene_param).
    ///
    /// Customers can change the link; WeCom then sends no `enter_session`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: the parameter is empty or too long, or the link was created without a scene.
    pub fn url_with_param(&self, scene_param: &str) -> Result<String, Error> {
        if !self.has_scene {
            return Err(input::malformed(
                Bilingual::fixed("contact way", "客服链接"),
                "created with a scene",
                "以 scene 创建",
            ));
        }
        input::bytes("scene_param", scene_param, SCENE_PARAM_MAX_BYTES)?;
        let encoded = percent_encoding::utf8_percent_encode(scene_param, NEEDS_ENCODING);
        Ok(format!("{}&scene_param={encoded}", self.url))
    }
}

const PAGE: u32 = limits::account_list::LIMIT_MAX;

impl<'a> Accounts<'a> {
    /// Adds an account and returns its id.
    ///
    /// `name` has 1 to 16 characters. `media_id` is that of a temporary image (the avatar).
    /// According to users, WeCom requires that the app already manages an account.
    ///
    /// `POST /cgi-bin/kf/account/add`, [official page](https://developer.work.weixin.qq.com/document/path/94662).
    /// The client never repeats this call.
    ///
    /// # Errors
    ///
    /// [`INVALID_MEDIA_ID`](crate::ErrCode::INVALID_MEDIA_ID): the image is unknown or older than 3 days. 95005, 95027:
    /// there are too many accounts. [`Error::InvalidInput`]: a length exceeds its limit.
    pub async fn add(self, name: impl Into<String>, media_id: impl Into<MediaId>) -> Result<OpenKfid, Error> {
        let (name, media_id) = (name.into(), media_id.into());
        input::chars("name", &name, limits::account_add::NAME_MAX_CHARS)?;
        media_id.check()?;
        let body = types::AddCustomerServiceAccountRequest { name, media_id: media_id.into() };
        let reply = self.0.call(&op::AccountAdd { body }).await?;
        // An empty id must not be returned as if it were valid. The account may have been added all the same.
        reply
            .open_kfid
            .filter(|id| !id.is_empty())
            .map(OpenKfid::from)
            .ok_or_else(|| Error::lacks("account_add", "open_kfid"))
    }

    /// Returns all accounts.
    ///
    /// `POST /cgi-bin/kf/account/list`, [official page](https://developer.work.weixin.qq.com/document/path/94661).
    ///
    /// # Errors
    ///
    /// [`IP_NOT_TRUSTED`](crate::ErrCode::IP_NOT_TRUSTED): the IP address of this machine is not in the app's list, which
    /// is the usual error of a first call. If a page cannot be read, no accounts are returned.
    pub async fn list(self) -> Result<Vec<Account>, Error> {
        self.stream().try_collect().await
    }

    /// Returns all accounts as a stream that fetches a page of 100 when it is needed.
    ///
    /// # Errors
    ///
    /// Those of [`list`](Self::list); the stream ends with the error.
    pub fn stream(self) -> impl Stream<Item = Result<Account, Error>> + Send + 'a {
        let client = self.0;
        try_unfold(Some((0, None)), move |state| async move {
            let Some((offset, previous)) = state else { return Ok(None) };
            let page = page(client, offset).await?;
            let first = page.first().map(|account| account.open_kfid.clone());
            // A server that ignores the offset would return the same page for ever.
            if first.as_ref().is_some_and(|first| !first.as_str().is_empty() && Some(first) == previous.as_ref()) {
                return Err(Error::bad_reply(
                    "account_list",
                    Bilingual::fixed("the same page for two offsets", "两个不同的 offset 得到同一页"),
                ));
            }
            // The reply has no has_more: a page that is not full is the last one.
            let next = (page.len() >= PAGE as usize).then(|| (offset + PAGE as i32, first));
            Ok(Some((futures_util::stream::iter(page.into_iter().map(Ok)), next)))
        })
        .try_flatten()
    }

    /// Changes the name of an account, its avatar or both.
    ///
    /// ```no_run
    /// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid) -> Result<(), wecom_kf::Error> {
    /// client.accounts().update(&kf).name("售后客服").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `POST /cgi-bin/kf/account/update`, [official page](https://developer.work.weixin.qq.com/document/path/94664).
    /// The client never repeats this call.
    ///
    /// # Errors
    ///
    /// [`OPEN_KFID_NOT_FOUND`](crate::ErrCode::OPEN_KFID_NOT_FOUND) or
    /// [`INVALID_OPEN_KFID`](crate::ErrCode::INVALID_OPEN_KFID): the app has no such account. [`Error::InvalidInput`]:
    /// see [`UpdateAccount::check`].
    pub fn update(self, open_kfid: impl Into<OpenKfid>) -> UpdateAccount<'a> {
        UpdateAccount { client: self.0, open_kfid: open_kfid.into(), name: None, media_id: None }
    }

    /// Creates a link through which customers reach an account. No operation lists or deletes links.
    ///
    /// ```no_run
    /// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid) -> Result<(), wecom_kf::Error> {
    /// let link = client.accounts().contact_way(&kf).scene("web_footer").await?;
    /// println!("{}", link.url());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `POST /cgi-bin/kf/add_contact_way`, [official page](https://developer.work.weixin.qq.com/document/path/94665).
    /// The client never repeats this call. Calling it again is harmless: it creates one more link.
    ///
    /// # Errors
    ///
    /// Those of [`update`](Self::update). [`Error::InvalidInput`]: see [`CreateContactWay::check`].
    pub fn contact_way(self, open_kfid: impl Into<OpenKfid>) -> CreateContactWay<'a> {
        CreateContactWay { client: self.0, open_kfid: open_kfid.into(), scene: None }
    }

    /// Deletes an account.
    ///
    /// `POST /cgi-bin/kf/account/del`, [official page](https://developer.work.weixin.qq.com/document/path/94663).
    /// The client never repeats this call.
    ///
    /// # Errors
    ///
    /// Those of [`update`](Self::update).
    pub async fn delete(self, open_kfid: impl Into<OpenKfid>) -> Result<(), Error> {
        let open_kfid = open_kfid.into();
        open_kfid.check()?;
        let body = types::DelCustomerServiceAccountRequest { open_kfid: open_kfid.into() };
        self.0.call(&op::AccountDel { body }).await.map(drop)
    }
}

async fn page(client: &Client, offset: i32) -> Result<Vec<Account>, Error> {
    let body = types::ListCustomerServiceAccountRequest { offset: Some(offset), limit: Some(PAGE as i32) };
    let reply = client.call(&op::AccountList { body }).await?;
    Ok(reply.account_list.into_iter().map(Account::from).collect())
}

impl From<types::CustomerServiceAccount> for Account {
    fn from(account: types::CustomerServiceAccount) -> Self {
        Self {
            open_kfid: OpenKfid::from(account.open_kfid.unwrap_or_default()),
            name: account.name.unwrap_or_default(),
            avatar: account.avatar.filter(|avatar| !avatar.is_empty()),
            manage_privilege: account.manage_privilege,
        }
    }
}
