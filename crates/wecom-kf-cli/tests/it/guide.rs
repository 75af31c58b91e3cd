//! What the guide's chapter on being on call and the picture of the README show is what the program prints. To write both
//! again after a change: `SNAPSHOTS=overwrite cargo test -p wecom-kf-cli --test it guide`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use wecom_kf_inbox::store::Redb;
use wecom_kf_sim::{Simulator, op};

use crate::bot::{Bot, CUSTOMERS_WORDS};
use crate::stage::Stage;
use crate::terminal::on_terminal;

/// The time of the simulator's clock: 2026-11-18 20:26:40 in China.
const TIME: Duration = Duration::from_secs(1_795_004_800);
/// The address that the pages show instead of that of the test.
const ADDRESS: &str = "127.0.0.1:9500";
/// The folder of the bot's file that they show.
const HOME: &str = "/var/lib/bot";

/// Colours that can be read on the background of the picture, instead of those of old terminals.
const COLOURS: [(&str, &str); 5] = [
    ("{ fill: #AAAAAA }", "{ fill: #D4D4D4 }"),
    ("{ fill: #000000 }", "{ fill: #1E1E1E }"),
    ("{ fill: #00AA00 }", "{ fill: #5FCF6A }"),
    ("{ fill: #AA0000 }", "{ fill: #FF7B72 }"),
    ("{ opacity: 0.4; }", "{ opacity: 0.7; }"),
];

/// A terminal on which somebody works.
struct Desk<'a> {
    stage: &'a Stage,
    lang: &'static str,
}

impl Desk<'_> {
    /// Runs the program and returns what the terminal shows, the command included.
    async fn shows(&self, command: &str) -> String {
        let args: Vec<&str> = command.split_whitespace().collect();
        let store = self.stage.home.path().join("bot.redb");
        let run = self.stage.run(&args).var("WECOM_KF_LANG", self.lang).var("WECOM_KF_STORE", store.to_str().unwrap());
        let outcome = on_terminal(run, "").await;
        format!("$ wecom-kf {command}\n{}", outcome.stdout.replace("[ADDRESS]", ADDRESS).replace("[HOME]", HOME))
    }

    /// Returns the same without colours.
    async fn shows_plainly(&self, command: &str) -> String {
        anstream::adapter::strip_str(&self.shows(command).await).to_string()
    }
}

async fn stage() -> Stage {
    Stage::with(Simulator::builder().seed(7).servicer("zhangsan")).await
}

async fn stores_a_history(stage: &Stage, parked: i64) {
    let file = Redb::open(stage.home.path().join("bot.redb")).unwrap();
    Bot::of(stage, Arc::new(file)).stores_a_history(parked).await;
}

/// Returns what the three incidents of the chapter show.
async fn incidents(lang: &'static str) -> Vec<String> {
    let mut shown = Vec::new();

    let stage_of_address = stage().await;
    stores_a_history(&stage_of_address, 0).await;
    let desk = Desk { stage: &stage_of_address, lang };
    let fault = stage_of_address.simulator.fault(op::ACCOUNT_LIST).errcode(60020).always();
    shown.push(desk.shows_plainly("doctor").await);
    fault.remove();
    shown.push(desk.shows_plainly("accounts list").await);

    let stage_of_handler = stage().await;
    stores_a_history(&stage_of_handler, 3).await;
    let desk = Desk { stage: &stage_of_handler, lang };
    for command in [
        "inbox status",
        "inbox parked list",
        "inbox parked show msg1 --show-text",
        "inbox parked replay --all --reason backend --yes",
        "inbox status",
    ] {
        shown.push(desk.shows_plainly(command).await);
    }

    let stage_of_cursor = Stage::with(Simulator::builder().seed(7).manual_clock_from(TIME)).await;
    stores_a_history(&stage_of_cursor, 0).await;
    let wang = stage_of_cursor.simulator.customer("小王");
    wang.says(CUSTOMERS_WORDS);
    stage_of_cursor.simulator.advance(Duration::from_secs(300));
    wang.says("？");
    let desk = Desk { stage: &stage_of_cursor, lang };
    for command in ["inbox status --lag", "inbox seek --from oldest --yes", "inbox status --lag"] {
        shown.push(desk.shows_plainly(command).await);
    }
    shown
}

/// Compares a file with what it should hold, or writes it if `SNAPSHOTS=overwrite` is set.
fn compare(path: &Path, expected: &str) {
    if std::env::var("SNAPSHOTS").is_ok_and(|action| action == "overwrite") {
        std::fs::write(path, expected).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap();
    snapbox::assert_data_eq!(found, snapbox::IntoData::raw(snapbox::Data::text(expected)));
}

/// Replaces the blocks that begin with a command.
fn with_blocks(chapter: &str, blocks: Vec<String>) -> String {
    const BEGIN: &str = "```console\n";
    let mut parts = chapter.split(BEGIN);
    let mut text = parts.next().unwrap().to_owned();
    let parts: Vec<&str> = parts.collect();
    assert_eq!(parts.len(), blocks.len(), "each command of the test has a block in the chapter");
    for (part, block) in parts.into_iter().zip(blocks) {
        let (_, rest) = part.split_once("```\n").unwrap();
        text.push_str(&format!("{BEGIN}{block}```\n{rest}"));
    }
    text
}

/// The chapter belongs to the inbox, where bots' authors read it. This test is not part of the package.
fn chapter(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../wecom-kf-inbox/docs/guide").join(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chapter_shows_what_the_program_prints() {
    for (lang, name) in [("en", "on-call.md"), ("zh", "zh/on-call.md")] {
        let path = chapter(name);
        let text = std::fs::read_to_string(&path).unwrap();
        compare(&path, &with_blocks(&text, incidents(lang).await));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_picture_shows_what_the_program_prints() {
    let stage = stage().await;
    stores_a_history(&stage, 3).await;
    let _fault = stage.simulator.fault(op::ACCOUNT_LIST).errcode(60020).always();
    let desk = Desk { stage: &stage, lang: "en" };
    let shown = format!("{}\n{}", desk.shows("doctor").await, desk.shows("inbox status").await);
    let svg = anstyle_svg::Term::new().min_width_px(960).render_svg(&shown);
    let svg = COLOURS.iter().fold(svg, |svg, (faint, clear)| svg.replace(faint, clear));
    compare(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/wecom-kf.svg"), &svg);
}
