//! A bot in a process of its own, with the redb store, against the simulator under faults. It is killed hundreds of
//! times, and it runs for a long time.
//!
//! ```text
//! WECOM_KF_CRASHES=300 cargo test -p wecom-kf-inbox --test process crash -- --nocapture
//! WECOM_KF_SOAK=600 cargo test -p wecom-kf-inbox --test process soak -- --nocapture
//! ```
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")] // It looks into /proc.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures_util::stream::BoxStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};
use wecom_kf::messages::Content;
use wecom_kf::{BoxFuture, ErrCode, ExternalUserId, Report, Settings};
use wecom_kf_inbox::store::{
    Acquired, Change, Commit, Committed, ConversationPage, ConversationQuery, Held, InboxKey, InboxStore, Lease,
    ParkedPage, ParkedQuery, Redb, Renewed, StoreError,
};
use wecom_kf_inbox::{Batch, ColdStart, Delivery, Failure, Inbox, Quiet};
use wecom_kf_sim::{Customer, Simulator, op};

const CUSTOMERS: usize = 12;
const PAGE_SIZE: usize = 20;
const FOLDER: &str = "WECOM_KF_TEST_FOLDER";
const LIFE: &str = "WECOM_KF_TEST_LIFE";
/// The text of a message whose handler kills the bot.
const POISON: &str = "poison";
const HICCUPS: &str = "WECOM_KF_TEST_HICCUPS";
/// Set for a bot that handles batches.
const BATCHES: &str = "WECOM_KF_TEST_BATCHES";

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

/// A store that fails with this probability in percent. It notes when each written commit was begun and when it was
/// written, in milliseconds since the epoch.
#[derive(Clone)]
struct Hiccups(Redb, u64, PathBuf);

impl Hiccups {
    fn note_commit(&self, begun: u64) {
        let line = format!("{begun} {}\n", now_in_ms());
        OpenOptions::new().create(true).append(true).open(&self.2).unwrap().write_all(line.as_bytes()).unwrap();
    }

    fn fails(&self) -> Result<(), StoreError> {
        match fastrand::u64(..100) < self.1 {
            true => Err(StoreError::down("a hiccup that the test wants")),
            false => Ok(()),
        }
    }
}

impl InboxStore for Hiccups {
    fn acquire<'a>(
        &'a self,
        key: &'a InboxKey,
        holder: &'a str,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Acquired, StoreError>> {
        Box::pin(async move {
            self.fails()?;
            self.0.acquire(key, holder, limit).await
        })
    }

    fn renew<'a>(&'a self, lease: &'a Lease, limit: Duration) -> BoxFuture<'a, Result<Renewed, StoreError>> {
        Box::pin(async move {
            self.fails()?;
            self.0.renew(lease, limit).await
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>> {
        self.0.release(lease)
    }

    fn lease_of<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Option<Held>, StoreError>> {
        self.0.lease_of(key)
    }

    fn keys(&self) -> BoxFuture<'_, Result<BTreeSet<InboxKey>, StoreError>> {
        self.0.keys()
    }

    fn load<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Option<Committed>, StoreError>> {
        self.0.load(key)
    }

    fn commit<'a>(&'a self, lease: &'a Lease, commit: &'a Commit) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.fails()?;
            let begun = now_in_ms();
            self.0.commit(lease, commit).await?;
            self.note_commit(begun);
            // The commit was written, but its answer may be lost as well.
            self.fails()
        })
    }

    fn parked<'a>(
        &'a self,
        key: &'a InboxKey,
        query: &'a ParkedQuery,
    ) -> BoxFuture<'a, Result<ParkedPage, StoreError>> {
        self.0.parked(key, query)
    }

    fn drop_parked<'a>(&'a self, key: &'a InboxKey, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.0.drop_parked(key, id)
    }

    fn wish_replays<'a>(&'a self, key: &'a InboxKey, ids: &'a [String]) -> BoxFuture<'a, Result<usize, StoreError>> {
        self.0.wish_replays(key, ids)
    }

    fn conversations<'a>(
        &'a self,
        key: &'a InboxKey,
        query: &'a ConversationQuery,
    ) -> BoxFuture<'a, Result<ConversationPage, StoreError>> {
        self.0.conversations(key, query)
    }

    fn forget_customer<'a>(
        &'a self,
        key: &'a InboxKey,
        customer: &'a ExternalUserId,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.0.forget_customer(key, customer)
    }

    fn changes(&self, key: &InboxKey) -> BoxStream<'static, Change> {
        self.0.changes(key)
    }
}

/// The bot, which answers each text and then notes that it did.
#[tokio::test]
#[ignore = "is the process that the other tests start"]
async fn bot() -> Result<(), Report> {
    let folder = PathBuf::from(std::env::var(FOLDER)?);
    let life = std::env::var(LIFE)?;
    // The bot reads without callbacks, much more often than WeCom allows.
    let builder = Settings::from_env().client_builder()?.pacing(wecom_kf::Pacing::unlimited());
    let client = builder.http(|http| http.no_proxy()).build()?;
    let store = Hiccups(Redb::open(folder.join("inbox.redb"))?, setting(HICCUPS, 0), folder.join("commits"));
    let inbox = Inbox::builder(client, std::env::var("WECOM_KF_OPEN_KFID")?)
        .store(store)
        .cold_start(ColdStart::Everything)
        .page_size(PAGE_SIZE as u32)
        .poll(Duration::from_millis(30))
        .open()
        .await?;
    let diary = folder.join("diary");
    if std::env::var(BATCHES).is_ok() {
        let quiet = Quiet::of(Duration::from_millis(20)).at_most(Duration::from_millis(60));
        inbox.batch(quiet).run(move |batch| note_batch(batch, life.clone(), diary.clone())).await?;
    } else {
        inbox.run(move |delivery| answer(delivery, life.clone(), diary.clone())).await?;
    }
    Ok(())
}

/// Notes the messages of a batch without an answer.
async fn note_batch(batch: Batch, life: String, diary: PathBuf) -> Result<(), Failure> {
    let mut lines = String::new();
    let mut acknowledged = batch.conversation::<Vec<String>>().await?;
    for message in batch.messages() {
        let Content::Text(text) = message.content() else { return Ok(()) };
        let (customer, msgid) = (message.external_userid().unwrap(), message.msgid().unwrap());
        acknowledged.push(msgid.to_string());
        lines.push_str(&format!("{life} {customer} {} {msgid} noted {}\n", text.content, now_in_ms()));
    }
    acknowledged.save()?;
    // The lines are one write, so that a kill leaves all of them or nothing.
    OpenOptions::new().create(true).append(true).open(diary)?.write_all(lines.as_bytes())?;
    Ok(())
}

async fn answer(delivery: Delivery, life: String, diary: PathBuf) -> Result<(), Failure> {
    let Content::Text(text) = delivery.content() else { return Ok(()) };
    if text.content == POISON {
        std::process::abort();
    }
    let outcome = match delivery.reply(&text.content).await {
        // The bot is behind, and only five answers may follow a customer's last message.
        Err(error) if error.code() == Some(ErrCode::MESSAGE_COUNT_LIMIT_EXCEEDED) => "refused",
        sent => {
            sent?;
            "sent"
        }
    };
    let (customer, msgid) = (delivery.message().external_userid().unwrap(), delivery.id());
    let mut acknowledged = delivery.conversation::<Vec<String>>().await?;
    acknowledged.push(msgid.to_owned());
    acknowledged.save()?;
    let line = format!("{life} {customer} {} {msgid} {outcome} {}\n", text.content, now_in_ms());
    // The line is one write, so that a kill leaves all of it or nothing.
    OpenOptions::new().create(true).append(true).open(diary)?.write_all(line.as_bytes())?;
    Ok(())
}

struct Stage {
    sim: Simulator,
    folder: tempfile::TempDir,
    customers: Vec<Customer>,
    said: usize,
    /// The msgids of the customers' messages.
    msgids: BTreeSet<String>,
}

/// A message that was handled.
struct Handled {
    life: u64,
    customer: String,
    number: usize,
    msgid: String,
    is_answered: bool,
    /// The time in milliseconds since the epoch.
    at: u64,
}

#[allow(clippy::disallowed_methods)] // Two processes compare it.
fn now_in_ms() -> u64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since_epoch.as_millis() as u64
}

impl Stage {
    async fn new() -> Self {
        // A bot that is killed again and again reads more often than WeCom allows without a callback's token.
        let sim =
            Simulator::builder().disable_assumption("tokenless_reads_are_limited").unwrap().start().await.unwrap();
        let customers = (0..CUSTOMERS).map(|number| sim.customer(&format!("customer {number}"))).collect();
        Self { sim, folder: tempfile::tempdir().unwrap(), customers, said: 0, msgids: BTreeSet::new() }
    }

    fn says(&mut self, messages: usize) {
        for _ in 0..messages {
            let customer = &self.customers[fastrand::usize(..CUSTOMERS)];
            self.msgids.insert(customer.says(&self.said.to_string()));
            self.said += 1;
        }
    }

    fn start(&self, life: u64, hiccups: u64) -> Child {
        self.command(life, hiccups).spawn().unwrap()
    }

    fn start_with_batches(&self, life: u64) -> Child {
        self.command(life, 0).env(BATCHES, "1").spawn().unwrap()
    }

    fn command(&self, life: u64, hiccups: u64) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["bot", "--exact", "--ignored", "--quiet"]).envs(self.sim.vars()).kill_on_drop(true);
        command.env(FOLDER, self.folder.path()).env(LIFE, life.to_string()).env(HICCUPS, hiccups.to_string());
        command.stdout(Stdio::null()).stderr(Stdio::inherit());
        command
    }

    /// Makes the next read or send fail in a random way.
    fn fault(&self) {
        let at = if fastrand::bool() { op::SYNC_MSG } else { op::SEND_MSG };
        let fault = || self.sim.fault(at);
        match fastrand::u8(..7) {
            0 => drop(fault().errcode(-1)),
            1 => drop(fault().status(503)),
            2 => drop(fault().reset_before()),
            3 => drop(fault().reset_after()),
            4 => drop(fault().half_a_body()),
            5 => drop(fault().delay(Duration::from_millis(30))),
            _ => self.sim.empty_page_next(),
        }
    }

    /// Lets the bot work for a random time after its start, or after it began to read, with random faults.
    async fn let_it_work(&self, life: u64) {
        let calls = self.sim.calls(op::SYNC_MSG);
        let patience = Instant::now() + Duration::from_secs(60);
        while !life.is_multiple_of(4) && self.sim.calls(op::SYNC_MSG) == calls && Instant::now() < patience {
            sleep(Duration::from_millis(1)).await;
        }
        let ends = Instant::now() + Duration::from_millis(fastrand::u64(1..1200));
        while Instant::now() < ends {
            // Faults are rare enough to be used up.
            if fastrand::u8(..4) == 0 {
                self.fault();
            }
            if fastrand::u8(..32) == 0 {
                self.sim.expire_token();
            }
            sleep(Duration::from_millis(40)).await;
        }
    }

    fn diary(&self) -> Vec<Handled> {
        let text = std::fs::read_to_string(self.folder.path().join("diary")).unwrap_or_default();
        text.lines().map(parse).collect()
    }

    /// Returns when each commit was begun and written.
    fn commits(&self) -> Vec<(u64, u64)> {
        let text = std::fs::read_to_string(self.folder.path().join("commits")).unwrap_or_default();
        let number = |word: &str| word.parse::<u64>().unwrap();
        text.lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(begun, written)| (number(begun), number(written)))
            .collect()
    }

    fn key(&self) -> InboxKey {
        let host = self.sim.base_url().replace("http://", "");
        InboxKey::new(format!("{host}/{}", self.sim.corp_id()), self.sim.open_kfid().into())
    }

    async fn store(&self) -> Redb {
        // The killed process may not have ended yet.
        let patience = Instant::now() + Duration::from_secs(60);
        while Instant::now() < patience {
            match Redb::open(self.folder.path().join("inbox.redb")) {
                Ok(store) => return store,
                Err(StoreError::InUse(_)) => sleep(Duration::from_millis(10)).await,
                Err(error) => panic!("{error}"),
            }
        }
        panic!("the file is in use")
    }

    /// Returns the ids of settled messages.
    async fn settled(&self) -> BTreeSet<String> {
        let stored = self.store().await.load(&self.key()).await.unwrap();
        stored.map(|stored| stored.settled.into_iter().collect()).unwrap_or_default()
    }

    /// Asserts that each customer's conversation was changed once by each settled message, and by no other.
    async fn assert_conversations(&self, settled: &BTreeSet<String>) {
        let store = self.store().await;
        let page = store.conversations(&self.key(), &ConversationQuery::first(100)).await.unwrap();
        let mut told = BTreeSet::new();
        for record in page.items {
            let (_, json) = record.state().unwrap().unwrap();
            for msgid in serde_json::from_str::<Vec<String>>(&json).unwrap() {
                assert!(told.insert(msgid.clone()), "{} was applied twice", msgid);
            }
        }
        let settled: BTreeSet<String> = settled.intersection(&self.msgids).cloned().collect();
        assert_eq!(told, settled, "a message and what it changed are stored together");
    }

    /// Waits until all messages are handled, at most for `patience`. Returns how many are not.
    async fn unhandled_after(&self, patience: Duration) -> usize {
        let started = Instant::now();
        loop {
            let handled: BTreeSet<String> = self.diary().into_iter().map(|handled| handled.msgid).collect();
            let unhandled = self.msgids.difference(&handled).count();
            if unhandled == 0 || started.elapsed() > patience {
                return unhandled;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn assert_order(&self) {
        let mut of_lives: HashMap<(u64, String), Vec<usize>> = HashMap::new();
        for Handled { life, customer, number, .. } in self.diary() {
            of_lives.entry((life, customer)).or_default().push(number);
        }
        for ((life, customer), numbers) in of_lives {
            let is_in_order = numbers.windows(2).all(|pair| pair[0] < pair[1]);
            assert!(is_in_order, "life {life}, {customer}: out of order or twice: {numbers:?}");
        }
    }

    /// Asserts that no customer hears an answer twice, although the bot was killed between sending and noting it, and
    /// that every answer that the bot noted is heard. Returns the number of answers.
    fn assert_answered_once(&self) -> usize {
        let heard = self.customers.iter().flat_map(Customer::heard);
        let answers: Vec<usize> = heard.map(|heard| heard.text().unwrap().parse().unwrap()).collect();
        let distinct: BTreeSet<usize> = answers.iter().copied().collect();
        assert_eq!(distinct.len(), answers.len(), "some answers were heard twice");
        let diary = self.diary();
        let sent: BTreeSet<usize> = diary.iter().filter(|it| it.is_answered).map(|it| it.number).collect();
        let unheard: Vec<&usize> = sent.difference(&distinct).collect();
        assert!(unheard.is_empty(), "never heard, though sent: {unheard:?}");
        answers.len()
    }
}

fn parse(line: &str) -> Handled {
    let fields: Vec<&str> = line.split(' ').collect();
    let [life, customer, number, msgid, outcome, at] = fields[..] else { panic!("{line:?}") };
    Handled {
        life: life.parse().unwrap(),
        customer: customer.to_owned(),
        number: number.parse().unwrap(),
        msgid: msgid.to_owned(),
        is_answered: outcome == "sent",
        at: at.parse().unwrap(),
    }
}

#[tokio::test]
async fn crash_after_crash_loses_nothing_and_repeats_nothing_that_was_committed() {
    let crashes = setting("WECOM_KF_CRASHES", 40);
    let mut stage = Stage::new().await;
    let (mut repeated, mut most_repeated, mut killed_at_work) = (0, 0, 0);
    // The age of the oldest repeated message, in milliseconds before the kill and before the beginning of the last
    // commit.
    let (mut oldest_repeated, mut missed_by_commit) = (0, 0);
    // For each message: the last life that handled it, and when.
    let mut handled_at: HashMap<String, (u64, u64)> = HashMap::new();
    let mut committed: BTreeSet<String> = BTreeSet::new();
    let mut handled_before: BTreeSet<String> = BTreeSet::new();
    // For each life: when it was killed, and when the last commit that it wrote began.
    let mut ends: Vec<(u64, u64)> = Vec::new();
    for life in 0..=crashes {
        stage.says(30);
        let is_last = life == crashes;
        // Every third life handles batches.
        let mut bot = if life % 3 == 1 { stage.start_with_batches(life) } else { stage.start(life, 0) };
        if is_last {
            let unhandled = stage.unhandled_after(Duration::from_secs(120)).await;
            if unhandled > 0 {
                bot.kill().await.unwrap();
                let parked = stage.store().await.parked(&stage.key(), &ParkedQuery::first(100)).await.unwrap().items;
                let reasons: Vec<&str> = parked.iter().map(|parked| &*parked.reason).collect();
                panic!("{unhandled} of {} not handled; parked: {reasons:#?}", stage.said);
            }
        } else {
            stage.let_it_work(life).await;
        }
        bot.kill().await.unwrap();
        ends.push((now_in_ms(), stage.commits().last().map_or(0, |(begun, _)| *begun)));

        // The messages of this life that an earlier one had handled.
        let this_life: Vec<String> =
            stage.diary().into_iter().filter(|handled| handled.life == life).map(|handled| handled.msgid).collect();
        killed_at_work += u64::from(!this_life.is_empty());
        let again: Vec<&String> = this_life.iter().filter(|msgid| handled_before.contains(*msgid)).collect();
        assert!(again.iter().all(|msgid| !committed.contains(*msgid)), "life {life}: what was committed was repeated");
        (repeated, most_repeated) = (repeated + again.len(), most_repeated.max(again.len()));
        for (life, at) in again.iter().map(|msgid| handled_at[*msgid]) {
            let (killed_at, last_commit) = ends[life as usize];
            oldest_repeated = oldest_repeated.max(killed_at.saturating_sub(at));
            missed_by_commit = missed_by_commit.max(last_commit.saturating_sub(at));
        }
        handled_at.extend(stage.diary().into_iter().map(|handled| (handled.msgid, (handled.life, handled.at))));
        handled_before.extend(this_life);
        committed = stage.settled().await;
        stage.assert_conversations(&committed).await;
    }
    stage.assert_order();
    let answers = stage.assert_answered_once();
    let lost = stage.msgids.difference(&handled_before).count();
    let mut commits: Vec<u64> = stage.commits().into_iter().map(|(begun, written)| written - begun).collect();
    commits.sort_unstable();
    println!(
        "{crashes} kills ({killed_at_work} of them at work), {} messages: {lost} lost, {repeated} repeated, at most \
         {most_repeated} after one kill, handled at most {oldest_repeated} ms before it, and at most \
         {missed_by_commit} ms before the last commit began; {} commits took {} ms, one in a hundred {} ms or more, at \
         most {} ms; {answers} answers heard, none twice; {} calls of sync_msg, {} of send_msg",
        stage.said,
        commits.len(),
        commits[commits.len() / 2],
        commits[commits.len() - 1 - commits.len() / 100],
        commits[commits.len() - 1],
        stage.sim.calls(op::SYNC_MSG),
        stage.sim.calls(op::SEND_MSG),
    );
    assert_eq!(lost, 0);
    assert!(killed_at_work > crashes / 3, "the kills came too early to mean anything: {killed_at_work}");
}

/// Three customers write before the one whose message kills the bot, and three after.
#[tokio::test]
async fn a_message_that_kills_the_bot_is_parked_after_three_deaths() {
    let mut stage = Stage::new().await;
    for (place, customer) in stage.customers.iter().take(7).enumerate() {
        let msgid = customer.says(if place == 3 { POISON.to_owned() } else { place.to_string() }.as_str());
        if place != 3 {
            stage.msgids.insert(msgid);
        }
    }
    let mut deaths = 0;
    loop {
        let mut bot = stage.start(deaths, 0);
        let is_done = async {
            while stage.unhandled_after(Duration::ZERO).await > 0 || stage.sim.calls(op::SYNC_MSG) == 0 {
                sleep(Duration::from_millis(20)).await;
            }
            // The bot stays alive.
            sleep(Duration::from_secs(2)).await;
        };
        tokio::select! {
            ended = bot.wait() => assert!(!ended.unwrap().success()),
            () = is_done => {
                bot.kill().await.unwrap();
                break;
            }
        }
        deaths += 1;
        assert!(deaths < 12, "it is never parked");
    }
    let mut times: HashMap<String, usize> = HashMap::new();
    for handled in stage.diary() {
        *times.entry(handled.msgid).or_default() += 1;
    }
    let most = times.values().copied().max().unwrap_or(0);
    println!("{deaths} starts died, the next one parked the message; no other was handled more than {most} times");
    assert_eq!(deaths, 3);
    assert!(times.len() == 6 && most <= 3, "{times:?}");
    let parked = stage.store().await.parked(&stage.key(), &ParkedQuery::first(100)).await.unwrap().items;
    assert_eq!(parked.len(), 1);
    assert!(parked[0].body.contains(POISON) && parked[0].reason.contains("the process ended"));
}

/// The first start is killed soon, while it creates the file.
#[tokio::test]
async fn killed_while_its_file_is_made_the_bot_starts_again() {
    let starts = setting("WECOM_KF_FIRST_STARTS", 20);
    let stage = Stage::new().await;
    let file = stage.folder.path().join("inbox.redb");
    let mut unfinished = 0;
    for start in 0..starts {
        let mut bot = stage.start(start, 0);
        while std::fs::metadata(&file).map_or(0, |file| file.len()) == 0 {
            assert!(bot.try_wait().unwrap().is_none(), "the bot ended");
            std::thread::sleep(Duration::from_micros(50));
        }
        std::thread::sleep(Duration::from_micros(fastrand::u64(..20_000)));
        bot.kill().await.unwrap();
        unfinished += u64::from(std::fs::read(&file).unwrap().iter().take(9).all(|byte| *byte == 0));
        stage.settled().await;
        std::fs::remove_file(&file).unwrap();
    }
    println!("{starts} first starts killed, {unfinished} of them before the file was one of redb's");
}

/// Returns the memory in bytes and the number of open files.
fn usage(process: u32) -> (u64, usize) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    (kilobytes * 1024, std::fs::read_dir(Path::new("/proc").join(process.to_string()).join("fd")).unwrap().count())
}

/// How often the access token expires in the soak test.
const EXPIRY: Duration = Duration::from_secs(40);

/// The test runs for 50 seconds, or for as many as `WECOM_KF_SOAK` says. A long run takes 600.
#[tokio::test]
async fn soak_with_faults_loses_nothing_and_memory_stays_flat() {
    let seconds = setting("WECOM_KF_SOAK", 50);
    let mut stage = Stage::new().await;
    let mut bot = stage.start(0, 5);
    let process = bot.id().unwrap();
    let started = Instant::now();
    let (mut faults, mut calls_before, mut expired) = (0, 0, 0);
    let mut samples: BTreeMap<u64, (u64, usize)> = BTreeMap::new();
    while started.elapsed().as_secs() < seconds {
        stage.says(2);
        let calls = stage.sim.calls(op::SYNC_MSG) + stage.sim.calls(op::SEND_MSG);
        // There is one fault for twenty calls.
        while calls_before + 20 <= calls {
            stage.fault();
            (faults, calls_before) = (faults + 1, calls_before + 20);
        }
        // The token expires no more often than this, since tokens that are valid for less than 30 s are fetched with
        // waits in between.
        if started.elapsed() > EXPIRY * (expired + 1) {
            stage.sim.expire_token();
            expired += 1;
        }
        samples.insert(started.elapsed().as_secs(), usage(process));
        // There are ten messages a second. With these faults, and the waits after them, the bot can handle twenty.
        sleep(Duration::from_millis(200)).await;
    }
    let ended = Instant::now();
    let lost = stage.unhandled_after(Duration::from_secs(120)).await;
    let took = ended.elapsed();
    let last = usage(process);
    assert!(bot.try_wait().unwrap().is_none(), "the bot goes on");
    bot.kill().await.unwrap();
    let parked = stage.store().await.parked(&stage.key(), &ParkedQuery::first(100)).await.unwrap().items;
    let reasons: Vec<&str> = parked.iter().map(|parked| &*parked.reason).collect();
    assert!(lost == 0 && reasons.is_empty(), "{lost} of {} not handled; parked: {reasons:#?}", stage.said);
    stage.assert_order();
    let answers = stage.assert_answered_once();
    // The first fifth is left out, since buffers grow to their size in that time.
    let early = samples.range(seconds / 5..).next().map(|(_, sample)| *sample).unwrap();
    let handled = stage.diary().len();
    println!(
        "{seconds} s, {} messages: 0 lost, {} handled again; {answers} answers heard, none twice; {faults} faults in {calls_before} calls, {expired} expired tokens; \
         memory {:.1} → {:.1} MB, files {} → {}; the last was handled {took:?} after it was said",
        stage.said,
        handled - stage.said,
        early.0 as f64 / 1e6,
        last.0 as f64 / 1e6,
        early.1,
        last.1
    );
    assert!(last.0 < early.0 + 8_000_000, "memory grows: {} → {}", early.0, last.0);
    assert!(last.1 <= early.1 + 8, "files stay open: {} → {}", early.1, last.1);
}
