//! `play`: does the steps of a scenario one after another, and waits for what the bot must do.

use std::time::Duration;

use anstyle::Style;
use serde_json::{Value, json};
use tokio::time::Instant;
use wecom_kf_sim::FindingName;
use wecom_kf_text::Lang;

use super::control::LONGEST_WAIT;
use super::expect::Message;
use super::stage::{Met, Stage};
use super::transcript;
use super::{BAD, Script};
use crate::program::knock;
use crate::program::scenario::{Action, Counted, Expected, Scenario, Session, Step, TokenEnd};

/// How many of the last calls and callbacks are shown below a failure.
const SHOWN_CALLS: usize = 10;

/// Why a scenario failed, and at which line of its file.
pub(super) struct Failure {
    pub(super) line: u64,
    pub(super) problem: String,
    pub(super) detail: Vec<String>,
}

/// What is wrong with a step.
enum Problem {
    /// The step cannot be done.
    Refused(String),
    /// The bot did something else, or nothing.
    Wrong { problem: String, detail: Vec<String> },
}

impl From<String> for Problem {
    fn from(problem: String) -> Self {
        Self::Refused(problem)
    }
}

pub(super) struct Player<'p, 's> {
    pub(super) stage: &'p mut Stage<'s>,
    pub(super) scenario: &'p Scenario,
    /// Findings that do not fail the scenario.
    pub(super) allowed: &'p [FindingName],
    pub(super) lang: Lang,
}

impl Player<'_, '_> {
    pub(super) async fn play(&mut self, script: &mut Script<'_>) -> Result<(), Failure> {
        for step in &self.scenario.steps {
            let shown = match self.step(step).await {
                Ok(shown) => shown,
                Err(problem) => {
                    script.say(BAD, &format!("  {:>4}  ✗ {}", step.line, transcript::line(step, self.lang)));
                    return Err(self.failure(step.line, problem));
                }
            };
            script.say(Style::new(), &format!("  {:>4}  {shown}", step.line));
        }
        self.check_findings().await
    }

    /// Waits until the bot listens for callbacks, and has the URL verified as the admin console does.
    pub(super) async fn wait_for_callback(&self, patience: Duration) -> Result<(), Failure> {
        let verified = async {
            let info = self.stage.control.get(&["info"], &[]).await?;
            let vars = info["vars"].as_array().into_iter().flatten();
            let address = vars.filter(|var| var["name"] == knock::LISTEN).find_map(|var| var["value"].as_str());
            if let Some(address) = address {
                knock::until_listening(address, patience).await;
            }
            let row = self.stage.control.post(&["callback", "verify"], json!({})).await?;
            if row["problem"].is_null() { Ok(()) } else { Err(self.words(&row["problem"])) }
        };
        verified.await.map_err(|problem: String| {
            let problem = match self.lang {
                Lang::En => format!("the verification of the callback's URL failed: {problem}"),
                Lang::Zh => format!("回调 URL 验证失败：{problem}"),
            };
            Failure { line: self.scenario.line, problem, detail: Vec::new() }
        })
    }

    /// Does a step. Returns its line of the transcript.
    async fn step(&mut self, step: &Step) -> Result<String, Problem> {
        let line = transcript::line(step, self.lang);
        match &step.action {
            Action::Customer { name, does } => self.stage.customer(name, does).await?,
            Action::Servicer { userid, does } => self.stage.servicer(userid, does).await?,
            Action::BotAnswers { to, expected, within } => return self.answers(to, expected, *within).await,
            Action::BotStaysSilent { to, during } => self.stays_silent(to, *during).await?,
            Action::BotOffers { to, id, within } => self.offers(to, id.as_deref(), *within).await?,
            Action::SessionIs { of, session, within } => self.session_is(of, session, *within).await?,
            Action::Calls { calls, within } => {
                for counted in calls {
                    self.called(counted, *within).await?;
                }
            }
            Action::Fault(faults) => self.stage.break_things(faults).await?,
            Action::ClearFaults => drop(self.stage.control.delete(&["faults"]).await?),
            Action::Advance(by) => drop(self.stage.control.post(&["clock"], json!({ "advance": by })).await?),
            Action::Token(TokenEnd::Expires) => drop(self.stage.control.post(&["tokens", "expire"], json!({})).await?),
            Action::Token(TokenEnd::IsRevoked) => {
                drop(self.stage.control.post(&["tokens", "revoke"], json!({})).await?)
            }
        }
        Ok(line)
    }

    async fn answers(&mut self, to: &str, expected: &Expected, within: Option<Duration>) -> Result<String, Problem> {
        let patience = within.unwrap_or(self.scenario.within);
        let Some(entry) = self.next_from_bot(to, Instant::now() + patience).await? else {
            let seconds = patience.as_secs_f64();
            let problem = match self.lang {
                Lang::En => format!("the bot did not answer within {seconds} s"),
                Lang::Zh => format!("机器人 {seconds} 秒内没有回复"),
            };
            return Err(self.wrong(problem, Vec::new()).await);
        };
        let message = Message::of(&entry);
        let differs = expected.differs(&message, self.lang);
        if differs.is_empty() {
            return Ok(transcript::bot(to, &message.shown(), self.lang));
        }
        let problem =
            self.lang.pick("the bot answered something else (- expected, + got)", "机器人的回复不符（- 期望，+ 实际）");
        Err(Problem::Wrong { problem: problem.to_owned(), detail: differs })
    }

    async fn stays_silent(&mut self, to: &str, during: Duration) -> Result<(), Problem> {
        match self.next_from_bot(to, Instant::now() + during).await? {
            None => Ok(()),
            Some(entry) => {
                let problem = self.lang.pick("the bot did not stay silent", "机器人没有保持沉默").to_owned();
                Err(Problem::Wrong { problem, detail: vec![format!("+ {}", Message::of(&entry).shown())] })
            }
        }
    }

    /// The next message of the bot to a customer that no step has looked at. Messages of servicers are passed over, and
    /// those that were recalled or not delivered.
    async fn next_from_bot(&mut self, to: &str, deadline: Instant) -> Result<Option<Value>, Problem> {
        loop {
            let Met { id, heard, .. } = self.stage.meet(to).await?.clone();
            let query = [("after", heard.to_string()), ("wait", wait(deadline))];
            let mut chat = self.stage.control.get(&["customers", &id, "chat"], &query).await?;
            let entries = match chat["entries"].take() {
                Value::Array(entries) => entries,
                _ => Vec::new(),
            };
            for entry in entries {
                self.stage.meet(to).await?.heard = entry["n"].as_u64().unwrap_or(heard);
                if entry["from"] == "bot" && entry["recalled"] != true {
                    return Ok(Some(entry));
                }
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
        }
    }

    async fn session_is(&mut self, of: &str, wanted: &Session, within: Option<Duration>) -> Result<(), Problem> {
        let is_it = |customer: &Value| match wanted {
            Session::State(state) => customer["session"]["state"] == *state,
            Session::With(userid) => customer["session"]["servicer_userid"] == userid.as_str(),
        };
        let Some(customer) = self.wait_for(of, within, is_it).await? else { return Ok(()) };
        let state = transcript::state_name(customer["session"]["state"].as_i64().unwrap_or(4), self.lang);
        let who =
            customer["session"]["servicer_userid"].as_str().map(|userid| format!(" ({userid})")).unwrap_or_default();
        let problem = match self.lang {
            Lang::En => format!("the session of {of} is {state}{who}"),
            Lang::Zh => format!("{of}的会话状态为：{state}{who}"),
        };
        Err(self.wrong(problem, Vec::new()).await)
    }

    async fn offers(&mut self, to: &str, id: Option<&str>, within: Option<Duration>) -> Result<(), Problem> {
        let is_it = |customer: &Value| customer["upgrade_offer"]["id"].as_str() == id;
        let Some(customer) = self.wait_for(to, within, is_it).await? else { return Ok(()) };
        let offered = customer["upgrade_offer"]["id"].as_str().unwrap_or(self.lang.pick("nothing", "无"));
        let problem = match self.lang {
            Lang::En => format!("the bot offers {offered}"),
            Lang::Zh => format!("机器人的推荐是：{offered}"),
        };
        Err(self.wrong(problem, Vec::new()).await)
    }

    /// Waits until a customer is as wanted, looking again after each call and callback. Returns the customer if that does
    /// not come true.
    async fn wait_for(
        &mut self,
        name: &str,
        within: Option<Duration>,
        is_it: impl Fn(&Value) -> bool,
    ) -> Result<Option<Value>, Problem> {
        let deadline = Instant::now() + within.unwrap_or(self.scenario.within);
        let id = self.stage.meet(name).await?.id.clone();
        loop {
            // Asked before looking: it has what is done in between.
            let newest = self.stage.control.get(&["journal"], &[("limit", "1".to_owned())]).await?;
            let customer = self.stage.control.get(&["customers", &id], &[]).await?;
            if is_it(&customer) {
                return Ok(None);
            }
            if Instant::now() >= deadline {
                return Ok(Some(customer));
            }
            let query = [("after", newest["last"].to_string()), ("limit", "1".to_owned()), ("wait", wait(deadline))];
            self.stage.control.get(&["journal"], &query).await?;
        }
    }

    async fn called(&mut self, counted: &Counted, within: Option<Duration>) -> Result<(), Problem> {
        let Counted { operation, count, errcode } = counted;
        let deadline = Instant::now() + within.unwrap_or(self.scenario.within);
        let made = loop {
            let mut query = vec![
                ("op", operation.clone()),
                ("after", self.stage.began_after.to_string()),
                ("limit", "1".to_owned()),
            ];
            query.extend(errcode.map(|errcode| ("errcode", errcode.to_string())));
            if *count > 0 {
                query.extend([("count", count.to_string()), ("wait", wait(deadline))]);
            }
            let journal = self.stage.control.get(&["journal"], &query).await?;
            let made = journal["found"].as_u64().and_then(|found| usize::try_from(found).ok()).unwrap_or_default();
            if made >= *count || Instant::now() >= deadline {
                break made;
            }
        };
        if made == *count {
            return Ok(());
        }
        let answer = errcode.map(|errcode| format!(" (errcode {errcode})")).unwrap_or_default();
        let problem = match self.lang {
            Lang::En => format!("the bot made {made} instead of {count} calls of {operation}{answer}"),
            Lang::Zh => format!("机器人调用了 {operation}{answer} {made} 次，而不是 {count} 次"),
        };
        Err(self.wrong(problem, Vec::new()).await)
    }

    async fn check_findings(&mut self) -> Result<(), Failure> {
        let line = self.scenario.line;
        let found = self.stage.findings(self.allowed).await;
        let found = found.map_err(|problem| Failure { line, problem, detail: Vec::new() })?;
        if found.is_empty() {
            return Ok(());
        }
        let mut detail = Vec::new();
        for finding in &found {
            let name = finding["name"].as_str().unwrap_or_default();
            detail.push(format!("! {name} × {}: {}", finding["count"], self.words(&finding["title"])));
            detail.push(format!("  {}", self.words(&finding["proof"])));
            detail.push(format!("  {}", self.words(&finding["remedy"])));
        }
        let names: Vec<_> = found.iter().filter_map(|finding| finding["name"].as_str()).collect();
        detail.push(match self.lang {
            Lang::En => format!("if the scenario provokes it, write `allow: [{}]` at its head", names.join(", ")),
            Lang::Zh => format!("如果是剧本有意触发的，请在剧本开头写 `allow: [{}]`", names.join(", ")),
        });
        let problem = match self.lang {
            Lang::En => format!("the simulator found {} mistakes of the bot: {}", found.len(), names.join(", ")),
            Lang::Zh => format!("模拟器发现了机器人的 {} 个问题：{}", found.len(), names.join(", ")),
        };
        Err(Failure { line, problem, detail })
    }

    /// A failure of the bot, with what it called last.
    async fn wrong(&self, problem: String, mut detail: Vec<String>) -> Problem {
        let query = [("after", self.stage.began_after.to_string()), ("limit", SHOWN_CALLS.to_string())];
        if let Ok(journal) = self.stage.control.get(&["journal"], &query).await {
            let rows: Vec<_> = journal["entries"].as_array().into_iter().flatten().map(|row| self.row(row)).collect();
            detail.push(if rows.is_empty() {
                self.lang
                    .pick("the bot made no call, and got no callback", "机器人没有发出调用，也没有收到回调")
                    .to_owned()
            } else {
                self.lang.pick("the last calls and callbacks:", "最近的调用和回调：").to_owned()
            });
            detail.extend(rows);
        }
        Problem::Wrong { problem, detail }
    }

    /// A row of the journal, for people. Arrows point as in the console: a call goes to the platform.
    fn row(&self, row: &Value) -> String {
        let arrow = if row["kind"] == "call" { "→" } else { "←" };
        let outcome = match row["errcode"].as_i64() {
            _ if row["problem"].is_object() => self.words(&row["problem"]),
            Some(errcode) => errcode.to_string(),
            None => format!("HTTP {}", row["status"]),
        };
        let fault = row["fault"].as_str().map(|fault| format!("  ({fault})")).unwrap_or_default();
        format!("{arrow} {:<20} {outcome}{fault}", row["operation"].as_str().unwrap_or_default())
    }

    /// One of the `Words` of the control API.
    fn words(&self, words: &Value) -> String {
        words[self.lang.pick("en", "zh")].as_str().unwrap_or_default().to_owned()
    }

    fn failure(&self, line: u64, problem: Problem) -> Failure {
        match problem {
            Problem::Refused(problem) => Failure { line, problem, detail: Vec::new() },
            Problem::Wrong { problem, detail } => Failure { line, problem, detail },
        }
    }
}

/// The time that is left, as the control API takes it.
fn wait(deadline: Instant) -> String {
    let left = deadline.saturating_duration_since(Instant::now()).min(LONGEST_WAIT);
    format!("{}ms", left.as_millis())
}
