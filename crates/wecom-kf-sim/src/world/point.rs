//! What a bot needs to talk to the simulator: variables, and lines to paste.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use wecom_kf_text::is_invisible;

use crate::platform::NotPossible;
use crate::world::World;
use crate::world::setup::Setup;

/// What lines can be had for, and their titles.
pub(crate) const CLIENTS: [(&str, &str); 6] = [
    ("run", "Any program"),
    ("rust", "Rust, wecom-kf"),
    ("curl", "curl"),
    ("wechatpy", "Python, wechatpy"),
    ("wxjava", "Java, WxJava"),
    ("skit", "C#, SKIT.FlurlHttpClient.Wechat.Work"),
];

/// Returns where bots find a simulator that listens on this address: by its public URL, or from this machine.
pub(crate) fn base_url(setup: &Setup, address: SocketAddr) -> String {
    setup.public_url.clone().unwrap_or_else(|| local_url(address))
}

/// Checks a public URL. Returns it without a slash at its end, and its host.
pub(crate) fn public_url(url: &str) -> Result<(String, String), NotPossible> {
    let problem = || NotPossible("a public URL is http, a host and a port at most, such as http://sim:9500".to_owned());
    let parsed = reqwest::Url::parse(url).map_err(|_| problem())?;
    let host = parsed.host_str().ok_or_else(problem)?;
    let port = parsed.port().map(|port| format!(":{port}")).unwrap_or_default();
    let plain = format!("http://{host}{port}");
    // Whatever else a URL may have, such as a path or a name of a user, is not in the plain one.
    if parsed.as_str().trim_end_matches('/') != plain {
        return Err(problem());
    }
    let name = host.trim_matches(['[', ']']).to_owned();
    Ok((plain, name))
}

/// Where a simulator that listens on this address is found from this machine.
pub(crate) fn local_url(mut address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    format!("http://{address}")
}

/// The environment of a bot: see [`Simulator::vars`](crate::Simulator::vars).
pub(crate) fn vars(world: &World, base_url: &str) -> Vec<(&'static str, String)> {
    let (secret, open_kfid) = world.read(|platform, _| (platform.secret.clone(), platform.first_account().to_owned()));
    let mut vars = vec![
        ("WECOM_CORP_ID", world.corp_id.clone()),
        ("WECOM_KF_SECRET", secret),
        ("WECOM_KF_BASE_URL", base_url.to_owned()),
        ("WECOM_KF_OPEN_KFID", open_kfid),
    ];
    if let (Some(url), Some(keys)) = (world.outbox.url(), world.outbox.keys()) {
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

/// What to paste for a client. Returns `None` if there is nothing for it.
pub(crate) fn lines(client: &str, vars: &[(&str, String)]) -> Option<String> {
    let (template, language) = match client {
        "run" => (RUN, Language::Shell),
        "rust" => (RUST, Language::Shell),
        "curl" => (CURL, Language::Shell),
        "wechatpy" => (WECHATPY, Language::Python),
        "wxjava" => (WXJAVA, Language::Java),
        "skit" => (SKIT, Language::CSharp),
        _ => return None,
    };
    Some(fill(template, |name| match name {
        "exports" => Some(vars.iter().map(|(name, value)| format!("export {name}={}\n", shell(value))).collect()),
        name => vars.iter().find(|(known, _)| *known == name).map(|(_, value)| language.inside_quotes(value)),
    }))
}

/// Replaces each `{name}` once, from left to right: what a value says is not replaced again.
fn fill(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let (mut filled, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        match after.split_once('}').and_then(|(name, behind)| Some((value(name)?, behind))) {
            Some((value, behind)) => {
                filled.push_str(&value);
                rest = behind;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled + rest
}

/// A value as a word of the shell. Words of plain characters stay as they are, others are quoted; control characters are
/// escaped, because a terminal would obey them (`$'…'` of bash, zsh and POSIX 2024).
fn shell(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/:@%+=,".contains(&byte);
    if !value.is_empty() && value.bytes().all(is_plain) {
        return value.to_owned();
    }
    if !value.chars().any(is_hidden) {
        return format!("'{}'", value.replace('\'', r"'\''"));
    }
    let quoted: String = value.chars().map(|character| Language::Shell.escaped(character, '\'')).collect();
    format!("$'{quoted}'")
}

/// Whether a character shows nothing, or makes others show otherwise. The blank of ASCII is plain to see between quotes.
fn is_hidden(character: char) -> bool {
    is_invisible(character) && character != ' '
}

/// Whose rules a value is escaped by.
#[derive(Clone, Copy)]
enum Language {
    Shell,
    Python,
    Java,
    CSharp,
}

impl Language {
    /// Returns a value as it is written between double quotes.
    fn inside_quotes(self, value: &str) -> String {
        value.chars().map(|character| self.escaped(character, '"')).collect()
    }

    fn escaped(self, character: char, quote: char) -> String {
        let code = u32::from(character);
        match self {
            _ if character == quote || character == '\\' => format!("\\{character}"),
            _ if !is_hidden(character) => character.to_string(),
            // Each byte of UTF-8, always with three digits, so that a digit behind it stays one.
            Self::Shell => character.to_string().bytes().map(|byte| format!("\\{byte:03o}")).collect(),
            // Java reads \u before anything else, so a line end must not be written so.
            Self::Java if code < 0x100 => format!("\\{code:03o}"),
            Self::Java => character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
            Self::Python | Self::CSharp if code > 0xffff => format!("\\U{code:08x}"),
            Self::Python | Self::CSharp => format!("\\u{code:04x}"),
        }
    }
}

const RUN: &str = "{exports}";

const RUST: &str = r#"{exports}# then, in the bot:
#   let client = wecom_kf::Settings::from_env().client()?;
"#;

const CURL: &str = r#"{exports}TOKEN=$(curl -sG "$WECOM_KF_BASE_URL/cgi-bin/gettoken" --data-urlencode "corpid=$WECOM_CORP_ID" --data-urlencode "corpsecret=$WECOM_KF_SECRET" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
curl -s "$WECOM_KF_BASE_URL/cgi-bin/kf/sync_msg?access_token=$TOKEN" -d '{"open_kfid":"'"$WECOM_KF_OPEN_KFID"'"}'
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
        let local_url = |address: &str| local_url(address.parse().unwrap());
        assert_eq!(local_url("0.0.0.0:1"), "http://127.0.0.1:1");
        assert_eq!(local_url("[::]:1"), "http://[::1]:1");
        assert_eq!(local_url("127.0.0.1:1"), "http://127.0.0.1:1");
    }

    #[test]
    fn a_public_url_is_a_host_and_a_port_at_most() {
        let public_url = |url| public_url(url).ok();
        let sim = || ("http://sim:9500".to_owned(), "sim".to_owned());
        assert_eq!(public_url("http://sim:9500"), Some(sim()));
        assert_eq!(public_url("http://sim:9500/"), Some(sim()));
        assert_eq!(public_url("http://[::1]:1"), Some(("http://[::1]:1".to_owned(), "::1".to_owned())));
        for url in ["https://sim", "http://sim/x", "http://me@sim", "http://sim?x", "http://sim#x", "sim:9500", ""] {
            assert_eq!(public_url(url), None, "{url}");
        }
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

    /// Values with all that shells and languages read otherwise, or that terminals obey.
    const EVIL: [&str; 16] = [
        "plain-1.2_3/4:5@6%7+8=9,",
        "",
        "two words",
        "it's; rm -rf /",
        "$(touch /tmp/x) `id` $HOME \"quoted\" \\ back",
        "line\nend\r\n",
        "\u{1b}[31mred\u{7}",
        "\u{1b}'; echo \u{7f}",
        "tab\tbell\u{8}1",
        "\u{202e}right to left\u{2066}",
        "\u{feff}密钥\u{200b}\u{85}",
        "no-break\u{a0}space, filler\u{3164}",
        "tags\u{e0041}\u{e0042}",
        "{WECOM_KF_SECRET}{exports}",
        "#comment & background | pipe > file",
        "!history ~home *glob? [a]",
    ];

    fn of(client: &str, value: &str) -> String {
        lines(client, &[("WECOM_KF_SECRET", value.to_owned()), ("WECOM_CORP_ID", "ww1".to_owned())]).unwrap()
    }

    /// What a program says that was made of the lines for a client.
    fn said(program: &str, arguments: &[&str], client: &str, value: &str, end: &str) -> String {
        let script = of(client, value) + end;
        let output = std::process::Command::new(program).args(arguments).arg(script).output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        assert!(output.status.success(), "{value:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn a_shell_reads_back_every_value() {
        for value in EVIL {
            let shown = of("run", value);
            // A line end of a value would be one of the pasted lines.
            assert_eq!(shown.lines().count(), 2, "{shown:?}");
            assert!(!shown.chars().any(|character| is_hidden(character) && character != '\n'), "{shown:?}");
            assert_eq!(said("bash", &["-c"], "run", value, "printf %s \"$WECOM_KF_SECRET\""), value);
        }
    }

    #[test]
    fn a_literal_of_each_language_shows_no_hidden_character_and_ends_where_it_should() {
        for value in EVIL {
            for client in ["wechatpy", "wxjava", "skit"] {
                let shown = of(client, value);
                assert_eq!(shown.lines().count(), of(client, "x").lines().count(), "{client} {shown:?}");
                assert!(!shown.chars().any(|character| is_hidden(character) && character != '\n'), "{shown:?}");
            }
        }
        assert!(of("wxjava", "a\"b\\c\n1").contains(r#"setCorpSecret("a\"b\\c\0121")"#));
        assert!(of("skit", "a\"b\\c\n1").contains(r#"AgentSecret = "a\"b\\c\u000a1""#));
        assert!(of("wechatpy", "a\"b\\c\n1").contains(r#""a\"b\\c\u000a1")"#));
        // Beyond the first 65,536 characters each language has another escape.
        assert!(of("wxjava", "\u{e0041}1").contains(r#"setCorpSecret("\udb40\udc411")"#));
        assert!(of("skit", "\u{e0041}1").contains(r#"AgentSecret = "\U000e00411""#));
        assert!(of("wechatpy", "\u{e0041}1").contains(r#""\U000e00411")"#));
    }
}
