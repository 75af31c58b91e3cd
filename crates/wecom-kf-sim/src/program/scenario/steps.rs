//! Scenarios: which members of a step belong together, and what they mean.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};
use serde_saphyr::{Location, Spanned};

use super::file::{self, CountOr, Document, Flaw, TextOr};
use super::values::{expected, finding, known_operation, one_of, time};
use super::{
    Action, Content, Counted, CustomerDoes, Expected, Message, PATIENCE, Person, Scenario, ServicerDoes, Session, Step,
    Tap, TokenEnd,
};

/// Kinds of messages that are files.
pub(super) const MEDIA: [&str; 4] = ["image", "voice", "video", "file"];
pub(super) const RATINGS: [&str; 3] = ["satisfied", "middling", "dissatisfied"];
pub(super) const STATES: [&str; 5] = ["untreated", "assistant", "queue", "servicer", "ended"];

pub(super) fn scenario(path: &Path, document: Spanned<Document>, name: String) -> Result<Scenario, Flaw> {
    let (document_start, line) = (document.referenced, document.referenced.line());
    let document = document.value;
    let allow = document.allow.into_iter().map(finding).collect::<Result<_, _>>()?;
    let within = document.within.map_or(Ok(PATIENCE), |text| time(text.referenced, &text.value))?;
    let has_manual_clock = match document.clock {
        None => false,
        Some(clock) if clock.value == "manual" => true,
        Some(clock) if clock.value == "real" => false,
        Some(clock) => {
            return Err(Flaw::at(
                clock.referenced,
                "`clock` is `real` or `manual`",
                "`clock` 只能是 `real` 或 `manual`",
            ));
        }
    };
    let customers = document.customers.into_iter().map(|(name, person)| Ok((name, self::person(person.value))));
    let mut reader = Reader { folder: path.parent().unwrap_or(Path::new("")), customer: None };
    let steps = document.steps.into_iter().map(|step| reader.step(step)).collect::<Result<Vec<_>, _>>()?;
    if steps.is_empty() {
        let place = document_start;
        return Err(Flaw::at(place, "`steps` is empty: write what happens", "`steps` 为空：请写明要发生什么"));
    }
    Ok(Scenario {
        file: path.to_owned(),
        line,
        name: document.name.unwrap_or(name),
        accounts: document.accounts,
        servicers: document.servicers,
        customers: customers.collect::<Result<_, Flaw>>()?,
        corp: document.corp,
        departments: document.departments,
        has_manual_clock,
        disabled_assumptions: document.disabled_assumptions,
        allow,
        within,
        steps,
    })
}

fn person(person: file::Person) -> Person {
    let file::Person { account, gender, avatar, unionid } = person;
    let members = [
        ("gender", gender.map(Value::from)),
        ("avatar", avatar.map(Value::from)),
        ("unionid", unionid.map(Value::from)),
    ];
    let profile = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    Person { account, profile }
}

/// Reads steps in their order.
struct Reader<'a> {
    folder: &'a Path,
    /// The one whom the step before is about.
    customer: Option<String>,
}

/// A verb of a step, and its value if it is there.
macro_rules! verbs {
    ($step:ident: $($verb:ident),+) => {
        [$((stringify!($verb), $step.$verb.is_some())),+]
    };
}

impl Reader<'_> {
    fn step(&mut self, step: Spanned<file::Step>) -> Result<Step, Flaw> {
        let (at, mut step) = (step.referenced, step.value);
        let verbs = verbs!(step: enters, taps, rates, accepts_offer, takes, transfers, ends, asks_to_rate, rejects,
            stops_rejecting, stops, suspends, resumes, says, sends, recalls, bot_answers, bot_stays_silent, bot_offers,
            session_is, session_is_with, calls, fault, clear_faults, advance, token);
        let given: Vec<_> = verbs.into_iter().filter(|(_, is_given)| *is_given).map(|(verb, _)| verb).collect();
        match given[..] {
            [_] => {}
            [] => {
                return Err(Flaw::at(
                    at,
                    "this step has no verb, or nothing behind it: write one such as `says: TEXT`, `bot_answers: TEXT` or `advance: 49h`",
                    "这一步没有动词，或动词后面没有内容：请写一个，如 `says: 文字`、`bot_answers: 文字` 或 `advance: 49h`",
                ));
            }
            [first, second, ..] => {
                return Err(Flaw::at(
                    at,
                    format!("`{first}` and `{second}` are two steps: begin a new one with `-`"),
                    format!("`{first}` 和 `{second}` 是两步：请用 `-` 另起一步"),
                ));
            }
        }
        let verb = given[0];
        let within = step.within.take().map(|text| time(at, &text)).transpose()?;
        let action = match (step.customer.take(), step.servicer.take()) {
            (Some(_), Some(_)) => {
                return Err(Flaw::at(
                    at,
                    "a step is a customer's or a servicer's: name the customer of a servicer with `to`",
                    "一步只能由客户或接待人员来做：接待人员对哪位客户，用 `to` 写明",
                ));
            }
            (Some(name), None) => {
                self.customer = Some(name.clone());
                Action::Customer { name, does: self.customer(at, verb, &mut step)? }
            }
            (None, Some(userid)) => Action::Servicer { userid, does: self.servicer(at, verb, &mut step)? },
            (None, None) => self.other(at, verb, &mut step, within)?,
        };
        for (name, rest) in [("to", &step.to), ("of", &step.of)] {
            if rest.is_some() {
                return Err(Flaw::at(
                    at,
                    format!("`{verb}` does not take `{name}` here: remove it"),
                    format!("`{verb}` 在这里不能带 `{name}`：请删去"),
                ));
            }
        }
        let waits = matches!(
            action,
            Action::BotAnswers { .. } | Action::BotOffers { .. } | Action::SessionIs { .. } | Action::Calls { .. }
        );
        if within.is_some() && !waits {
            return Err(Flaw::at(
                at,
                format!("`{verb}` does not wait: remove `within`"),
                format!("`{verb}` 不等待：请删去 `within`"),
            ));
        }
        Ok(Step { line: at.line(), action })
    }

    fn customer(&mut self, at: Location, verb: &str, step: &mut file::Step) -> Result<CustomerDoes, Flaw> {
        Ok(match verb {
            "enters" => CustomerDoes::Enters(step.enters.take().flatten().unwrap_or_default()),
            "says" => CustomerDoes::Says(step.says.take().unwrap_or_default()),
            "sends" => CustomerDoes::Sends(self.message(at, step)?),
            "taps" => CustomerDoes::Taps(match step.taps.take() {
                Some(TextOr::Members(file::Tap { id, content })) => Tap::Id { id, content },
                Some(TextOr::Text(label)) => Tap::Label(label),
                None => Tap::Label(String::new()),
            }),
            "recalls" => CustomerDoes::Recalls(step.recalls.take().flatten()),
            "rates" => CustomerDoes::Rates(one_of(at, "rates", step.rates.take(), &RATINGS)?),
            "accepts_offer" => CustomerDoes::AcceptsOffer,
            _ => {
                return Err(Flaw::at(
                    at,
                    format!("customers do not do `{verb}`: remove `customer`, or write what they do"),
                    format!("客户不能 `{verb}`：请删去 `customer`，或改写客户做的事"),
                ));
            }
        })
    }

    fn servicer(&mut self, at: Location, verb: &str, step: &mut file::Step) -> Result<ServicerDoes, Flaw> {
        Ok(match verb {
            "takes" => ServicerDoes::Takes(self.named(step.takes.take())),
            "says" => ServicerDoes::Says {
                to: self.to(at, step.to.take(), "to")?,
                text: step.says.take().unwrap_or_default(),
            },
            "sends" => ServicerDoes::Sends { message: self.message(at, step)?, to: self.to(at, step.to.take(), "to")? },
            "transfers" => {
                let to = step.to.take();
                let to = to.ok_or_else(|| {
                    Flaw::at(
                        at,
                        "to whom? Write the other servicer's userid behind `to`",
                        "转接给谁？请在 `to` 后面写另一位接待人员的 userid",
                    )
                })?;
                ServicerDoes::Transfers { customer: self.named(step.transfers.take()), to }
            }
            "ends" => ServicerDoes::Ends(self.named(step.ends.take())),
            "recalls" => {
                ServicerDoes::Recalls { to: self.to(at, step.to.take(), "to")?, text: step.recalls.take().flatten() }
            }
            "asks_to_rate" => ServicerDoes::AsksToRate(self.named(step.asks_to_rate.take())),
            "rejects" => ServicerDoes::Rejects { customer: self.named(step.rejects.take()), rejecting: true },
            "stops_rejecting" => {
                ServicerDoes::Rejects { customer: self.named(step.stops_rejecting.take()), rejecting: false }
            }
            "stops" => ServicerDoes::Receives { receiving: false, suspended: false },
            "suspends" => ServicerDoes::Receives { receiving: true, suspended: true },
            "resumes" => ServicerDoes::Receives { receiving: true, suspended: false },
            _ => {
                return Err(Flaw::at(
                    at,
                    format!("servicers do not do `{verb}`: remove `servicer`, or write what they do"),
                    format!("接待人员不能 `{verb}`：请删去 `servicer`，或改写接待人员做的事"),
                ));
            }
        })
    }

    /// What the bot must do, and what happens to it.
    fn other(
        &mut self,
        at: Location,
        verb: &str,
        step: &mut file::Step,
        within: Option<Duration>,
    ) -> Result<Action, Flaw> {
        Ok(match verb {
            "bot_answers" => {
                let expected = step.bot_answers.take().map_or(Ok(Expected::default()), |wire| expected(at, wire))?;
                Action::BotAnswers { to: self.to(at, step.to.take(), "to")?, expected, within }
            }
            "bot_stays_silent" => {
                let during = time(at, &step.bot_stays_silent.take().unwrap_or_default())?;
                Action::BotStaysSilent { to: self.to(at, step.to.take(), "to")?, during }
            }
            "bot_offers" => {
                let id = step.bot_offers.take().flatten();
                Action::BotOffers { to: self.to(at, step.to.take(), "to")?, id, within }
            }
            "session_is" => {
                let state = one_of(at, "session_is", step.session_is.take(), &STATES)?;
                let state = STATES.iter().zip(0..).find(|(name, _)| **name == state).map_or(4, |(_, number)| number);
                Action::SessionIs { of: self.to(at, step.of.take(), "of")?, session: Session::State(state), within }
            }
            "session_is_with" => {
                let session = Session::With(step.session_is_with.take().unwrap_or_default());
                Action::SessionIs { of: self.to(at, step.of.take(), "of")?, session, within }
            }
            "calls" => {
                let calls = step.calls.take().unwrap_or_default().into_iter().map(|(operation, count)| {
                    let (count, errcode) = match count {
                        CountOr::Count(count) => (count, None),
                        CountOr::Members(file::Count { count, errcode }) => (count, errcode),
                    };
                    known_operation(at, &operation)?;
                    Ok(Counted { operation, count, errcode })
                });
                Action::Calls { calls: calls.collect::<Result<_, Flaw>>()?, within }
            }
            "fault" => Action::Fault(step.fault.take().map(|faults| faults.0).unwrap_or_default()),
            "clear_faults" => Action::ClearFaults,
            "advance" => {
                let by = step.advance.take().unwrap_or_default();
                time(at, &by)?;
                Action::Advance(by)
            }
            "token" => match one_of(at, "token", step.token.take(), &["expires", "is_revoked"])?.as_str() {
                "expires" => Action::Token(TokenEnd::Expires),
                _ => Action::Token(TokenEnd::IsRevoked),
            },
            _ => {
                return Err(Flaw::at(
                    at,
                    format!("who does `{verb}`? Add `customer: NAME` or `servicer: USERID`"),
                    format!("谁来 `{verb}`？请加上 `customer: 名字` 或 `servicer: USERID`"),
                ));
            }
        })
    }

    /// The customer whom a step names as what it is about, who is also that of the steps after it.
    fn named(&mut self, name: Option<String>) -> String {
        let name = name.unwrap_or_default();
        self.customer = Some(name.clone());
        name
    }

    /// The customer of a step, by default that of the step before.
    fn to(&mut self, at: Location, name: Option<String>, member: &str) -> Result<String, Flaw> {
        if name.is_some() {
            self.customer = name;
        }
        let none = || {
            Flaw::at(
                at,
                format!("which customer? No step before names one: add `{member}: NAME`"),
                format!("哪位客户？前面的步骤都没有提到，请加上 `{member}: 名字`"),
            )
        };
        self.customer.clone().ok_or_else(none)
    }

    fn message(&self, at: Location, step: &mut file::Step) -> Result<Message, Flaw> {
        let members = match step.sends.take() {
            Some(TextOr::Text(kind)) if MEDIA.contains(&kind.as_str()) => {
                return Ok(Message { msgtype: kind, content: Content::Sample });
            }
            Some(TextOr::Text(kind)) => {
                let known = MEDIA.join(", ");
                return Err(Flaw::at(
                    at,
                    format!("`{kind}` needs its body, such as `sends: {{{kind}: {{…}}}}`; alone are {known}"),
                    format!("`{kind}` 需要内容，如 `sends: {{{kind}: {{…}}}}`；可以单独写的只有 {known}"),
                ));
            }
            Some(TextOr::Members(members)) => members,
            None => Map::new(),
        };
        let mut members = members.into_iter();
        let (Some((msgtype, body)), None) = (members.next(), members.next()) else {
            return Err(Flaw::at(
                at,
                "`sends` takes one kind of message and its body",
                "`sends` 只能有一种消息及其内容",
            ));
        };
        let content = match body {
            Value::Object(body) => Content::Body(body),
            Value::String(name) if MEDIA.contains(&msgtype.as_str()) => Content::File(self.file(at, &name)?),
            _ => {
                return Err(Flaw::at(
                    at,
                    format!("`{msgtype}` takes members, as sync_msg returns them"),
                    format!("`{msgtype}` 的内容要写成 sync_msg 返回的成员"),
                ));
            }
        };
        Ok(Message { msgtype, content })
    }

    /// A file, named from the folder of the scenario.
    fn file(&self, at: Location, name: &str) -> Result<PathBuf, Flaw> {
        let path = self.folder.join(name);
        if path.is_file() {
            return Ok(path);
        }
        Err(Flaw::at(
            at,
            format!("there is no file {}: files are named from the folder of the scenario", path.display()),
            format!("没有文件 {}：文件名相对于剧本所在的目录", path.display()),
        ))
    }
}
