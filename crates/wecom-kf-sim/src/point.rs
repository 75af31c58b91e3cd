//! What a bot needs to talk to the simulator: variables, and lines to paste.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::shared::Shared;

/// What lines can be had for, and their titles.
pub(crate) const CLIENTS: [(&str, &str); 6] = [
    ("run", "Any program"),
    ("rust", "Rust, wecom-kf"),
    ("curl", "curl"),
    ("wechatpy", "Python, wechatpy"),
    ("wxjava", "Java, WxJava"),
    ("skit", "C#, SKIT.FlurlHttpClient.Wechat.Work"),
];

/// Where a simulator that listens on this address is found from this machine.
pub(crate) fn base_url(mut address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    format!("http://{address}")
}

/// The environment of a bot: see [`Simulator::vars`](crate::Simulator::vars).
pub(crate) fn vars(shared: &Shared, base_url: &str) -> Vec<(&'static str, String)> {
    let (secret, open_kfid) = {
        let (platform, _) = shared.platform();
        (platform.secret.clone(), platform.first_account().to_owned())
    };
    let mut vars = vec![
        ("WECOM_CORP_ID", shared.corp_id.clone()),
        ("WECOM_KF_SECRET", secret),
        ("WECOM_KF_BASE_URL", base_url.to_owned()),
        ("WECOM_KF_OPEN_KFID", open_kfid),
    ];
    if let (Some(url), Some(keys)) = (shared.callbacks.url(), shared.callbacks.keys()) {
        vars.push(("WECOM_KF_CALLBACK_TOKEN", keys.token));
        vars.push(("WECOM_KF_CALLBACK_AES_KEY", keys.aes_key));
        vars.push(("WECOM_KF_LISTEN", listen(&url)));
    }
    vars
}

/// Where a bot must listen to be found at this URL.
fn listen(url: &str) -> String {
    let parsed = reqwest::Url::parse(url).ok();
    let port = parsed.as_ref().and_then(|url| url.port_or_known_default()).unwrap_or(80);
    match parsed.as_ref().and_then(|url| url.host_str()) {
        Some("localhost") | None => format!("127.0.0.1:{port}"),
        Some(host) if host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() => format!("{host}:{port}"),
        // A name of another container: there it is the bot's own.
        Some(_) => format!("0.0.0.0:{port}"),
    }
}

/// What to paste for a client; None if there is nothing for it.
pub(crate) fn lines(client: &str, vars: &[(&str, String)]) -> Option<String> {
    let template = match client {
        "run" => RUN,
        "rust" => RUST,
        "curl" => CURL,
        "wechatpy" => WECHATPY,
        "wxjava" => WXJAVA,
        "skit" => SKIT,
        _ => return None,
    };
    let exports: String = vars.iter().map(|(name, value)| format!("export {name}={value}\n")).collect();
    let text = template.replace("{exports}", &exports);
    Some(vars.iter().fold(text, |text, (name, value)| text.replace(&format!("{{{name}}}"), value)))
}

const RUN: &str = "{exports}";

const RUST: &str = r#"{exports}# then, in the bot:
#   let client = wecom_kf::Settings::from_env().client()?;
"#;

const CURL: &str = r#"{exports}TOKEN=$(curl -s "$WECOM_KF_BASE_URL/cgi-bin/gettoken?corpid=$WECOM_CORP_ID&corpsecret=$WECOM_KF_SECRET" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
curl -s "$WECOM_KF_BASE_URL/cgi-bin/kf/sync_msg?access_token=$TOKEN" -d '{"open_kfid":"'$WECOM_KF_OPEN_KFID'"}'
"#;

const WECHATPY: &str = r#"# pip install wechatpy cryptography
try:
    from wechatpy.work import WeChatClient
except ImportError:  # wechatpy 1
    from wechatpy.enterprise import WeChatClient

class SimulatorClient(WeChatClient):
    API_BASE_URL = "{WECOM_KF_BASE_URL}/cgi-bin/"

    def fetch_access_token(self):  # wechatpy has the platform's host in it
        return self._fetch_access_token(
            url=self.API_BASE_URL + "gettoken",
            params={"corpid": self.corp_id, "corpsecret": self.secret},
        )

client = SimulatorClient("{WECOM_CORP_ID}", "{WECOM_KF_SECRET}")
print(client.post("kf/sync_msg", data={"open_kfid": "{WECOM_KF_OPEN_KFID}"}))
"#;

const WXJAVA: &str = r#"// com.github.binarywang:weixin-java-cp
WxCpDefaultConfigImpl config = new WxCpDefaultConfigImpl();
config.setCorpId("{WECOM_CORP_ID}");
config.setCorpSecret("{WECOM_KF_SECRET}");
config.setBaseApiUrl("{WECOM_KF_BASE_URL}");
WxCpService service = new WxCpServiceImpl();
service.setWxCpConfigStorage(config);
System.out.println(service.getKfService().syncMsg(null, null, 1000, 0, "{WECOM_KF_OPEN_KFID}"));
"#;

const SKIT: &str = r#"// SKIT.FlurlHttpClient.Wechat.Work
var options = new WechatWorkClientOptions
{
    CorpId = "{WECOM_CORP_ID}",
    AgentSecret = "{WECOM_KF_SECRET}",
    Endpoint = "{WECOM_KF_BASE_URL}/cgi-bin",
};
var client = WechatWorkClientBuilder.Create(options).Build();
var token = await client.ExecuteCgibinGetTokenAsync(new CgibinGetTokenRequest());
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bot_listens_where_the_callback_leads() {
        let urls = [
            "http://127.0.0.1:8080/callback",
            "http://localhost:81/",
            "http://[::1]:82",
            "http://bot:83/cb",
            "http://127.0.0.1/",
        ];
        let listens = urls.map(listen);
        assert_eq!(listens, ["127.0.0.1:8080", "127.0.0.1:81", "[::1]:82", "0.0.0.0:83", "127.0.0.1:80"]);
    }

    #[test]
    fn who_listens_everywhere_is_found_on_loopback() {
        let base_url = |address: &str| base_url(address.parse().unwrap());
        assert_eq!(base_url("0.0.0.0:1"), "http://127.0.0.1:1");
        assert_eq!(base_url("[::]:1"), "http://[::1]:1");
        assert_eq!(base_url("127.0.0.1:1"), "http://127.0.0.1:1");
    }

    #[test]
    fn lines_have_every_value_filled_in() {
        let vars = ["WECOM_CORP_ID", "WECOM_KF_SECRET", "WECOM_KF_BASE_URL", "WECOM_KF_OPEN_KFID"];
        let vars = vars.map(|name| (name, format!("value-of-{name}")));
        for (client, _) in CLIENTS {
            let lines = lines(client, &vars).unwrap();
            assert!(!lines.contains("{WECOM") && !lines.contains("{exports}"), "{lines}");
            assert!(lines.contains("value-of-WECOM_KF_BASE_URL"), "{lines}");
        }
        assert_eq!(lines("cobol", &vars), None);
    }
}
