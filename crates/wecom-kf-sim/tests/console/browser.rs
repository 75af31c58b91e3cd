//! Chromium, and what is done in it.

use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fantoccini::key::Key;
use fantoccini::wd::{WebDriverCompatibleCommand, WindowHandle};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// A page waits so long for what is to come; several browsers may share two cores.
const PATIENCE: Duration = Duration::from_secs(120);
/// Chromedriver is started so often before the test gives up.
const STARTS: usize = 10;
const DESKTOP: (u32, u32) = (1440, 900);

/// Plays `scenario` in a fresh browser that has `address` open, and closes it whatever comes of it.
pub(crate) async fn play<F>(address: String, scenario: impl FnOnce(Page) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let browser = Browser::start().await;
    let page = Page(browser.client.clone());
    page.resize(DESKTOP).await;
    page.open(&address).await;
    // A task of its own: its panic waits until the browser is closed.
    let outcome = tokio::spawn(scenario(page)).await;
    browser.close().await;
    if let Err(error) = outcome {
        std::panic::resume_unwind(error.into_panic());
    }
}

struct Browser {
    client: Client,
    driver: Child,
    profile: PathBuf,
}

impl Browser {
    async fn start() -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let profile = std::env::temp_dir().join(format!("wecom-kf-console-{}-{number}", std::process::id()));
        let (driver, port) = driver().await;
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(&profile))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("chromedriver starts Chromium");
        Self { client, driver, profile }
    }

    async fn close(mut self) {
        // Also where the scenario failed: a browser that is left behind outlives its driver.
        let _ = self.client.close().await;
        let _ = self.driver.kill().await;
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

/// Starts chromedriver on a free port. It takes one of IPv4 and exits if the same one of IPv6 is in use, as that of another
/// chromedriver may be. Then it is started again.
async fn driver() -> (Child, u16) {
    let mut said = Vec::new();
    for _ in 0..STARTS {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver must be installed (Debian: chromium, chromium-driver)");
        if let Some(port) = port(&mut driver, &mut said).await {
            return (driver, port);
        }
    }
    panic!("chromedriver did not start:\n{}", said.join("\n"));
}

/// Returns the port on which chromedriver says that it listens; `None` if it ends without that.
async fn port(driver: &mut Child, said: &mut Vec<String>) -> Option<u16> {
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, port)) = line.split_once("was started successfully on port ") {
            // Whoever stops reading lets it write against a wall.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Some(port.trim_end_matches('.').parse().unwrap());
        }
        said.push(line);
    }
    None
}

fn capabilities(profile: &std::path::Path) -> serde_json::Map<String, Value> {
    let args = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--force-prefers-reduced-motion",
    ];
    let args: Vec<_> =
        args.into_iter().map(str::to_owned).chain([format!("--user-data-dir={}", profile.display())]).collect();
    let options = json!({ "goog:chromeOptions": { "args": args } });
    options.as_object().unwrap().clone()
}

/// The page that is open.
#[derive(Clone)]
pub(crate) struct Page(Client);

impl Page {
    pub(crate) async fn open(&self, address: &str) {
        self.0.goto(address).await.unwrap();
        self.until("it is live", "return document.body.dataset.connection === 'live'").await;
    }

    pub(crate) async fn resize(&self, (width, height): (u32, u32)) {
        // The viewport, not the window with its frame, which has a smallest width.
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.cdp("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// A command of Chromium's own protocol, for what WebDriver cannot do.
    pub(crate) async fn cdp(&self, command: &str, params: Value) {
        self.0.issue_cmd(Cdp(json!({ "cmd": command, "params": params }))).await.unwrap();
    }

    pub(crate) async fn eval(&self, script: &str) -> Value {
        self.0.execute(script, vec![]).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Waits until the script gives something that is true, and gives it.
    pub(crate) async fn until(&self, what: &str, script: &str) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let value = self.eval(script).await;
            if !matches!(value, Value::Null | Value::Bool(false)) && value != json!(0) {
                return value;
            }
            if Instant::now() > end {
                let page = self.eval("return document.body.innerText").await;
                panic!("waited in vain until {what}; the page:\n{}", page.as_str().unwrap_or_default());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the text is in an element that is in sight.
    pub(crate) async fn sees(&self, css: &str, text: &str) {
        let script = format!(
            "return [...document.querySelectorAll({})].some((node) => node.checkVisibility() && node.textContent.includes({}))",
            json!(css),
            json!(text)
        );
        self.until(&format!("{css} has {text:?}"), &script).await;
    }

    pub(crate) async fn count(&self, css: &str) -> u64 {
        self.eval(&format!("return document.querySelectorAll({}).length", json!(css))).await.as_u64().unwrap()
    }

    pub(crate) async fn text(&self, css: &str) -> String {
        let text = self.eval(&format!("return document.querySelector({})?.textContent", json!(css))).await;
        text.as_str().unwrap_or_else(|| panic!("there is no {css}")).to_owned()
    }

    /// Clicks as a person does, once it is there. What changes under the hand is tried again.
    pub(crate) async fn click(&self, css: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let found = self.0.find(Locator::Css(css)).await;
            let clicked = match found {
                Ok(element) => element.click().await,
                Err(error) => Err(error),
            };
            match clicked {
                Ok(()) => return,
                Err(error) => assert!(Instant::now() < end, "cannot click {css}: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Types into whatever has the focus. What is made anew just then is asked for again.
    pub(crate) async fn keys(&self, keys: &str) {
        let end = Instant::now() + PATIENCE;
        while let Err(error) = self.0.active_element().await.unwrap().send_keys(keys).await {
            let is_gone = error.is_stale_element_reference() || error.is_element_not_interactable();
            assert!(is_gone && Instant::now() < end, "cannot type {keys:?}: {error}");
        }
    }

    /// Fills a field of the dialog that is open.
    pub(crate) async fn fill(&self, name: &str, value: &str) {
        let script = format!(
            "const field = document.querySelector('dialog[open] [name={name}]');
             if (!field?.checkVisibility()) return false;
             field.value = {};
             field.dispatchEvent(new Event('input', {{ bubbles: true }}));
             field.dispatchEvent(new Event('change', {{ bubbles: true }}));
             return field.value === {}",
            json!(value),
            json!(value)
        );
        self.until(&format!("{name} can be filled with {value:?}"), &script).await;
    }

    /// Sends the dialog that is open, which is gone then.
    pub(crate) async fn submit(&self) {
        self.click("dialog[open] [type=submit]").await;
        self.until("the dialog is gone", "return !document.querySelector('dialog')").await;
    }

    pub(crate) async fn press(&self, key: Key) {
        self.keys(&char::from(key).to_string()).await;
    }

    /// Writes as whoever is chosen.
    pub(crate) async fn write(&self, text: &str) {
        self.click("#box").await;
        self.keys(text).await;
        self.press(Key::Enter).await;
    }

    /// Opens the address in a tab of its own, which is in front then, and gives its handle.
    pub(crate) async fn open_tab(&self, address: &str) -> WindowHandle {
        let tab = self.0.new_window(true).await.unwrap().handle;
        self.show_tab(&tab).await;
        self.open(address).await;
        tab
    }

    pub(crate) async fn tab(&self) -> WindowHandle {
        self.0.window().await.unwrap()
    }

    pub(crate) async fn show_tab(&self, tab: &WindowHandle) {
        self.0.switch_to_window(tab.clone()).await.unwrap();
    }

    /// Closes the tab that is in front.
    pub(crate) async fn close_tab(&self) {
        self.0.close_window().await.unwrap();
    }

    pub(crate) async fn focused(&self) -> String {
        self.eval("return document.activeElement.dataset.focus ?? ''").await.as_str().unwrap().to_owned()
    }
}

struct Cdp(Value);

impl fmt::Debug for Cdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0["cmd"].fmt(f)
    }
}

impl WebDriverCompatibleCommand for Cdp {
    fn endpoint(&self, base_url: &Url, session_id: Option<&str>) -> Result<Url, <Url as FromStr>::Err> {
        base_url.join(&format!("session/{}/goog/cdp/execute", session_id.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.0.to_string()))
    }
}
