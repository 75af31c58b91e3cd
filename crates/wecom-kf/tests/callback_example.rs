//! Sends requests like WeCom's to the example `callback`: first without a secret, then with one.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use wecom_kf::callback::Callback;
use wecom_kf_sim::Simulator;

const TOKEN: &str = "TOKEN1";
const AES_KEY: &str = "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY";

/// The example in a process of its own. Dropping this kills the process, also if an assertion fails.
struct Bot {
    process: Child,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Drop for Bot {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Bot {
    fn start(vars: Vec<(&str, String)>) -> Self {
        let test = std::env::current_exe().unwrap();
        let target: PathBuf = test.ancestors().nth(2).unwrap().into();
        let program = target.join("examples").join(format!("callback{}", std::env::consts::EXE_SUFFIX));
        let mut command = Command::new(program);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WECOM_")) {
            command.env_remove(name);
        }
        command.envs(vars).env("WECOM_KF_CALLBACK_TOKEN", TOKEN).env("WECOM_KF_CALLBACK_AES_KEY", AES_KEY);
        command.env("WECOM_KF_LISTEN", "127.0.0.1:0").env("NO_PROXY", "127.0.0.1");
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut bot = Self { process, output, address: String::new() };
        let line = bot.line();
        let url = line.strip_prefix("waiting at http://").unwrap_or_else(|| panic!("{line}"));
        bot.address = url.strip_suffix("/callback").unwrap().to_owned();
        bot
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn ask(&self, method: &str, query: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let head =
            format!("{method} /callback?{query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}");
        write!(stream, "{head}\r\n\r\n{body}").unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    }
}

#[test]
fn without_a_secret_it_verifies_its_url() {
    let mut bot = Bot::start(vec![("WECOM_CORP_ID", "ww1".to_owned())]);
    let line = bot.line();
    assert!(line.contains("WECOM_KF_SECRET") && line.contains("not set"), "{line}");
    let callback = Callback::new(TOKEN, AES_KEY, "ww1").unwrap();
    let reply = bot.ask("GET", &callback.seal_url("1616140317555161061", "1718000001", "2", [7; 16]), "");
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with("\r\n\r\n1616140317555161061"), "{reply}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_one_it_reads_what_the_callback_tells_of_once() {
    let sim = Simulator::start().await.unwrap();
    let customer = sim.customer("小王");
    let mut bot = Bot::start(sim.vars());
    let callback = Callback::new(TOKEN, AES_KEY, sim.corp_id()).unwrap();
    let tell = |sync_token: &str| {
        let xml = format!(
            "<xml><ToUserName>{}</ToUserName><CreateTime>1</CreateTime><MsgType>event</MsgType>\
             <Event>kf_msg_or_event</Event><Token>{sync_token}</Token><OpenKfId>{}</OpenKfId></xml>",
            sim.corp_id(),
            sim.open_kfid()
        );
        let sealed = callback.seal(&xml, "1718000001", "2", [7; 16]);
        assert!(bot.ask("POST", &sealed.query, &sealed.body).starts_with("HTTP/1.1 200 OK\r\n"));
    };
    let first = customer.says("你好");
    tell(&sim.sync_token());
    let second = customer.says("在吗");
    // With an invalid token, the example reads the same page without the token.
    tell("too-old");
    assert_eq!([bot.line(), bot.line()], [first, second].map(|msgid| format!("{msgid}  text")));
}
