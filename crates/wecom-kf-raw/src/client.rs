//! The part of `Client` that all operations share: the base URL, building a request, and the rules of the HTTP client: no
//! redirects, no Referer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{ClientBuilder, Method, Request, Url, redirect, retry};
use serde::Serialize;

use crate::exchange::REPLY_LIMIT;
use crate::{AccessToken, Client, Error, FromJson, Operation, Parameter, op};

/// Everything except the characters that RFC 3986 calls unreserved.
const PATH_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The parameters of a call, except the access token: name and value. The name of a path parameter is in braces.
pub(crate) type Parameters<'a> = &'a [(&'a str, &'a dyn Parameter)];

/// Builds the HTTP client of a [`Client`] from `settings`, such as a proxy or time-outs.
///
/// These rules override the settings: the client follows no redirect, sends no `Referer` and repeats nothing by itself. The
/// access token and the secret are in the query string, which a redirect or a `Referer` would pass on to other servers.
///
/// # Errors
///
/// The TLS backend cannot be started, or this machine does not support a setting.
pub fn http_client(settings: ClientBuilder) -> Result<reqwest::Client, Error> {
    Ok(settings.redirect(redirect::Policy::none()).referer(false).retry(retry::never()).build()?)
}

/// Omits all fields, because the base URL may contain a password.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// Creates a client of the API at `base_url`, such as `https://qyapi.weixin.qq.com`.
    ///
    /// The URL may have a path; a slash at its end is removed. User info is sent as basic authentication.
    ///
    /// `settings` are passed to [`http_client`]. `Default::default()` is enough.
    ///
    /// # Errors
    ///
    /// [`Error::BaseUrl`]: the base URL is not an absolute http or https URL, or it has a query or a fragment. The errors of
    /// [`http_client`].
    pub fn new(base_url: impl AsRef<str>, settings: ClientBuilder) -> Result<Self, Error> {
        let http = http_client(settings)?;
        let base = Base::new(checked_base_url(base_url.as_ref())?, &http)?;
        Ok(Self { base: Arc::new(base), http, reply_limit: REPLY_LIMIT, timeout: None })
    }

    /// Sets the size limit of a JSON reply in bytes. The default is 32 MiB ([`REPLY_LIMIT`]). A longer reply fails with
    /// [`Error::TooLong`]. Downloads are streams with a limit of their own.
    #[must_use]
    pub fn reply_limit(mut self, bytes: usize) -> Self {
        self.reply_limit = bytes;
        self
    }

    /// Sets the time limit of a call, until its reply has been read. It replaces the time-out in the settings of the HTTP
    /// client. Calls that move files have limits of their own.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Calls an operation with a JSON body. The types of body and reply are yours to choose.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`]: the body cannot be serialised as JSON. The errors that every operation has.
    pub async fn post<B: Serialize + Sync, T: FromJson>(
        &self,
        operation: Operation,
        access_token: &AccessToken,
        body: &B,
    ) -> Result<T, Error> {
        let request = self.request(Method::POST, operation.path, Some(access_token), &[])?;
        self.exchange(with_body(request, json(body)?)).await
    }

    /// Calls an operation that has no body.
    pub(crate) async fn get<T: FromJson>(
        &self,
        operation: Operation,
        access_token: Option<&AccessToken>,
        parameters: Parameters<'_>,
    ) -> Result<T, Error> {
        self.exchange(self.request_of(operation, access_token, parameters)?).await
    }

    /// Calls an operation with a JSON body that also has parameters, needs no access token, or is not a POST.
    // Today's document has no such operation, but a document that has one must compile.
    #[allow(dead_code, reason = "whether it is called depends on the document and its feature")]
    pub(crate) async fn call<B: Serialize + Sync, T: FromJson>(
        &self,
        operation: Operation,
        access_token: Option<&AccessToken>,
        parameters: Parameters<'_>,
        body: &B,
    ) -> Result<T, Error> {
        let request = self.request_of(operation, access_token, parameters)?;
        self.exchange(with_body(request, json(body)?)).await
    }

    /// Creates a request of `operation` without a body.
    pub(crate) fn request_of(
        &self,
        operation: Operation,
        access_token: Option<&AccessToken>,
        parameters: Parameters<'_>,
    ) -> Result<Request, Error> {
        let method = Method::from_bytes(operation.method.as_bytes())
            .map_err(|_| Error::InvalidRequest("the operation's method is not an HTTP method"))?;
        self.request(method, operation.path, access_token, parameters)
    }

    fn request(
        &self,
        method: Method,
        path: &'static str,
        access_token: Option<&AccessToken>,
        parameters: Parameters<'_>,
    ) -> Result<Request, Error> {
        let mut url = self.base.url_of(path, parameters)?;
        set_query(&mut url, access_token, parameters);
        let mut request = Request::new(method, url);
        if let Some(authorization) = &self.base.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        Ok(request)
    }
}

/// The parsed base URL, from which the URLs of requests are built.
pub(crate) struct Base {
    /// The base URL. Its path does not end in a slash.
    url: Url,
    /// The header that the user info of the base URL becomes.
    authorization: Option<HeaderValue>,
    /// The URLs of the operations without path parameters. They are built once, because setting the path of a URL costs as
    /// much as all other work for a request. They are sorted by length first, because most paths begin alike.
    urls: Vec<(&'static str, Url)>,
}

impl Base {
    fn new(url: Url, http: &reqwest::Client) -> Result<Self, Error> {
        // reqwest moves the user info from a URL to a header. This is done once here, not once per request.
        let mut probe = http.get(url).build()?;
        let authorization = probe.headers_mut().remove(AUTHORIZATION);
        let url = probe.url().clone();
        let paths = op::ALL.iter().map(|operation| operation.path).filter(|path| !path.contains('{'));
        let mut urls: Vec<_> = paths.map(|path| (path, joined(&url, path))).collect();
        urls.sort_unstable_by_key(|(path, _)| (path.len(), *path));
        Ok(Self { url, authorization, urls })
    }

    fn url_of(&self, path: &'static str, parameters: Parameters<'_>) -> Result<Url, Error> {
        if let Ok(index) = self.urls.binary_search_by_key(&(path.len(), path), |(path, _)| (path.len(), *path)) {
            return Ok(self.urls[index].1.clone());
        }
        let mut filled = String::new();
        for segment in path.split_inclusive('/') {
            push_segment(&mut filled, segment, parameters)?;
        }
        Ok(joined(&self.url, &filled))
    }
}

fn joined(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&(base.path().trim_end_matches('/').to_owned() + path));
    url
}

/// Parses and checks the base URL. The error does not show the URL, because its user info may contain a password.
fn checked_base_url(base_url: &str) -> Result<Url, Error> {
    let base_url = wecom_kf_text::checked(base_url).map_err(|_| {
        Error::BaseUrl("contains white space or an invisible character, or has quotes around it; remove them")
    })?;
    // Otherwise, `localhost:9500` would be a URL with the scheme `localhost`.
    if !base_url.contains("://") {
        return Err(Error::BaseUrl("has no scheme; begin it with https:// (or http://)"));
    }
    let url = Url::parse(base_url).map_err(|_| Error::BaseUrl("is not a URL such as https://qyapi.weixin.qq.com"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Error::BaseUrl("is neither http nor https; begin it with https:// (or http://)"));
    }
    if url.query().is_some() {
        return Err(Error::BaseUrl("has a query; remove it"));
    }
    if url.fragment().is_some() {
        return Err(Error::BaseUrl("has a fragment; remove it"));
    }
    Ok(url)
}

/// Appends `segment` to `path`, and replaces each `{name}` by the parameter with this name.
fn push_segment(path: &mut String, segment: &str, parameters: Parameters<'_>) -> Result<(), Error> {
    let mut rest = segment;
    let before = path.len();
    while let Some((literal, placeholder, after)) = next_placeholder(rest) {
        path.push_str(literal);
        let parameter = parameters.iter().find(|(name, _)| *name == placeholder);
        let (_, value) = parameter.ok_or(Error::InvalidRequest("a path parameter is missing"))?;
        value.write(&mut |value| path.extend(utf8_percent_encode(value, PATH_SEGMENT)));
        rest = after;
    }
    path.push_str(rest);
    // A URL drops these segments, so the request would go to another operation.
    match (rest.len() == segment.len(), path[before..].trim_end_matches('/')) {
        (false, "" | "." | "..") => Err(Error::InvalidRequest("a path parameter is empty, \".\" or \"..\"")),
        _ => Ok(()),
    }
}

/// Splits a text at its first placeholder: `v{id}.json` becomes `v`, `{id}` and `.json`.
fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.find('{')?;
    let end = start + text[start..].find('}')? + 1;
    Some((&text[..start], &text[start..end], &text[end..]))
}

fn set_query(url: &mut Url, access_token: Option<&AccessToken>, parameters: Parameters<'_>) {
    let in_query = parameters.iter().filter(|(name, _)| !name.starts_with('{'));
    let mut pairs = url.query_pairs_mut();
    if let Some(access_token) = access_token {
        pairs.append_pair("access_token", access_token.expose());
    }
    for (name, parameter) in in_query {
        parameter.write(&mut |value| {
            pairs.append_pair(name, value);
        });
    }
    drop(pairs);
    if url.query() == Some("") {
        url.set_query(None);
    }
}

fn json<B: Serialize>(body: &B) -> Result<Vec<u8>, Error> {
    // The cause is dropped, because serde's message may quote the body.
    serde_json::to_vec(body).map_err(|_| Error::InvalidRequest("the body cannot be serialised as JSON"))
}

fn with_body(mut request: Request, body: Vec<u8>) -> Request {
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *request.body_mut() = Some(body.into());
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "T+1/= 甲";
    const IN_QUERY: &str = "access_token=T%2B1%2F%3D+%E7%94%B2";

    fn url(base_url: &str, operation: Operation, parameters: Parameters<'_>) -> Result<String, Error> {
        let client = Client::new(base_url, Default::default()).unwrap();
        let request = client.request_of(operation, Some(&AccessToken::from(TOKEN)), parameters)?;
        Ok(request.url().to_string())
    }

    #[test]
    fn the_path_of_the_base_url_stays_without_its_final_slash() {
        for (base_url, start) in [
            ("http://h", "http://h"),
            ("http://h/", "http://h"),
            ("http://h/a/b", "http://h/a/b"),
            ("http://h/a/b/", "http://h/a/b"),
            ("http://h:81/a%20b", "http://h:81/a%20b"),
        ] {
            let expected = format!("{start}/cgi-bin/kf/account/list?{IN_QUERY}");
            assert_eq!(url(base_url, op::ACCOUNT_LIST, &[]).unwrap(), expected, "{base_url}");
        }
    }

    #[test]
    fn user_info_of_the_base_url_becomes_a_header() {
        let client = Client::new("http://u:p@h", Default::default()).unwrap();
        let request = client.request_of(op::ACCOUNT_LIST, None, &[]).unwrap();
        assert_eq!(request.url().as_str(), "http://h/cgi-bin/kf/account/list");
        let authorization = &request.headers()[AUTHORIZATION];
        assert_eq!(authorization, "Basic dTpw");
        assert!(authorization.is_sensitive());
    }

    #[test]
    fn parameters_are_encoded_and_absent_ones_are_left_out() {
        let (text, secret, none) = ("甲&=+ %", AccessToken::from("s&1="), None::<&str>);
        let parameters: Parameters<'_> = &[
            ("open-kfid", &text),
            ("limit", &-1_i64),
            ("full", &true),
            ("ratio", &0.5_f64),
            ("absent", &none),
            ("Secret", &secret),
            ("some", &Some(7_u32)),
        ];
        let query = "open-kfid=%E7%94%B2%26%3D%2B+%25&limit=-1&full=true&ratio=0.5&Secret=s%261%3D&some=7";
        let expected = format!("http://h/cgi-bin/kf/servicer/list?{IN_QUERY}&{query}");
        assert_eq!(url("http://h", op::SERVICER_LIST, parameters).unwrap(), expected);
    }

    #[test]
    fn path_parameters_are_encoded_and_cannot_change_the_path() {
        let operation = Operation { path: "/v{n}/items/{id}", ..op::SERVICER_LIST };
        let path = |id: &str| url("http://h/a/", operation, &[("{id}", &id), ("{n}", &2_i32), ("id", &"q")]);
        let expected = format!("http://h/a/v2/items/%E7%94%B2%2F%3F%23%25?{IN_QUERY}&id=q");
        assert_eq!(path("甲/?#%").unwrap(), expected);
        for id in ["", ".", ".."] {
            assert!(matches!(path(id), Err(Error::InvalidRequest(_))), "{id:?}");
        }
        assert!(matches!(url("http://h", operation, &[]), Err(Error::InvalidRequest(_))));
    }

    #[test]
    fn an_invalid_base_url_is_refused_and_not_shown() {
        for (base_url, problem) in [
            ("qyapi.weixin.qq.com", "has no scheme"),
            ("localhost:9500", "has no scheme"),
            ("", "has no scheme"),
            ("http://", "is not a URL"),
            ("http://ge\u{200b}heim", "contains white space or an invisible character"),
            ("\"http://geheim\"", "quotes around it"),
            ("ftp://h", "neither http nor https"),
            ("http://h/?geheim", "has a query"),
            ("http://h/#geheim", "has a fragment"),
        ] {
            let error = Client::new(base_url, Default::default()).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains(problem) && !text.contains("geheim"), "{text}");
        }
        Client::new("\u{feff}http://h/\n", Default::default()).unwrap();
    }

    #[test]
    fn a_body_that_cannot_be_json_is_refused_and_not_shown() {
        let body = std::collections::HashMap::from([([1_u8, 2], "geheim")]);
        let error = json(&body).unwrap_err();
        assert!(matches!(error, Error::InvalidRequest(_)));
        assert!(!format!("{error} {error:?}").contains("geheim"));
    }
}
