//! The rules of WeCom that the simulator follows, as the control API and the pages show them.

use serde::Serialize;
use wecom_kf_raw::Lang;

use crate::lists::{Assumption, RULES, RuleRow, Status, Words, rule_named};
use crate::platform::NotPossible;
use crate::platform::assumptions::Assumptions;

/// An `Assumption` of `control.yaml`.
#[derive(Debug, Serialize)]
pub(crate) struct ShownRule {
    id: &'static str,
    area: &'static str,
    rule: Words,
    otherwise: Option<Words>,
    status: Status,
    source: Words,
    switchable: bool,
    holds: bool,
}

impl ShownRule {
    pub(crate) fn new(row: &RuleRow, assumptions: &Assumptions) -> Self {
        let RuleRow { id, area, status, source, rule, switch } = *row;
        let holds = switch.is_none_or(|(assumption, _)| assumptions.hold(assumption));
        let (otherwise, switchable) = (switch.map(|(_, otherwise)| otherwise), switch.is_some());
        Self { id, area, rule, otherwise, status, source, switchable, holds }
    }
}

/// Returns all rules, in the order of the list.
pub(crate) fn show_all(assumptions: &Assumptions) -> Vec<ShownRule> {
    RULES.iter().map(|row| ShownRule::new(row, assumptions)).collect()
}

/// Returns the rule with this id, if it can be switched off.
pub(crate) fn switchable(id: &str) -> Result<(&'static RuleRow, Assumption), NotPossible> {
    let row = rule_named(id).ok_or_else(|| NotPossible(format!("there is no rule `{id}`")))?;
    let switch = row.switch.ok_or_else(|| NotPossible(format!("the rule `{id}` cannot be switched off")))?;
    Ok((row, switch.0))
}

/// Returns the page *What the simulator assumes*, in Markdown: every rule of WeCom with its status and source, those that can be
/// switched off first.
pub fn assumptions_page(lang: Lang) -> &'static str {
    lang.pick(include_str!("../../docs/assumptions.md"), include_str!("../../docs/assumptions.zh-CN.md"))
}
