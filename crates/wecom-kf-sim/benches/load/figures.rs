//! The calls that are measured.

use serde_json::{Value, json};

use crate::client::{Client, get, post};
use crate::process::Process;
use crate::serve::{CUSTOMERS, FRESH_TOKENS};
use crate::{CLIENTS, ROUNDS, STATIC_FILE};

/// A call that is measured, and what happens before.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// How the simulator is started: see `serve.rs`.
    pub(crate) flags: &'static [&'static str],
    /// This many messages wait to be read.
    pub(crate) messages: usize,
    /// This many calls are a round.
    pub(crate) calls: usize,
    pub(crate) clients: usize,
    pub(crate) before: fn(&mut Scene),
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    StaticFile,
    Gettoken,
    AccountList,
    ServiceStateGet,
    SendMsg,
    SyncMsg,
}

const TOKENS: usize = 3_200;
const PAGE: usize = 100;
const PAGES_OF_A_ROUND: usize = 100;
const MESSAGES: usize = PAGE * PAGES_OF_A_ROUND * ROUNDS;

pub(crate) const STATIC: Figure = small(STATIC_FILE, "static file", Kind::StaticFile);

pub(crate) const FIGURES: &[Figure] = &[
    small("gettoken", "gettoken", Kind::Gettoken),
    small("account_list", "account/list", Kind::AccountList),
    small("service_state_get", "service_state/get", Kind::ServiceStateGet),
    SEND,
    Figure {
        name: "send_after_look",
        title: "send_msg, the state was looked at",
        before: Scene::look_at_state,
        ..SEND
    },
    Figure {
        name: "send_after_others_tokens",
        title: "send_msg, 3,200 tokens in the other corp",
        before: Scene::issue_in_other,
        flags: &[FRESH_TOKENS],
        ..SEND
    },
    READ,
    Figure {
        name: "sync_after_tokens",
        title: "sync_msg, page of 100, 3,200 tokens",
        before: Scene::issue,
        flags: &[FRESH_TOKENS],
        ..READ
    },
];

const SEND: Figure = small("send_msg", "send_msg", Kind::SendMsg);

const READ: Figure = Figure {
    messages: MESSAGES,
    calls: PAGES_OF_A_ROUND,
    // One account has one reader.
    clients: 1,
    ..small("sync_msg", "sync_msg, page of 100", Kind::SyncMsg)
};

const fn small(name: &'static str, title: &'static str, kind: Kind) -> Figure {
    Figure { name, title, flags: &[], messages: 0, calls: 4 * CUSTOMERS, clients: CLIENTS, before: |_| {}, kind }
}

/// A simulator with customers, and a bot's token.
pub(crate) struct Scene {
    pub(crate) process: Process,
    token: String,
    /// The cursors of all pages.
    cursors: Vec<String>,
}

impl Scene {
    pub(crate) fn new(mut process: Process, messages: usize) -> Self {
        process.write(messages);
        let mut client = Client::connect(&process.address());
        let token = client.reply(&gettoken("ww-first", "secret-of-the-first"));
        let mut scene =
            Self { process, token: token["access_token"].as_str().unwrap().to_owned(), cursors: Vec::new() };
        let mut cursor = Value::from("");
        while scene.cursors.len() < messages / PAGE {
            scene.cursors.push(cursor.as_str().unwrap().to_owned());
            cursor = client.reply(&scene.read(cursor.as_str().unwrap()))["next_cursor"].take();
        }
        if messages > 0 {
            // Pages that are read again within 5 seconds are a finding, which costs more.
            std::thread::sleep(std::time::Duration::from_secs(6));
        }
        scene
    }

    /// The calls of a round. Before it customers write what may be answered then.
    pub(crate) fn requests(&mut self, figure: &Figure, round: usize) -> Vec<Vec<u8>> {
        let open_kfid = self.process.text("open_kfid").to_owned();
        let customers: Vec<_> = self.process.ready["customers"].as_array().unwrap().clone();
        let customers = || customers.iter().cycle().take(figure.calls);
        match figure.kind {
            Kind::StaticFile => self.static_files(figure.calls),
            Kind::Gettoken => vec![gettoken("ww-first", "secret-of-the-first"); figure.calls],
            Kind::AccountList => vec![self.post("account/list", &json!({})); figure.calls],
            Kind::ServiceStateGet => {
                let body = |customer| json!({ "open_kfid": open_kfid, "external_userid": customer });
                customers().map(|customer| self.post("service_state/get", &body(customer))).collect()
            }
            Kind::SendMsg => {
                // Five messages may follow one of the customer's.
                self.process.write(CUSTOMERS);
                let text = json!({ "content": "您好，我们的营业时间是 9:00 到 18:00。" });
                let body =
                    |customer| json!({ "touser": customer, "open_kfid": open_kfid, "msgtype": "text", "text": text });
                customers().map(|customer| self.post("send_msg", &body(customer))).collect()
            }
            Kind::SyncMsg => {
                let cursors = self.cursors.chunks(PAGES_OF_A_ROUND).cycle().nth(round).unwrap();
                cursors.iter().map(|cursor| self.read(cursor)).collect()
            }
        }
    }

    pub(crate) fn static_files(&self, count: usize) -> Vec<Vec<u8>> {
        vec![get("/console/icon.svg"); count]
    }

    fn read(&self, cursor: &str) -> Vec<u8> {
        let open_kfid = self.process.text("open_kfid");
        self.post("sync_msg", &json!({ "open_kfid": open_kfid, "cursor": cursor, "limit": PAGE }))
    }

    fn post(&self, path: &str, body: &Value) -> Vec<u8> {
        post(&format!("/cgi-bin/kf/{path}?access_token={}", self.token), body)
    }

    fn look_at_state(&mut self) {
        Client::connect(&self.process.address()).call(&get("/sim/v1/state"));
    }

    fn issue(&mut self) {
        self.issue_by(&gettoken("ww-first", "secret-of-the-first"));
    }

    fn issue_in_other(&mut self) {
        self.issue_by(&gettoken("ww-other", "secret-of-the-other"));
    }

    fn issue_by(&mut self, gettoken: &[u8]) {
        let mut client = Client::connect(&self.process.address());
        (0..TOKENS).for_each(|_| drop(client.reply(gettoken)));
    }
}

fn gettoken(corp_id: &str, secret: &str) -> Vec<u8> {
    get(&format!("/cgi-bin/gettoken?corpid={corp_id}&corpsecret={secret}"))
}
