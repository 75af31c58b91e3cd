//! Shows calls and callbacks on the terminal as they come.

use std::sync::OnceLock;

use serde_json::Value;
use wecom_kf_sim::Simulator;
use wecom_kf_text::Lang;

use super::terminal::{Corps, Lines, Terminal};

/// Where rows of the journal are shown, each on a line.
pub(super) struct Screen {
    terminal: Terminal,
    lang: Lang,
    /// The corps of the simulator, which know everybody's name; not yet there when it starts. They keep it running: a
    /// simulator with a screen ends with the process.
    corps: OnceLock<Vec<Simulator>>,
}

impl Screen {
    pub(super) fn on(terminal: Terminal, lang: Lang) -> Self {
        Self { terminal, lang, corps: OnceLock::new() }
    }

    /// Learns the names of customers and accounts.
    pub(super) fn meet(&self, corps: Vec<Simulator>) {
        let _ = self.corps.set(corps);
    }

    /// Shows a row: an `Entry` of the control API.
    pub(super) fn show(&self, entry: &Value, corp_id: &str) {
        let corps = self.corps.get().map(Vec::as_slice).unwrap_or_default();
        let corp = corps.iter().find(|corp| corp.corp_id() == corp_id);
        let name = |id: &str| corp.and_then(|corp| corp.customer_name(id).or_else(|| corp.account_name(id)));
        let lines = Lines { lang: self.lang, corps: Corps::of(corps.len()), width: self.terminal.width(), name: &name };
        self.terminal.say(&lines.line(entry, corp_id));
    }
}
