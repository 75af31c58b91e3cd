//! Building a client: what is refused, and how the environment is read.

use std::process::Command;
use std::time::Duration;

use wecom_kf::{Client, Credentials, Error, Settings};
use wecom_kf_sim::Simulator;

fn build(base_url: &str) -> Result<Client, Error> {
    Client::builder(Credentials::new("ww", "secret")).base_url(base_url).build()
}

#[test]
fn a_base_url_that_cannot_be_one_is_refused_with_the_reason() {
    let cases = [
        ("", "is no URL"),
        ("qyapi.weixin.qq.com", "is no URL"),
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
    for base_url in
        ["https://qyapi.weixin.qq.com", "http://127.0.0.1:9500/", "https://proxy.example/wecom/", "http://[::1]:80"]
    {
        build(base_url).unwrap();
    }
}

#[test]
fn an_empty_corp_id_or_secret_is_refused_when_it_is_needed() {
    for (corp_id, secret, expected) in [("", "s", "the corp id is empty"), ("ww", "", "the secret is empty")] {
        let error = Client::builder(Credentials::new(corp_id, secret)).build().unwrap_err();
        assert!(matches!(&error, Error::Settings(problem) if problem == expected), "{error:?}");
    }
}

#[tokio::test]
async fn endless_time_outs_are_taken_for_long_ones() {
    let builder = Client::builder(Credentials::new("ww", "s")).base_url("http://127.0.0.1:1");
    let client = builder.call_timeout(Duration::MAX).attempt_timeout(Duration::MAX).build().unwrap();
    assert!(client.account().list().await.is_err());
}

/// The environment is that of the whole process, so each case is a process of its own: this one, again.
fn in_environment(variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "settings::print_what_the_environment_says", "--ignored", "--nocapture"]);
    for name in ["WECOM_CORP_ID", "WECOM_KF_SECRET", "WECOM_KF_BASE_URL"] {
        command.env_remove(name);
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
        Err(error) => println!("{error}"),
    }
}

#[test]
fn the_environment_says_where_and_who_and_what_is_missing_is_named() {
    let (corp_id, secret) = (("WECOM_CORP_ID", "ww"), ("WECOM_KF_SECRET", "secret"));
    let cases: [(&[(&str, &str)], &str); 8] = [
        (&[corp_id, secret], "base_url: \"https://qyapi.weixin.qq.com\""),
        (
            &[corp_id, secret, ("WECOM_KF_BASE_URL", "http://127.0.0.1:9500/x/")],
            "base_url: \"http://127.0.0.1:9500/x\"",
        ),
        (&[corp_id, secret, ("WECOM_KF_BASE_URL", "nonsense")], "bad settings: the base URL is no URL"),
        (&[corp_id, secret, ("WECOM_KF_BASE_URL", "")], "the base URL is no URL"),
        (&[secret], "not set in the environment: WECOM_CORP_ID  do"),
        (&[corp_id, ("WECOM_KF_SECRET", "")], "not set in the environment: WECOM_KF_SECRET  do"),
        (
            &[("WECOM_KF_BASE_URL", "http://127.0.0.1:1")],
            "not set in the environment: WECOM_CORP_ID and WECOM_KF_SECRET  do",
        ),
        (&[], "not set in the environment: WECOM_CORP_ID and WECOM_KF_SECRET  do"),
    ];
    for (variables, expected) in cases {
        let output = in_environment(variables);
        assert!(output.contains(expected), "{variables:?}: {output}");
    }
}

#[test]
fn a_callback_and_an_account_come_of_variables_and_what_is_wrong_is_named_not_shown() {
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
        (with("WECOM_KF_CALLBACK_TOKEN", "").callback().err(), "not set in the environment: WECOM_KF_CALLBACK_TOKEN"),
        (
            with("WECOM_KF_CALLBACK_AES_KEY", "short1").callback().err(),
            "WECOM_KF_CALLBACK_AES_KEY or WECOM_CORP_ID: EncodingAESKey has 6 characters",
        ),
        (with("WECOM_KF_OPEN_KFID", "").open_kfid().err(), "not set in the environment: WECOM_KF_OPEN_KFID"),
        (with("WECOM_KF_LISTEN", "8080").listen().err(), "WECOM_KF_LISTEN is no address with a port"),
    ];
    for (error, expected) in cases {
        let error = error.unwrap_or_else(|| panic!("{expected} was taken")).to_string();
        assert!(error.contains(expected) && !error.contains("short1") && !error.contains("TOKEN1"), "{error}");
    }
}

/// Every public future can be spawned, and the client can be shared: checked by the compiler.
#[test]
fn every_call_can_be_spawned() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    fn spawnable<T: Send>(_: T) {}
    let client = build("http://127.0.0.1:1").unwrap();
    shared(&client);
    let (kf, customer) = ("wk".into(), "wm".into());
    spawnable(client.account().add("n", "m"));
    spawnable(client.account().list());
    spawnable(client.account().stream());
    spawnable(client.account().update(&kf, Default::default()));
    spawnable(client.account().delete(&kf));
    let text = wecom_kf::message::Text::new("x").unwrap();
    spawnable(client.message().send(&kf, &customer, text.clone()));
    spawnable(client.message().send_as(&wecom_kf::MsgId::new("m").unwrap(), &kf, &customer, text));
    spawnable(client.message().sync(wecom_kf::message::SyncRequest::new(&kf)));
    spawnable(client.service_state().get(&kf, &customer));
    spawnable(client.service_state().trans(&kf, &customer, wecom_kf::Trans::to_queue()));
    spawnable(client.message().on_event("c", wecom_kf::message::Text::new("x").unwrap()));
    spawnable(client.message().checking_session().send(&kf, &customer, wecom_kf::message::Text::new("x").unwrap()));
    spawnable(client.message().recall(&kf, &wecom_kf::MsgId::new("m").unwrap()));
    spawnable(client.account().add_contact_way(&kf));
    spawnable(client.account().add_contact_way_with_scene(&kf, "s"));
    spawnable(client.servicer().add(&kf, ["a".into()]));
    spawnable(client.servicer().delete(&kf, ["a".into()]));
    spawnable(client.servicer().list(&kf));
    spawnable(client.customer().batchget(&[]));
    spawnable(client.customer().batchget_with_context(&[]));
    spawnable(client.upgrade_service().config());
    spawnable(client.upgrade_service().upgrade(&kf, &customer, wecom_kf::upgrade_service::Upgrade::to_member("a")));
    spawnable(client.upgrade_service().cancel(&kf, &customer));
    spawnable(client.corp().qualification());
    let day = wecom_kf::statistic::Date::MIN;
    spawnable(client.statistic().account(&kf, day..=day));
    spawnable(client.statistic().corp(day..=day));
    spawnable(client.statistic().servicers(&kf, day..=day));
    spawnable(client.statistic().servicer(&kf, "a", day..=day));
    let knowledge = client.knowledge();
    let answer = || wecom_kf::knowledge::Answer::new("a").unwrap();
    spawnable(knowledge.add_group("n"));
    spawnable(knowledge.delete_group("g"));
    spawnable(knowledge.rename_group("g", "n"));
    spawnable(knowledge.groups());
    spawnable(knowledge.add_intent("g", wecom_kf::knowledge::Intent::new("q", answer()).unwrap()));
    spawnable(knowledge.update_intent("i", wecom_kf::knowledge::IntentUpdate::new().answer(answer())));
    spawnable(knowledge.delete_intent("i"));
    spawnable(knowledge.intents(Default::default()));
    let upload = || wecom_kf::media::Upload::from_bytes("a", "bytes");
    spawnable(wecom_kf::media::Upload::from_file("a"));
    spawnable(client.media().upload(wecom_kf::media::MediaType::File, upload()));
    spawnable(client.media().uploadimg(upload()));
    spawnable(client.media().get("m"));
    spawnable(client.media().download_to("m", "a"));
    spawnable(client.media().download_into("m", "a"));
    spawnable(client.token().get());
    spawnable(client.call(&wecom_kf::raw::op::AccountList::default()));
    // Spawned in earnest: nothing borrowed but the client itself.
    spawnable(async move { client.account().list().await });
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
