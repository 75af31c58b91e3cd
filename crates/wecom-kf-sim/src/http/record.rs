//! Writes the journal's row of a call, and passes the call to the search for findings.

use serde_json::Value;

use crate::http::exchange::Exchange;
use crate::http::outcome::Told;
use crate::platform::reply::Content;
use crate::world::fault::Effect;
use crate::world::finding::Seen;
use crate::world::journal::Call;

impl Exchange {
    /// Writes the row of a call, with its answer.
    pub(super) fn record(&self, status: u16, told: Told) {
        let Told { errcode, content, shown } = told;
        let verdict = self.verdict.get();
        let mut problems = verdict.map(|verdict| verdict.problems.clone()).unwrap_or_default();
        let mut unknown_fields = verdict.map(|verdict| verdict.unknown_fields.clone()).unwrap_or_default();
        let masking = &self.world.masking;
        problems.iter_mut().chain(&mut unknown_fields).for_each(|text| masking.mask_text(text));
        let call = Call {
            number: 0,
            begun: self.arrival.begun,
            corp_id: self.world.corp_id.clone(),
            operation: self.operation.id,
            method: self.arrival.parts.method.to_string(),
            path: self.operation.path.to_owned(),
            errcode,
            status,
            at: self.arrival.at.as_secs(),
            took: self.world.clock.took(self.arrival.started),
            request: self.asked.shown(self.operation, &self.arrival, masking),
            reply: shown,
            problems,
            fault: self.effect.as_ref().map(Effect::to_string),
            open_kfid: self.known().place.0.clone(),
            external_userid: self.known().place.1.clone(),
            findings: Vec::new(),
        };
        let null = Value::Null;
        let row = self.world.record(call, |row| {
            Some(Seen {
                row,
                at: self.arrival.at,
                came: self.arrival.started,
                operation: self.operation,
                request: self.asked.request.as_ref().unwrap_or(&null),
                reply: &content,
                errcode,
                answer: self.arrives(),
                place: self.place(),
                facts: &self.known().facts,
                unknown_fields: &unknown_fields,
            })
        });
        if let Content::Sent { msgid } = &content {
            // After the journal, so that who hears a message finds its call there.
            self.world.link_call(self.place(), Some(msgid), row);
        }
    }
}
