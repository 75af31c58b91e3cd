//! Runs the example `plain_server` in a process of its own, as users do.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use wecom_kf_callback::Callback;

const SETTINGS: [(&str, &str); 3] = [
    ("WECOM_KF_CALLBACK_TOKEN", "TOKEN1"),
    ("WECOM_KF_CALLBACK_AES_KEY", "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY"),
    ("WECOM_CORP_ID", "ww1"),
];

/// Kills the process when it is dropped, also if an assertion fails.
struct Server {
    process: Child,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start() -> Self {
        // Cargo builds the examples of a package together with its tests, into neighbouring folders.
        let test = std::env::current_exe().unwrap();
        let target: PathBuf = test.ancestors().nth(2).unwrap().into();
        let program = target.join("examples").join(format!("plain_server{}", std::env::consts::EXE_SUFFIX));
        let mut command = Command::new(program);
        let mut process =
            command.arg("127.0.0.1:0").envs(SETTINGS).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut server = Self { process, output, address: String::new() };
        server.address = server.line().strip_prefix("listening on ").unwrap().to_owned();
        server
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    }
}

#[test]
fn it_verifies_its_url_and_works_after_it_has_answered() {
    let mut server = Server::start();
    let [token, key, corp_id] = SETTINGS.map(|(_, value)| value);
    let callback = Callback::new(token, key, corp_id).unwrap();
    let query = callback.seal_url("1616140317555161061", "1718000001", "2", [7; 16]);
    let reply = server.ask(&format!("GET /callback?{query} HTTP/1.1\r\nhost: x\r\n\r\n"));
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with("\r\n\r\n1616140317555161061"), "{reply}");

    let xml = "<xml><ToUserName>ww1</ToUserName><CreateTime>1</CreateTime><MsgType>event</MsgType>\
        <Event>kf_msg_or_event</Event><Token>t</Token><OpenKfId>wk1</OpenKfId></xml>";
    let sealed = callback.seal(xml, "1718000001", "2", [7; 16]);
    let post = |query: &str, length: usize, body: &str| {
        format!("POST /callback?{query} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    let reply = server.ask(&post(&sealed.query, sealed.body.len(), &sealed.body));
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with("\r\n\r\n"), "{reply}");
    assert_eq!(server.line(), "news for wk1");

    let forged = sealed.query.replace("nonce=2", "nonce=3");
    assert!(server.ask(&post(&forged, sealed.body.len(), &sealed.body)).starts_with("HTTP/1.1 403"));
    for bad in [post(&sealed.query, 1 << 30, "<xml>"), "no HTTP\r\n\r\n".to_owned()] {
        assert!(server.ask(&bad).starts_with("HTTP/1.1 400"), "{bad}");
    }
}
