//! How a `Redb` treats its file.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use redb::backends::FileBackend;
use tracing::subscriber::NoSubscriber;
use wecom_kf::{AccessToken, CorpSecret};

use super::*;
use crate::clock::unix_seconds;
use crate::report::in_one_line;
use crate::store::{
    ConversationRecord, ConversationWrite, FORMAT, Generation, Parked, ParkedKind, StoredToken, TokenKey, TokenOutcome,
    TokenStore, TokenTurn, TokenWish, Writes, conformance,
};

const LONG: Duration = Duration::from_secs(600);

#[tokio::test]
async fn redb_passes_the_conformance_suite() {
    let folder = tempfile::tempdir().unwrap();
    let store = Redb::open(folder.path().join("inbox.redb")).unwrap();
    conformance::inbox_store(async || store.clone()).await;
    conformance::token_store(async || store.clone()).await;
}

fn key() -> InboxKey {
    InboxKey::new("example.invalid/ww1", "wk1".into())
}

fn parked(id: &str, keep_until: i64) -> Parked {
    let body = format!("{{\"msgid\":\"{id}\",\"text\":\"{}\"}}", "客".repeat(300));
    Parked::new(id, ParkedKind::Message, body).because("没有回复", 8).kept(unix_seconds(), keep_until)
}

async fn acquire(store: &Redb) -> Lease {
    match store.acquire(&key(), "a", LONG).await.unwrap() {
        Acquired::Lease(lease) => lease,
        held @ Acquired::Held { .. } => panic!("{held:?}"),
    }
}

/// Begins a history with this many commits of 50 ids and one parked message.
async fn fill(store: &Redb, commits: u64) {
    let lease = acquire(store).await;
    let mut writes = Writes::Whole;
    let mut commit = Commit::whole(&Committed::new(Generation::random()));
    for number in 1..=commits {
        commit.writes = std::mem::replace(&mut writes, Writes::Next);
        commit.revision = number;
        commit.cursor = Some(format!("c{number}"));
        commit.settled = (0..50).map(|id| format!("msgid-of-twenty-four-letters-{number:05}-{id:03}")).collect();
        commit.parked = vec![parked(&format!("p{number}"), 4_000_000_000)];
        store.commit(&lease, &commit).await.unwrap();
    }
}

async fn all_parked(store: &Redb) -> Vec<Parked> {
    store.parked(&key(), &ParkedQuery::first(1000)).await.unwrap().items
}

async fn filled_file(path: &Path, pages: u64) -> Vec<u8> {
    fill(&Redb::open(path).unwrap(), pages).await;
    fs::read(path).unwrap()
}

async fn cursor(store: &Redb) -> Option<String> {
    store.load(&key()).await.unwrap()?.cursor
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_closed_file_holds_what_was_committed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.redb");
    filled_file(&path, 1).await;
    let store = Redb::open(&path).unwrap();
    let state = store.load(&key()).await.unwrap().unwrap();
    assert_eq!((state.revision, state.cursor.as_deref(), state.settled.len()), (1, Some("c1"), 50));
    assert_eq!(all_parked(&store).await[0].reason, "没有回复");
    // Leases end with the process.
    assert!(matches!(store.acquire(&key(), "b", LONG).await, Ok(Acquired::Lease(_))));
}

#[tokio::test]
async fn a_commit_deletes_parked_messages_past_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = Redb::open(folder.path().join("inbox.redb")).unwrap();
    let lease = acquire(&store).await;
    let all = vec![parked("over", 1), parked("over too", 2), parked("kept", i64::MAX)];
    let first = Commit { parked: all, ..Commit::whole(&Committed::new(Generation::random())) };
    store.commit(&lease, &first).await.unwrap();
    let in_file = |inner: &mut Inner| inner.with(tables::parked_rows);
    assert_eq!(store.blocking(in_file).await.unwrap(), (3, 3));
    let stored = store.load(&key()).await.unwrap().unwrap();
    store.commit(&lease, &Commit::next(&stored)).await.unwrap();
    assert_eq!(store.blocking(in_file).await.unwrap(), (1, 1));
}

#[tokio::test]
async fn a_commit_deletes_conversations_past_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = Redb::open(folder.path().join("inbox.redb")).unwrap();
    let lease = acquire(&store).await;
    let record = |customer: &str, until| ConversationRecord::new(customer, "{}").kept(0, until);
    let all = [record("over", 1), record("before 1970", -1), record("kept", i64::MAX), record("changed", i64::MAX)];
    let changed = ConversationWrite::Continue(all[3].clone());
    let begins = all.map(ConversationWrite::Begin).to_vec();
    let first = Commit { conversations: begins, ..Commit::whole(&Committed::new(Generation::random())) };
    store.commit(&lease, &first).await.unwrap();
    let in_file = |inner: &mut Inner| inner.with(super::conversations::rows);
    assert_eq!(store.blocking(in_file).await.unwrap(), (4, 4));
    let stored = store.load(&key()).await.unwrap().unwrap();
    store.commit(&lease, &Commit { conversations: vec![changed], ..Commit::next(&stored) }).await.unwrap();
    assert_eq!(store.blocking(in_file).await.unwrap(), (2, 2));
}

#[tokio::test]
async fn after_a_disk_error_the_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Redb::open(folder.path().join("inbox.redb")).unwrap();
    fill(&store, 1).await;
    let fails = |inner: &mut Inner| inner.with(|_| Err::<(), _>(StoreError::down("full")));
    let error = store.blocking(fails).await.unwrap_err();
    assert!(matches!(error, StoreError::Down(_)) && in_one_line(&error).contains("inbox.redb: full"), "{error}");
    let is_closed = |inner: &mut Inner| Ok(inner.database.is_none());
    assert!(store.blocking(is_closed).await.unwrap());
    assert_eq!(cursor(&store).await.as_deref(), Some("c1"));
    // The lease belongs to the process and outlives the open file.
    assert!(matches!(store.acquire(&key(), "b", LONG).await, Ok(Acquired::Held { .. })));
}

#[tokio::test]
async fn a_file_that_is_gone_is_not_created_while_the_store_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.redb");
    let store = Redb::open(&path).unwrap();
    fill(&store, 1).await;
    let moved = folder.path().join("moved");
    fs::rename(&path, &moved).unwrap();
    let fails = |inner: &mut Inner| inner.with(|_| Err::<(), _>(StoreError::down("full")));
    store.blocking(fails).await.unwrap_err();
    let error = store.load(&key()).await.unwrap_err();
    assert!(error.is_retryable() && in_one_line(&error).contains("the file is gone"), "{error}");
    assert_eq!(names(folder.path()), ["moved"]);
    fs::rename(&moved, &path).unwrap();
    assert_eq!(cursor(&store).await.as_deref(), Some("c1"));
}

#[tokio::test]
async fn a_panic_of_redb_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let store = Redb::open(folder.path().join("inbox.redb")).unwrap();
    fill(&store, 1).await;
    let panics = |inner: &mut Inner| inner.with(|_| -> Result<(), StoreError> { panic!("a customer's words") });
    let error = store.blocking(panics).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
    assert!(error.to_string().contains("inbox.redb") && !error.to_string().contains("words"), "{error}");
    assert_eq!(cursor(&store).await.as_deref(), Some("c1"), "the file was opened again and is whole");
}

#[tokio::test]
async fn a_file_that_is_open_already_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.redb");
    let _first = Redb::open(&path).unwrap();
    let error = Redb::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::InUse(_)), "{error:?}");
    assert!(error.to_string().contains("inbox.redb") && in_one_line(&error).contains("do: stop the other process"));
}

#[tokio::test]
async fn a_program_that_looks_at_a_store_creates_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.redb");
    let refused = Redb::open_existing(&path).unwrap_err();
    assert!(
        matches!(refused, StoreError::Settings(_)) && refused.to_string().contains("there is no file at"),
        "{refused}"
    );
    for (what, content) in [("empty", vec![]), ("cut off", vec![0; 4096])] {
        fs::write(&path, content).unwrap();
        let refused = Redb::open_existing(&path).unwrap_err();
        assert!(matches!(refused, StoreError::Corrupt(_)), "{what}: {refused:?}");
        assert!(refused.to_string().contains("inbox.redb: nothing was ever stored"), "{what}: {refused}");
        assert_eq!(names(folder.path()), ["inbox.redb"], "{what}");
    }
    fs::remove_file(&path).unwrap();
    let bot = Redb::open(&path).unwrap();
    fill(&bot, 1).await;
    let refused = Redb::open_existing(&path).unwrap_err();
    assert!(matches!(refused, StoreError::InUse(_)) && refused.to_string().contains("a running bot"), "{refused}");
    drop(bot);
    let store = Redb::open_existing(&path).unwrap();
    assert_eq!(store.keys().await.unwrap().into_iter().collect::<Vec<_>>(), [key()]);
    assert_eq!(store.lease_of(&key()).await.unwrap(), None, "the lease ended with the bot");
}

#[tokio::test]
async fn the_file_of_a_store_is_made_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.redb");
    drop(Redb::open(&path).unwrap());
    assert_eq!(mode(&path), 0o600);
    fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    drop(Redb::open(&path).unwrap());
    assert_eq!(mode(&path), 0o600);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn other_database(path: &Path, table: &str) {
    let database = Database::create(path).unwrap();
    let write = database.begin_write().unwrap();
    let definition: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new(table);
    write.open_table(definition).unwrap().insert("format", 9).unwrap();
    write.commit().unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_store_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bot.redb");
    let files: [(&str, &str, &dyn Fn()); 5] = [
        ("text", "no file of redb", &|| fs::write(&path, "a text that is long enough to be anything").unwrap()),
        ("short", "no file of redb", &|| fs::write(&path, "x").unwrap()),
        ("zeros", "no file of redb", &|| fs::write(&path, vec![0; (4 << 20) + 1]).unwrap()),
        ("other", "not a store of wecom-kf-inbox", &|| other_database(&path, "orders")),
        ("newer", "has format 9", &|| other_database(&path, "meta")),
    ];
    for (what, why, make) in files {
        make();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        let before = fs::read(&path).unwrap();
        let error = Redb::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt(_)), "{what}: {error:?}");
        assert!(error.to_string().contains(why) && error.to_string().contains("bot.redb"), "{what}: {error}");
        assert!(fs::read(&path).unwrap() == before, "{what} was changed");
        assert_eq!((mode(&path), names(folder.path())), (0o644, vec!["bot.redb".to_owned()]), "{what}");
        fs::remove_file(&path).unwrap();
    }
}

/// The headers of files that redb 2.6.4 wrote, in the format's version 2, and how long the files were. The first was
/// closed, the second was copied while it was open, as after the end of a process. redb reads no further than the header,
/// and a second redb among the dependencies would take longer to build than ours.
const FILES_OF_REDB_2: [(&str, &[u8; 320], u64); 2] = [
    ("closed.redb", include_bytes!("redb-2.6-closed.header"), 3_686_400),
    ("unclosed.redb", include_bytes!("redb-2.6-unclosed.header"), 1_589_248),
];

#[tokio::test]
async fn a_file_of_redb_2_is_refused_with_its_path_and_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    for (name, header, length) in FILES_OF_REDB_2 {
        let path = folder.path().join(name);
        fs::write(&path, header).unwrap();
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length).unwrap();
        let before = fs::read(&path).unwrap();
        let error = Redb::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("version 2 of redb's file format") && text.contains(".redb: "), "{text}");
        assert!(fs::read(&path).unwrap() == before, "{name} was changed");
    }
}

#[tokio::test]
async fn a_path_to_anything_but_a_regular_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (path, target) = (folder.path().join("bot.redb"), folder.path().join("target"));
    fs::write(&target, "precious").unwrap();
    fs::set_permissions(&target, PermissionsExt::from_mode(0o644)).unwrap();
    std::os::unix::fs::symlink(&target, &path).unwrap();
    let dangling = folder.path().join("dangling.redb");
    std::os::unix::fs::symlink(folder.path().join("nothing"), &dangling).unwrap();
    let chain = folder.path().join("chain.redb");
    std::os::unix::fs::symlink(&path, &chain).unwrap();
    let fifo = folder.path().join("fifo.redb");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let socket = folder.path().join("socket.redb");
    let _listens = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let zero = mode(Path::new("/dev/zero"));
    for (path, why) in [
        (&*chain, "a symbolic link"),
        (&fifo, "not a regular file"),
        (&socket, "not a regular file"),
        (&*path, "a symbolic link"),
        (&dangling, "a symbolic link"),
        (folder.path(), "not a regular file"),
        (Path::new("/dev/zero"), "not a regular file"),
    ] {
        let error = Redb::open(path).unwrap_err();
        assert!(matches!(error, StoreError::Settings(_)) && error.to_string().contains(why), "{error}");
    }
    assert_eq!((fs::read_to_string(&target).unwrap().as_str(), mode(&target)), ("precious", 0o644));
    assert_eq!(mode(Path::new("/dev/zero")), zero);
    assert!(!folder.path().join("nothing").exists());
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_cold_start_warns_with_the_path() {
    // With one subscriber in the process, tracing asks the thread that first reaches an event whether anybody listens to it,
    // and another test's thread would switch the event off.
    let _others = [NoSubscriber::default(), NoSubscriber::default()].map(tracing::Dispatch::new);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bot.redb");
    let opening = || {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
        drop(tracing::subscriber::with_default(subscriber, || Redb::open(&path)).unwrap());
        let bytes = log.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    };
    let first = opening();
    assert!(
        first.contains("WARN") && first.contains("cold start") && first.contains(path.to_str().unwrap()),
        "{first}"
    );
    assert_eq!(opening(), "");
}

#[tokio::test]
async fn a_symbolic_link_to_a_folder_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("data"), folder.path().join("link")).unwrap();
    drop(Redb::open(folder.path().join("link/bot.redb")).unwrap());
    assert!(folder.path().join("data/bot.redb").is_file());
}

/// Only root can change the owner of a file; for other users there is nothing to test.
#[tokio::test]
async fn a_file_of_others_is_refused_and_one_of_our_group_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bot.redb");
    filled_file(&path, 1).await;
    if !rustix::process::geteuid().is_root() {
        return;
    }
    std::os::unix::fs::chown(&path, Some(12345), Some(54321)).unwrap();
    let error = Redb::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Settings(_)) && error.to_string().contains("another user"), "{error}");
    std::os::unix::fs::chown(&path, Some(12345), Some(0)).unwrap();
    assert_eq!(cursor(&Redb::open(&path).unwrap()).await.as_deref(), Some("c1"));
}

#[tokio::test]
async fn a_path_that_cannot_be_created_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = Redb::open(folder.path().join("missing/inbox.redb")).unwrap_err();
    assert!(in_one_line(&error).contains("missing/inbox.redb"), "{error}");
}

#[tokio::test]
async fn an_unfinished_file_is_renamed_aside_and_a_new_one_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.redb");
    drop(Database::create(&path).unwrap());
    let mut new = fs::read(&path).unwrap();
    new[..9].fill(0);
    new[4096..].fill(0);
    for unfinished in [new.clone(), vec![0; new.len()], vec![0; 5]] {
        fs::write(&path, &unfinished).unwrap();
        let store = Redb::open(&path).unwrap();
        fill(&store, 1).await;
        drop(store);
        assert_eq!(cursor(&Redb::open(&path).unwrap()).await.as_deref(), Some("c1"));
        let names = names(folder.path());
        assert!(names.len() == 2 && names[1].starts_with("inbox.redb.unfinished-"), "{names:?}");
        assert!(fs::read(folder.path().join(&names[1])).unwrap() == unfinished, "nothing of it was changed");
        fs::remove_file(folder.path().join(&names[1])).unwrap();
    }
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.redb");
    fs::write(&path, "").unwrap();
    fill(&Redb::open(&path).unwrap(), 1).await;
    assert_eq!((names(folder.path()).len(), mode(&path)), (1, 0o600));
}

#[tokio::test]
async fn a_store_with_a_zeroed_head_is_damaged_and_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.redb");
    let mut file = filled_file(&path, 60).await;
    for zeroed in [9, 512, 4096, 8192] {
        file[..zeroed].fill(0);
        fs::write(&path, &file).unwrap();
        let error = Redb::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt(_)) && error.to_string().contains("inbox.redb"), "{error}");
        assert!(fs::read(&path).unwrap() == file && names(folder.path()).len() == 1);
    }
}

/// Returns the outcome of opening a damaged file: the state is right, or an error says that it is damaged.
async fn outcome(path: &Path) -> String {
    let store = match catch_unwind(AssertUnwindSafe(|| Redb::open(path))) {
        Ok(Ok(store)) => store,
        Ok(Err(error)) => return told(&error),
        Err(_) => return "open panicked".to_owned(),
    };
    let state = match store.load(&key()).await {
        Ok(Some(state)) => state,
        Ok(None) => return "forgotten".to_owned(),
        Err(error) => return told(&error),
    };
    let parked = match store.parked(&key(), &ParkedQuery::first(1000)).await {
        Ok(page) => page.items,
        Err(error) => return told(&error),
    };
    match (state.revision, state.cursor.as_deref(), state.settled.len(), parked.len()) {
        (60, Some("c60"), 3000, 60) => "right".to_owned(),
        wrong => format!("wrong: {wrong:?}"),
    }
}

fn told(error: &StoreError) -> String {
    match error {
        StoreError::Corrupt(what) if what.to_string().contains("bad.redb") => "damage".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Copies of a file with a zeroed block, a random block, or four flipped bits; shorter ones, longer ones, and blocks in
/// other places.
fn damaged(good: &[u8]) -> Vec<Vec<u8>> {
    let is_used = |at: &usize| good[at * 4096..][..4096].iter().any(|byte| *byte != 0);
    let used: Vec<usize> = (0..good.len() / 4096).filter(is_used).collect();
    let mut random = fastrand::Rng::with_seed(7);
    let mut files = Vec::new();
    for round in 0..120 {
        let mut damaged = good.to_vec();
        let block = &mut damaged[random.choice(&used).unwrap() * 4096..][..4096];
        match round % 3 {
            0 => block.fill(0),
            1 => random.fill(block),
            _ => (0..4).for_each(|_| block[random.usize(..4096)] ^= 1 << random.u8(..8)),
        }
        files.push(damaged);
    }
    let cuts = [9, 320, 4096, 8192, good.len() / 4, good.len() / 2, good.len() - 4096, 1, 4095, 4097, good.len() - 1];
    files.extend(cuts.map(|cut| good[..cut].to_vec()));
    // Longer files, with zeros or other bytes at the end; the file twice; both ends swapped.
    for (more, byte) in [(1, 0), (4096, 0), (8 << 20, 0), (1, 7), (4096, 7), (1 << 20, 7)] {
        files.push([good, &vec![byte; more]].concat());
    }
    files.push([good, good].concat());
    let (head, tail) = good.split_at(good.len() / 8192 * 4096);
    files.extend([[tail, head].concat(), [head, head].concat(), [&good[..4096], tail].concat()]);
    files
}

#[tokio::test]
async fn damage_is_reported_as_damage() {
    let folder = tempfile::tempdir().unwrap();
    let (closed, killed) = (folder.path().join("good.redb"), folder.path().join("killed.redb"));
    let store = Redb::open(&closed).unwrap();
    fill(&store, 60).await;
    // A copy of the open file looks like one after a kill: redb has to repair it.
    fs::copy(&closed, &killed).unwrap();
    drop(store);
    let path = folder.path().join("bad.redb");
    let mut files = Vec::new();
    for good in [&closed, &killed] {
        let good = fs::read(good).unwrap();
        fs::write(&path, &good).unwrap();
        assert_eq!(outcome(&path).await, "right");
        files.extend(damaged(&good));
    }
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for file in files {
        fs::write(&path, &file).unwrap();
        *outcomes.entry(outcome(&path).await).or_default() += 1;
    }
    assert!(outcomes.keys().all(|outcome| outcome == "damage" || outcome == "right"), "{outcomes:?}");
    println!("{outcomes:?}");
    assert!(outcomes["damage"] > 150, "{outcomes:?}");
}

#[tokio::test]
async fn the_operator_gets_everything_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let store = Redb::open(folder.path().join("inbox.redb")).unwrap();
    fill(&store, 1).await;
    let json: serde_json::Value = serde_json::from_str(&store.export().await.unwrap()).unwrap();
    assert_eq!(json["format"], FORMAT);
    let inbox = &json["inboxes"][0];
    assert_eq!(inbox["inbox"], "example.invalid/ww1/wk1");
    assert_eq!((&inbox["cursor"], inbox["settled"].as_array().unwrap().len()), (&"c1".into(), 50));
    assert_eq!(inbox["parked"][0]["reason"], "没有回复");
}

#[tokio::test]
async fn an_access_token_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.redb");
    let key = TokenKey::new("https://a.invalid", "ww1", &CorpSecret::from("CANARY-SECRET"));
    let wish = TokenWish { rejected: None, at_least: Duration::from_secs(1), limit: LONG };
    let store = Redb::open(&path).unwrap();
    let TokenTurn::Refresh(refresh) = store.turn(&key, &wish).await.unwrap() else { panic!("there is none yet") };
    let token = StoredToken { token: AccessToken::from("T1"), left: LONG };
    store.finish(&refresh, &TokenOutcome::Token { token, hold: Duration::ZERO }).await.unwrap();
    assert!(!store.export().await.unwrap().contains("T1"), "an export has no token");
    drop(store);
    let store = Redb::open(&path).unwrap();
    match store.turn(&key, &wish).await.unwrap() {
        TokenTurn::Token(stored) => assert!(stored.token.expose() == "T1" && stored.left <= LONG),
        other => panic!("{other:?}"),
    }
    let file = fs::read(&path).unwrap();
    assert!(!file.windows(6).any(|part| part == b"CANARY"), "the secret is nowhere in the file");
}

/// A disk on which only a certain number of further writes succeed.
#[derive(Debug)]
struct FailingDisk {
    file: FileBackend,
    left: Arc<AtomicUsize>,
}

impl FailingDisk {
    fn count(&self) -> std::io::Result<()> {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| std::io::Error::other("no space left on device"))
    }
}

impl redb::StorageBackend for FailingDisk {
    fn len(&self) -> std::io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.count()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.count()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.count()?;
        self.file.write(offset, data)
    }
}

struct Disk {
    store: Redb,
    left: Arc<AtomicUsize>,
    steps: AtomicUsize,
    /// Whether the last commit that should fail had no such step.
    is_through: AtomicBool,
}

impl Disk {
    async fn reopen(&self, open: impl FnOnce(&Path) -> Option<Database> + Send + 'static) {
        let act = |inner: &mut Inner| {
            inner.close();
            inner.database = open(&inner.path);
            Ok(())
        };
        self.store.blocking(act).await.unwrap();
    }
}

impl conformance::Mishaps for Disk {
    async fn break_commits(&self, step: usize) -> bool {
        if self.is_through.load(Ordering::SeqCst) {
            return false;
        }
        self.steps.store(step, Ordering::SeqCst);
        let left = self.left.clone();
        left.store(usize::MAX, Ordering::SeqCst);
        self.reopen(move |path| {
            let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
            let disk = FailingDisk { file: FileBackend::new(file).unwrap(), left: left.clone() };
            let opened = Database::builder().create_with_backend(disk).unwrap();
            // Writes during the opening do not count.
            left.store(step, Ordering::SeqCst);
            Some(opened)
        })
        .await;
        true
    }

    async fn repair(&self) {
        self.is_through.store(self.left.load(Ordering::SeqCst) > 0, Ordering::SeqCst);
        self.reopen(|_| None).await;
    }

    async fn set_format(&self, _: &InboxKey, format: u32) -> bool {
        self.reopen(move |path| {
            // The store itself would refuse to open this file.
            let database = Database::open(path).unwrap();
            let write = database.begin_write().unwrap();
            let meta: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("meta");
            write.open_table(meta).unwrap().insert("format", u64::from(format)).unwrap();
            write.commit().unwrap();
            None
        })
        .await;
        true
    }
}

#[tokio::test]
async fn redb_passes_the_mishaps_it_can_suffer() {
    let folder = tempfile::tempdir().unwrap();
    let store = Redb::open(folder.path().join("inbox.redb")).unwrap();
    let disk = Disk {
        store: store.clone(),
        left: Arc::default(),
        steps: AtomicUsize::new(0),
        is_through: AtomicBool::new(false),
    };
    conformance::mishaps(&store, &disk).await;
    let steps = disk.steps.load(Ordering::SeqCst);
    assert!(steps > 5, "a commit of {steps} steps");
}

#[tokio::test]
async fn commits_that_wait_share_a_transaction_and_each_has_its_own_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let store = Redb::open(folder.path().join("inbox.redb")).unwrap();
    let keys: Vec<InboxKey> =
        (0..30).map(|number| InboxKey::new("a.invalid/ww1", format!("wk{number}").as_str().into())).collect();
    let mut commits = Vec::new();
    for key in &keys {
        let Acquired::Lease(lease) = store.acquire(key, "a", LONG).await.unwrap() else { panic!("it is free") };
        commits.push((lease, Commit::whole(&Committed::new(Generation::random()))));
    }
    commits[7].0.fence += 1;
    commits[8].1.writes = Writes::Next;

    // The file is kept busy until all of them wait.
    let (go_on, gone_on) = std::sync::mpsc::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let busy = store.blocking(move |inner| {
        begun.send(inner.transactions).unwrap();
        gone_on.recv().unwrap();
        Ok(())
    });
    let busy = tokio::spawn(busy);
    let before = has_begun.await.unwrap();
    let written = futures_util::future::join_all(commits.iter().map(|(lease, commit)| store.commit(lease, commit)));
    let (outcomes, ()) = tokio::join!(written, async { go_on.send(()).unwrap() });
    busy.await.unwrap().unwrap();
    for (number, outcome) in outcomes.iter().enumerate() {
        match number {
            7 => assert!(matches!(outcome, Err(StoreError::StaleLease)), "{outcome:?}"),
            8 => assert!(matches!(outcome, Err(StoreError::OutOfStep)), "{outcome:?}"),
            _ => assert!(outcome.is_ok(), "{outcome:?}"),
        }
        let is_stored = store.load(&keys[number]).await.unwrap().is_some();
        assert_eq!(is_stored, outcome.is_ok(), "{number}");
    }
    assert_eq!(store.blocking(|inner| Ok(inner.transactions)).await.unwrap() - before, 1);
}
