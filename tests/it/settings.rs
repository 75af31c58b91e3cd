//! Building a client: invalid settings are refused, and the environment is read.

use std::process::Command;
use std::time::Duration;

use wecom_kf::{Client, Credentials, Error, Lang, OpenKfid, Report, Settings, Variable};
use wecom_kf_sim::Simulator;

fn build(base_url: &str) -> Result<Client, Error> {
    Client::builder(Credentials::new("ww", "secret")).base_url(base_url).build()
}

#[test]
fn a_base_url_that_cannot_be_one_is_refused_with_the_reason() {
    let cases = [
        ("", "the base URL: empty"),
        ("qyapi.weixin.qq.com", "the scheme is missing"),
        ("qyapi.weixin.qq.com/cgi-bin", "the scheme is missing"),
        ("//qyapi.weixin.qq.com", "the scheme is missing"),
        ("localhost:9500", "the scheme is missing"),
        ("127.0.0.1:9500", "the scheme is missing"),
        ("://qyapi.weixin.qq.com", "the scheme is missing"),
        ("https://", "the host is missing"),
        ("https://host:port", "the port is not a number"),
        ("https://host name", "character 13 is U+0020 SPACE"),
        ("https://host\u{200b}/", "character 13 is U+200B ZERO WIDTH SPACE"),
        ("\"https://host\"", "character 1 is U+0022 QUOTATION MARK"),
        ("ftp://qyapi.weixin.qq.com", "is neither http nor https"),
        ("https://user@host", "has user info"),
        ("https://user:password@host", "has user info"),
        ("https://host/?debug=1", "has a query"),
        ("https://host/?", "has a query"),
        ("https://host/#top", "has a fragment"),
    ];
    for (base_url, expected) in cases {
        let error = build(base_url).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("password"), "{base_url}: {error}");
    }
    for base_url in [
        "https://qyapi.weixin.qq.com",
        " http://127.0.0.1:9500/\r\n",
        "\u{feff}http://127.0.0.1:9500/",
        "https://proxy.example/wecom/",
        "http://[::1]:80",
    ] {
        build(base_url).unwrap();
    }
}

#[test]
fn an_invalid_corp_id_or_secret_is_refused_when_it_is_needed() {
    let cases: [(&str, &str, &[&str]); 5] = [
        ("", "s", &["the corp id: empty"]),
        ("ww", " \n", &["the secret: empty"]),
        ("", "", &["the corp id: empty", "the secret: empty"]),
        ("ww", "se\u{ad}cret", &["the secret: character 3 is U+00AD SOFT HYPHEN; remove it"]),
        (
            "“ww”",
            "s",
            &["the corp id: character 1 is U+201C LEFT DOUBLE QUOTATION MARK; leave out the quotes around the value"],
        ),
    ];
    for (corp_id, secret, expected) in cases {
        let Err(Error::Settings(problems)) = Client::builder(Credentials::new(corp_id, secret)).build() else {
            panic!("{corp_id:?} and {secret:?} were taken")
        };
        assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    }
    let builder = Client::builder(Credentials::new("", " ")).base_url("host");
    let error = builder.build().unwrap_err().to_string();
    let expected =
        "bad settings: (1) the corp id: empty; (2) the secret: empty; (3) the base URL: the scheme is missing";
    assert!(error.starts_with(expected), "{error}");
}

/// White space around a value must not be sent, because calls with a wrong secret lock this IP out.
#[tokio::test]
async fn what_was_copied_around_the_credentials_is_not_sent() {
    let sim = Simulator::builder().corp("ww-corp", "the-secret").start().await.unwrap();
    let vars = [
        ("WECOM_CORP_ID", "\u{feff}ww-corp ".to_owned()),
        ("WECOM_KF_SECRET", "the-secret\r\n".to_owned()),
        ("WECOM_KF_BASE_URL", format!(" {}/\n", sim.base_url())),
    ];
    Settings::from_vars(vars).client().unwrap().token().get().await.unwrap();
    let credentials = Credentials::new(" ww-corp\t", "\u{3000}the-secret\n");
    let client = Client::builder(credentials).base_url(format!("{}\n", sim.base_url())).build().unwrap();
    client.token().get().await.unwrap();
    assert_eq!(OpenKfid::new(" wk1\n"), "wk1");
    let error = client.sessions().get("wk\u{200b}1", "wm").await.unwrap_err();
    let expected =
        "open_kfid is not as WeCom issued it: character 3 is U+200B ZERO WIDTH SPACE; remove it; nothing was sent";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn endless_time_outs_are_taken_for_long_ones() {
    let builder = Client::builder(Credentials::new("ww", "s")).base_url("http://127.0.0.1:1");
    let client = builder.call_timeout(Duration::MAX).attempt_timeout(Duration::MAX).build().unwrap();
    assert!(client.accounts().list().await.is_err());
}

/// Runs a case in a process of its own, because the environment belongs to the whole process. It starts this program again.
fn in_environment(variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "settings::print_what_the_environment_says", "--ignored", "--nocapture"]);
    for variable in Variable::ALL {
        command.env_remove(variable.name());
    }
    let output = command.envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "run by the others, in a process of its own"]
fn print_what_the_environment_says() {
    match Settings::from_env().client() {
        Ok(client) => println!("{client:?}"),
        Err(error) => println!("{}", Report::from(error)),
    }
}

#[test]
fn missing_variables_are_named() {
    let (corp_id, secret) = (("WECOM_CORP_ID", "ww"), ("WECOM_KF_SECRET", "secret"));
    let cases: [(&[(&str, &str)], &str); 8] = [
        (&[corp_id, secret], "base_url: \"https://qyapi.weixin.qq.com\""),
        (
            &[corp_id, secret, ("WECOM_KF_BASE_URL", "http://127.0.0.1:9500/x/")],
            "base_url: \"http://127.0.0.1:9500/x\"",
        ),
        (
            &[corp_id, secret, ("WECOM_KF_BASE_URL", "nonsense")],
            "bad settings: WECOM_KF_BASE_URL: the scheme is missing; begin it with https:// (or http://)",
        ),
        (&[corp_id, secret, ("WECOM_KF_BASE_URL", "")], "bad settings: WECOM_KF_BASE_URL: empty"),
        (&[secret], "bad settings: WECOM_CORP_ID: not set (admin console: 我的企业 › 企业信息 › 企业ID)  do"),
        (&[corp_id, ("WECOM_KF_SECRET", "")], "bad settings: WECOM_KF_SECRET: not set (admin console: "),
        (
            &[("WECOM_KF_BASE_URL", "127.0.0.1:1"), ("WECOM_KF_SECRET", "a\u{200b}")],
            "bad settings: (1) WECOM_CORP_ID: not set (admin console: 我的企业 › 企业信息 › 企业ID); \
             (2) WECOM_KF_SECRET: character 2 is U+200B ZERO WIDTH SPACE; remove it (admin console: ",
        ),
        (
            &[],
            "bad settings: (1) WECOM_CORP_ID: not set (admin console: 我的企业 › 企业信息 › 企业ID); (2) WECOM_KF_SECRET: ",
        ),
    ];
    for (variables, expected) in cases {
        let output = in_environment(variables);
        assert!(output.contains(expected), "{variables:?}: {output}");
    }
}

#[test]
fn invalid_variables_are_named_and_their_values_not_shown() {
    let key = "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY";
    let all = [
        ("WECOM_CORP_ID", "ww1"),
        ("WECOM_KF_OPEN_KFID", "wk1"),
        ("WECOM_KF_CALLBACK_TOKEN", "TOKEN1"),
        ("WECOM_KF_CALLBACK_AES_KEY", key),
        ("WECOM_KF_LISTEN", "127.0.0.1:0"),
        ("PATH", "/bin"),
    ];
    let settings = Settings::from_vars(all);
    assert_eq!((settings.open_kfid().unwrap().as_str(), settings.listen().unwrap().port()), ("wk1", 0));
    settings.callback().unwrap();
    let shown = format!("{settings:?}");
    assert!(shown.contains("WECOM_KF_CALLBACK_AES_KEY") && !shown.contains(key) && !shown.contains("PATH"), "{shown}");
    assert!(Settings::from_vars([("PATH", "/bin")]).is_empty() && !settings.is_empty());

    let with = |name: &str, value: &str| Settings::from_vars(all.iter().copied().chain([(name, value)]));
    let cases = [
        (with("WECOM_KF_CALLBACK_TOKEN", "").callback().err(), "WECOM_KF_CALLBACK_TOKEN: not set (admin console: "),
        (
            with("WECOM_KF_CALLBACK_AES_KEY", "short1").callback().err(),
            "WECOM_KF_CALLBACK_AES_KEY: EncodingAESKey has 6 characters",
        ),
        (with("WECOM_KF_OPEN_KFID", "").open_kfid().err(), "WECOM_KF_OPEN_KFID: not set (admin console: "),
        (with("WECOM_KF_OPEN_KFID", &"k".repeat(65)).open_kfid().err(), "WECOM_KF_OPEN_KFID: longer than 64 bytes"),
        (with("WECOM_KF_LISTEN", "8080").listen().err(), "WECOM_KF_LISTEN: not an IP address with a port"),
    ];
    for (error, expected) in cases {
        let error = error.unwrap_or_else(|| panic!("{expected} was taken")).to_string();
        assert!(error.contains(expected) && !error.contains("short1") && !error.contains("TOKEN1"), "{error}");
    }
}

/// A valid value of each variable.
const VALID: [(&str, &str); 7] = [
    ("WECOM_CORP_ID", "ww0fixture0corp0001"),
    ("WECOM_KF_SECRET", "fixtureSecretOfAnApp"),
    ("WECOM_KF_BASE_URL", "http://127.0.0.1:9500"),
    ("WECOM_KF_OPEN_KFID", "wkFixtureAccount"),
    ("WECOM_KF_CALLBACK_TOKEN", "FixtureCallbackTok01"),
    ("WECOM_KF_CALLBACK_AES_KEY", "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY"),
    ("WECOM_KF_LISTEN", "127.0.0.1:8080"),
];

fn all_required(vars: impl IntoIterator<Item = (&'static str, String)>) -> Result<(), Error> {
    Settings::from_vars(vars).require(&Variable::ALL)
}

#[test]
fn every_variable_may_have_white_space_around_and_nothing_else() {
    for (before, after) in [("", ""), (" ", "\n"), ("\u{feff}", "\r\n"), ("\u{a0}", "\u{3000}"), ("\t", "\u{2028}")] {
        all_required(VALID.map(|(name, value)| (name, format!("{before}{value}{after}")))).unwrap();
        let settings = Settings::from_vars(VALID.map(|(name, value)| (name, format!("{before}{value}{after}"))));
        assert_eq!(settings.credentials().unwrap().secret().expose(), VALID[1].1);
        assert_eq!(settings.client().unwrap().base_url(), VALID[2].1);
        assert_eq!(settings.open_kfid().unwrap().as_str(), VALID[3].1);
        assert_eq!(settings.listen().unwrap().to_string(), VALID[6].1);
        settings.callback().unwrap();
    }
    type Spoil = fn(&str) -> String;
    let flaws: [(Spoil, &str); 7] = [
        (
            |value| format!("{}\u{200b}{}", &value[..4], &value[4..]),
            "character 5 is U+200B ZERO WIDTH SPACE; remove it",
        ),
        (|value| format!("{}\u{a0}{}", &value[..4], &value[4..]), "character 5 is U+00A0 NO-BREAK SPACE; remove it"),
        (|value| format!("{}\u{feff}{}", &value[..4], &value[4..]), "character 5 is U+FEFF ZERO WIDTH NO-BREAK SPACE"),
        (|value| format!("\u{202a}{value}\u{202c}"), "character 1 is U+202A LEFT-TO-RIGHT EMBEDDING; remove it"),
        (|value| format!("\"{value}\""), "character 1 is U+0022 QUOTATION MARK; leave out the quotes around the value"),
        (|value| format!("「{value}」"), "character 1 is U+300C LEFT CORNER BRACKET; leave out the quotes"),
        (|value| format!("{}\n{}", &value[..4], &value[4..]), "character 5 is U+000A LINE FEED; remove it"),
    ];
    for (spoil, expected) in flaws {
        let error = all_required(VALID.map(|(name, value)| (name, spoil(value)))).unwrap_err();
        let text = error.to_string();
        for (name, value) in VALID {
            assert!(text.contains(&format!("{name}: {expected}")), "{text}");
            assert!(!text.contains(value) && !text.contains(&value[..5]), "{text}");
        }
    }
}

#[test]
fn one_error_names_all_missing_settings_with_their_place() {
    let places = [
        "企业ID",
        "企业内部接入",
        "无需设置",
        "通过API管理微信客服账号",
        "设置API接收 › Token",
        "EncodingAESKey",
        "本机地址",
    ];
    let error = Settings::default().require(&Variable::ALL).unwrap_err();
    let Error::Settings(problems) = &error else { panic!("{error:?}") };
    assert_eq!(problems.len(), 7);
    for ((problem, variable), place) in problems.iter().zip(Variable::ALL).zip(places) {
        let zh = problem.in_lang(Lang::Zh);
        assert!(zh.starts_with(&format!("{}：未设置（", variable.name())) && zh.contains(place), "{zh}");
        assert!(problem.to_string().contains(variable.place(Lang::En)), "{problem}");
    }
    // Invalid optional variables are reported, too. If one of the callback's variables is set, all of them are required.
    let vars = [("WECOM_KF_CALLBACK_TOKEN", "to ken"), ("WECOM_KF_OPEN_KFID", "“wk”"), ("WECOM_KF_SECRET", "s")];
    let Err(Error::Settings(problems)) = Settings::from_vars(vars).client() else { panic!("it was taken") };
    let named: Vec<_> =
        problems.iter().map(|problem| problem.to_string().split(':').next().unwrap().to_owned()).collect();
    let expected = [
        "WECOM_CORP_ID",
        "WECOM_KF_OPEN_KFID",
        "WECOM_KF_CALLBACK_TOKEN",
        "WECOM_KF_CALLBACK_AES_KEY",
        "WECOM_KF_LISTEN",
    ];
    assert_eq!(named, expected);
}

/// Returns the English words in a Chinese text, except names that are the same in both languages.
fn english_in(text: &str) -> Vec<&str> {
    let same = [
        "",
        "WECOM_CORP_ID",
        "WECOM_KF_SECRET",
        "WECOM_KF_BASE_URL",
        "WECOM_KF_OPEN_KFID",
        "WECOM_KF_CALLBACK_TOKEN",
        "WECOM_KF_CALLBACK_AES_KEY",
        "WECOM_KF_LISTEN",
        "ID",
        "API",
        "URL",
        "IP",
        "UTF",
        "U",
        "Token",
        "EncodingAESKey",
        "Secret",
        "secret",
        "base",
        "id",
        "account_list",
        "https",
        "http",
        "qyapi",
        "weixin",
        "qq",
        "com",
        "TLS",
        "HTTP",
        "A",
        "Z",
        "a",
        "z",
        "FEFF",
        "B",
        "C",
    ];
    let words = text.split(|char: char| !(char.is_ascii_alphabetic() || char == '_'));
    words.filter(|word| !same.contains(word)).collect()
}

#[test]
fn every_error_of_settings_is_wholly_chinese() {
    let spoilt: [fn(&str) -> String; 8] = [
        |_| String::new(),
        |value| format!("“{value}”"),
        |value| format!("{}\u{feff}{}", &value[..4], &value[4..]),
        |value| format!("x{value}"),
        |value| value.repeat(9),
        |value| value.replace("http://", "ftp://"),
        |value| value.replace("http://", "").replace('o', "-"),
        |value| value.replace("http://", "http://user@").replace('g', "="),
    ];
    let mut seen = 0;
    for spoil in spoilt {
        let Err(Error::Settings(problems)) = all_required(VALID.map(|(name, value)| (name, spoil(value)))) else {
            continue;
        };
        seen += problems.len();
        let zh = Error::Settings(problems).in_lang(Lang::Zh);
        assert!(zh.starts_with("配置有误：") && english_in(&zh).is_empty(), "{zh}: {:?}", english_in(&zh));
    }
    assert!(seen > 25, "{seen}");
    for url in
        ["https://", "https://h:x", "https://h/?q", "https://h/#f", "https://[::g]", "https://1.2.3.999", "https://a%b"]
    {
        let zh = build(url).unwrap_err().in_lang(Lang::Zh);
        assert!(english_in(&zh).is_empty(), "{url}: {zh}");
    }
    let printed = in_environment(&[("WECOM_KF_LANG", "zh"), ("WECOM_KF_SECRET", "'s'")]);
    let line = printed.lines().find(|line| line.contains("配置有误")).unwrap();
    assert!(english_in(line).is_empty(), "{line}");
}

/// The compiler checks that every public future can be spawned and that the client can be shared.
#[test]
fn every_call_can_be_spawned() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    fn spawnable<T: Send>(_: T) {}
    let client = build("http://127.0.0.1:1").unwrap();
    shared(&client);
    let (kf, customer) = (OpenKfid::from("wk"), wecom_kf::ExternalUserId::from("wm"));
    spawnable(client.accounts().add("n", "m"));
    spawnable(client.accounts().list());
    spawnable(client.accounts().stream());
    spawnable(client.accounts().update(&kf));
    spawnable(client.accounts().delete(&kf));
    spawnable(client.messages().send(&kf, &customer, "x").msgid("m").checking_session().into_future());
    spawnable(client.messages().send_on_event("c", "x").into_future());
    spawnable(client.messages().page(&kf).into_future());
    spawnable(client.messages().recall(&kf, "m"));
    spawnable(client.sessions().get(&kf, &customer));
    spawnable(client.sessions().transition(&kf, &customer, wecom_kf::Transition::to_queue()));
    spawnable(client.accounts().contact_way(&kf).scene("s").into_future());
    spawnable(client.servicers().add(&kf).members(["a"]).into_future());
    spawnable(client.servicers().delete(&kf).departments([1]).into_future());
    spawnable(client.servicers().list(&kf));
    spawnable(client.customers().get_many(["wm"]).into_future());
    spawnable(client.upgrades().config());
    spawnable(client.upgrades().recommend_member(&kf, &customer, "a").into_future());
    spawnable(client.upgrades().cancel(&kf, &customer));
    spawnable(client.corp().qualification());
    let day = wecom_kf::statistics::Date::MIN;
    spawnable(client.statistics().account(&kf, day..=day));
    spawnable(client.statistics().corp(day..=day));
    spawnable(client.statistics().servicers(&kf, day..=day).servicer("a").into_future());
    let knowledge = client.knowledge();
    spawnable(knowledge.add_group("n"));
    spawnable(knowledge.delete_group("g"));
    spawnable(knowledge.rename_group("g", "n"));
    spawnable(knowledge.list_groups().into_future());
    spawnable(knowledge.list_groups().stream());
    spawnable(knowledge.add_intent("g", wecom_kf::knowledge::Intent::new("q", "a")));
    spawnable(knowledge.update_intent("i").answer("a").into_future());
    spawnable(knowledge.delete_intent("i"));
    spawnable(knowledge.list_intents().into_future());
    spawnable(knowledge.list_intents().stream());
    let upload = || wecom_kf::media::Upload::from_bytes("a", "bytes");
    spawnable(wecom_kf::media::Upload::from_file("a"));
    spawnable(client.media().upload(wecom_kf::media::MediaType::File, upload()));
    spawnable(client.media().upload_image(upload()));
    spawnable(client.media().get("m"));
    spawnable(client.media().download_to("m", "a").into_future());
    spawnable(client.media().download_into("m", "a").into_future());
    spawnable(client.token().get());
    spawnable(client.call(&wecom_kf::raw::op::AccountList::default()));
    // A future that borrows only the client can really be spawned.
    spawnable(async move { client.accounts().list().await });
}

#[tokio::test]
async fn the_line_that_the_simulator_gives_for_rust_compiles() {
    macro_rules! compiled {
        ($($line:tt)*) => {{
            fn _compiled() -> Result<(), wecom_kf::Error> {
                $($line)*
                Ok(())
            }
            stringify!($($line)*)
        }};
    }
    let line = compiled!(let _client = wecom_kf::Settings::from_env().client()?;);
    let sim = Simulator::start().await.unwrap();
    let given = sim.point("rust").unwrap();
    let without_blanks = |text: &str| text.replace(char::is_whitespace, "");
    assert!(without_blanks(&given).contains(&without_blanks(line).replace("_client", "client")), "{given}");
}
