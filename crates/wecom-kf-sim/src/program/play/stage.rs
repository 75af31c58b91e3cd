//! `play`: prepares a simulator for a scenario, and does what its people do.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::control::Control;
use crate::program::scenario::{Content, CustomerDoes, Message, Person, Scenario, ServicerDoes, Tap};

/// Whether the simulator was started for this scenario, or others were played in it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Simulator {
    Fresh,
    Shared,
}

/// A simulator in which one scenario is played.
pub(super) struct Stage<'a> {
    pub(super) control: Control,
    scenario: &'a Scenario,
    simulator: Simulator,
    people: HashMap<String, Met>,
    /// Faults that the scenario added.
    faults: Vec<u64>,
    /// Assumptions that the scenario disabled.
    disabled: Vec<String>,
    /// Whether the scenario stopped the clock.
    has_stopped_clock: bool,
    /// `n` of the newest journal row when the scenario began.
    pub(super) began_after: u64,
    /// Findings that were there before, with their counts.
    found_before: HashMap<u64, u64>,
}

/// A customer of the scenario, as the simulator knows them.
#[derive(Clone)]
pub(super) struct Met {
    pub(super) id: String,
    open_kfid: String,
    /// `n` of the last entry of the chat that steps have looked at.
    pub(super) heard: u64,
}

impl<'a> Stage<'a> {
    /// Sets up what the head of the scenario says.
    pub(super) async fn prepare(
        control: Control,
        scenario: &'a Scenario,
        simulator: Simulator,
    ) -> Result<Self, String> {
        let newest = control.get(&["journal"], &[("limit", "1".to_owned())]).await?;
        let report = control.get(&["report"], &[]).await?;
        let found = report["findings"].as_array().into_iter().flatten();
        let found_before = found.map(|finding| (number(&finding["id"]), number(&finding["count"]))).collect();
        let mut stage = Self {
            control,
            scenario,
            simulator,
            people: HashMap::new(),
            faults: Vec::new(),
            disabled: Vec::new(),
            has_stopped_clock: false,
            began_after: number(&newest["last"]),
            found_before,
        };
        stage.set_up().await?;
        Ok(stage)
    }

    async fn set_up(&mut self) -> Result<(), String> {
        let Scenario { accounts, servicers, customers, corp, departments, disabled_assumptions, .. } = self.scenario;
        if self.scenario.has_manual_clock && self.control.get(&["clock"], &[]).await?["manual"] == false {
            self.control.post(&["clock"], json!({ "manual": true })).await?;
            self.has_stopped_clock = true;
        }
        for id in disabled_assumptions {
            let known = self.control.get(&["assumptions"], &[]).await?;
            let mut known = known["assumptions"].as_array().into_iter().flatten();
            if known.any(|known| known["id"] == id.as_str() && known["holds"] == false) {
                continue;
            }
            self.control.put(&["assumptions", id], json!({ "holds": false })).await?;
            self.disabled.push(id.clone());
        }
        let known = self.accounts().await?;
        for name in accounts.iter().filter(|name| !known.iter().any(|(_, known)| known == *name)) {
            self.control.post(&["accounts"], json!({ "name": name })).await?;
        }
        for userid in servicers {
            self.control.put(&["servicers", userid], json!({})).await?;
        }
        for department in departments {
            self.control.post(&["departments"], Value::Object(department.clone())).await?;
        }
        if let Some(corp) = corp {
            self.control.patch(&["corp"], Value::Object(corp.clone())).await?;
        }
        for name in customers.keys() {
            self.meet(name).await?;
        }
        Ok(())
    }

    /// Takes back what would disturb the next scenario in the same simulator: faults, assumptions and the clock.
    pub(super) async fn clear(&self) -> Result<(), String> {
        if self.simulator == Simulator::Fresh {
            return Ok(());
        }
        for fault in &self.faults {
            // It may have been removed meanwhile.
            let _ = self.control.delete(&["faults", &fault.to_string()]).await;
        }
        for id in &self.disabled {
            self.control.put(&["assumptions", id], json!({ "holds": true })).await?;
        }
        if self.has_stopped_clock {
            self.control.post(&["clock"], json!({ "manual": false })).await?;
        }
        Ok(())
    }

    /// What was found since the scenario began, except what it allows.
    pub(super) async fn findings(&self, allowed: &[wecom_kf_sim::FindingName]) -> Result<Vec<Value>, String> {
        let mut report = self.control.get(&["report"], &[]).await?;
        let mut found = match report["findings"].take() {
            Value::Array(found) => found,
            _ => Vec::new(),
        };
        found.retain(|finding| {
            let is_new = self.found_before.get(&number(&finding["id"])) != Some(&number(&finding["count"]));
            is_new && !allowed.iter().any(|name| finding["name"] == name.as_str())
        });
        Ok(found)
    }

    /// The customer of this name, who comes into being when a step names them first.
    pub(super) async fn meet(&mut self, name: &str) -> Result<&mut Met, String> {
        if !self.people.contains_key(name) {
            let met = self.introduce(name).await?;
            self.people.insert(name.to_owned(), met);
        }
        self.people.get_mut(name).ok_or_else(|| format!("there is no customer {name}"))
    }

    async fn introduce(&self, name: &str) -> Result<Met, String> {
        let Person { account, mut profile } = self.scenario.customers.get(name).cloned().unwrap_or_default();
        let open_kfid = match account {
            None => Value::Null,
            Some(account) => {
                let known = self.accounts().await?;
                let found = known.into_iter().find(|(id, known)| *known == account || *id == account);
                json!(found.ok_or_else(|| format!("there is no account {account}: name it below `accounts`"))?.0)
            }
        };
        let is_fresh = self.simulator == Simulator::Fresh;
        // A customer of an earlier scenario has a chat already: a new one gets the name afterwards.
        let at_first = if is_fresh { name.to_owned() } else { format!("{name} {}", self.customers().await? + 1) };
        let mut body = json!({ "name": at_first });
        if !open_kfid.is_null() {
            body["open_kfid"] = open_kfid;
        }
        let told = self.control.post(&["customers"], body).await?;
        let id = text(&told["external_userid"]);
        if !is_fresh {
            profile.insert("name".to_owned(), json!(name));
        }
        if !profile.is_empty() {
            self.control.patch(&["customers", &id], Value::Object(profile)).await?;
        }
        Ok(Met { id, open_kfid: text(&told["open_kfid"]), heard: 0 })
    }

    async fn customers(&self) -> Result<usize, String> {
        let list = self.control.get(&["customers"], &[]).await?;
        Ok(list["customers"].as_array().map_or(0, Vec::len))
    }

    /// Id and name of each account.
    async fn accounts(&self) -> Result<Vec<(String, String)>, String> {
        let list = self.control.get(&["accounts"], &[]).await?;
        let list = list["accounts"].as_array().into_iter().flatten().filter(|account| account["deleted"] != true);
        Ok(list.map(|account| (text(&account["open_kfid"]), text(&account["name"]))).collect())
    }

    pub(super) async fn customer(&mut self, name: &str, does: &CustomerDoes) -> Result<(), String> {
        let id = self.meet(name).await?.id.clone();
        match does {
            CustomerDoes::Enters(how) => {
                self.control.post(&["customers", &id, "enter"], Value::Object(how.clone())).await?;
            }
            CustomerDoes::Says(text) => {
                let message = json!({ "msgtype": "text", "text": text });
                self.control.post(&["customers", &id, "messages"], message).await?;
            }
            CustomerDoes::Sends(message) => {
                let message = self.message(message).await?;
                self.control.post(&["customers", &id, "messages"], Value::Object(message)).await?;
            }
            CustomerDoes::Taps(tap) => {
                let tap = match tap {
                    Tap::Id { id, content: None } => json!({ "menu_id": id }),
                    Tap::Id { id, content: Some(content) } => json!({ "menu_id": id, "content": content }),
                    Tap::Label(label) => self.item(&id, label).await?,
                };
                self.control.post(&["customers", &id, "taps"], tap).await?;
            }
            CustomerDoes::Recalls(which) => {
                let msgid = self.msgid(&id, "customer", which.as_deref()).await?;
                self.control.post(&["customers", &id, "recall"], json!({ "msgid": msgid })).await?;
            }
            CustomerDoes::Rates(rating) => {
                self.control.post(&["customers", &id, "rating"], json!({ "rating": rating })).await?;
            }
            CustomerDoes::AcceptsOffer => {
                self.control.post(&["customers", &id, "upgrade"], json!({})).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn servicer(&mut self, userid: &str, does: &ServicerDoes) -> Result<(), String> {
        let by = json!({ "servicer_userid": userid });
        match does {
            ServicerDoes::Takes(customer) => self.session(customer, "take", by).await,
            ServicerDoes::Says { to, text } => {
                let message = json!({ "msgtype": "text", "text": text, "servicer_userid": userid });
                self.session(to, "reply", message).await
            }
            ServicerDoes::Sends { to, message } => {
                let mut message = self.message(message).await?;
                message.insert("servicer_userid".to_owned(), json!(userid));
                self.session(to, "reply", Value::Object(message)).await
            }
            ServicerDoes::Transfers { customer, to } => {
                self.check_holder(customer, userid).await?;
                self.session(customer, "transfer", json!({ "to": to })).await
            }
            ServicerDoes::Ends(customer) => {
                self.check_holder(customer, userid).await?;
                self.session(customer, "end", json!({})).await
            }
            ServicerDoes::Recalls { to, text } => {
                let id = self.meet(to).await?.id.clone();
                let msgid = self.msgid(&id, "servicer", text.as_deref()).await?;
                self.session(to, "recall", json!({ "msgid": msgid })).await
            }
            ServicerDoes::AsksToRate(customer) => self.session(customer, "rating", by).await,
            ServicerDoes::Rejects { customer, rejecting } => {
                let switch = json!({ "servicer_userid": userid, "rejecting": rejecting });
                self.session(customer, "reject", switch).await
            }
            ServicerDoes::Receives { receiving, suspended } => {
                let settings = json!({ "receiving": receiving, "suspended": suspended });
                self.control.put(&["servicers", userid], settings).await.map(drop)
            }
        }
    }

    /// Adds faults, which end with the scenario.
    pub(super) async fn break_things(&mut self, faults: &[Map<String, Value>]) -> Result<(), String> {
        let added = self.control.post(&["faults"], json!({ "script": faults })).await?;
        let added = added["faults"].as_array().into_iter().flatten();
        self.faults.extend(added.map(|fault| number(&fault["id"])));
        Ok(())
    }

    async fn session(&mut self, customer: &str, does: &str, body: Value) -> Result<(), String> {
        let Met { id, open_kfid, .. } = self.meet(customer).await?.clone();
        self.control.post(&["sessions", &open_kfid, &id, does], body).await.map(drop)
    }

    /// The control API lets whoever has the session end and transfer it.
    async fn check_holder(&mut self, customer: &str, userid: &str) -> Result<(), String> {
        let id = self.meet(customer).await?.id.clone();
        let told = self.control.get(&["customers", &id], &[]).await?;
        match told["session"]["servicer_userid"].as_str() {
            Some(holder) if holder == userid => Ok(()),
            Some(holder) => Err(format!("{userid} does not have the session with {customer}: {holder} has it")),
            None => Err(format!("{userid} does not have the session with {customer}: let them take it first")),
        }
    }

    /// A message as the control API takes it.
    async fn message(&self, message: &Message) -> Result<Map<String, Value>, String> {
        let Message { msgtype, content } = message;
        let body = match content {
            Content::Sample => json!({}),
            Content::Body(body) => Value::Object(body.clone()),
            Content::File(path) => json!({ "media_id": self.upload(msgtype, path).await? }),
        };
        Ok(Map::from_iter([("msgtype".to_owned(), json!(msgtype)), (msgtype.clone(), body)]))
    }

    async fn upload(&self, kind: &str, path: &Path) -> Result<String, String> {
        let bytes = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        self.control.upload(kind, &name, bytes).await
    }

    /// The body of a tap on the newest item or menu link with this label.
    async fn item(&self, id: &str, label: &str) -> Result<Value, String> {
        let chat = self.control.get(&["customers", id, "chat"], &[]).await?;
        let messages = chat["entries"].as_array().into_iter().flatten().rev();
        let mut known = Vec::new();
        for message in messages {
            for (menu_id, found, content) in items(&message["body"]) {
                if found == label {
                    return Ok(json!({ "menu_id": menu_id, "content": content }));
                }
                known.push(found);
            }
        }
        Err(match &known[..] {
            [] => format!("nothing that this customer received can be tapped, so `{label}` cannot"),
            known => format!("no menu or text has an item or link `{label}`: they have {}", known.join(", ")),
        })
    }

    /// The msgid of somebody's newest message that is not recalled, or of the newest with this text.
    async fn msgid(&self, id: &str, from: &str, wanted: Option<&str>) -> Result<Value, String> {
        let chat = self.control.get(&["customers", id, "chat"], &[]).await?;
        let messages = chat["entries"].as_array().into_iter().flatten().rev();
        let mut messages = messages.filter(|entry| entry["from"] == from && entry["recalled"] == false);
        let found = messages.find(|entry| wanted.is_none_or(|wanted| entry["body"]["content"] == wanted));
        found.map(|entry| entry["msgid"].clone()).ok_or_else(|| match wanted {
            Some(wanted) => format!("there is no message `{wanted}` to recall"),
            None => "there is no message to recall".to_owned(),
        })
    }
}

/// What can be tapped in a message and sends a text: id, label, and the text.
fn items(body: &Value) -> Vec<(String, String, String)> {
    let listed = body["list"].as_array().into_iter().flatten().map(|item| &item["click"]);
    let clicks = listed.filter(|click| click.is_object()).map(|click| {
        let label = text(&click["content"]);
        (text(&click["id"]), label.clone(), label)
    });
    clicks.chain(links(body["content"].as_str().unwrap_or_default())).collect()
}

/// The menu links of a text: `<a href="weixin://kefumenu?kefumenucontent=TEXT&kefumenuid=ID">label</a>`.
fn links(content: &str) -> impl Iterator<Item = (String, String, String)> {
    const MARK: &str = "weixin://kefumenu?";
    content.split("<a ").skip(1).filter_map(|link| {
        let (opening, label) = link.split_once('>')?;
        let label = label.split("</a>").next()?;
        let query = opening.split_once(MARK)?.1.split(['"', '\'']).next()?.replace("&amp;", "&");
        let member = |wanted: &str| {
            form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.into_owned())
        };
        Some((member("kefumenuid")?, label.to_owned(), member("kefumenucontent").unwrap_or_else(|| label.to_owned())))
    })
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn menu_links_are_known_by_label() {
        let text = r#"请选 <a href="weixin://kefumenu?kefumenucontent=%E8%BD%AC%E4%BA%BA%E5%B7%A5&kefumenuid=7">人工</a>，或 <a href="https://example.com">官网</a>"#;
        let found: Vec<_> = links(text).collect();
        assert_eq!(found, [("7".to_owned(), "人工".to_owned(), "转人工".to_owned())]);
    }
}
