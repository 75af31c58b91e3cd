//! The variables of the settings: their form, and what is missing at this step of setting WeCom up.
//!
//! A person sets WeCom up in this order: the corp id, then the callback with its `Token` and `EncodingAESKey`, whose URL
//! WeCom verifies, and only then the secret. A value that comes later is not a problem while it is missing.

use std::collections::BTreeMap;

use wecom_kf::{Bilingual, Lang, Settings, Variable};

use super::finding::{Check, Finding, Findings};
use crate::failure::Failure;
use crate::profile;

/// The variables with this prefix that are no settings: those of this program and of the inbox.
const OTHERS: [&str; 4] = [profile::STORE, "WECOM_KF_LANG", "WECOM_KF_PROFILE", "WECOM_KF_SIM"];

/// Checks each variable and adds a finding for it.
pub(super) fn check(
    vars: &BTreeMap<String, String>,
    settings: &Settings,
    findings: &mut Findings<'_>,
) -> Result<(), Failure> {
    if let Some(finding) = unknown_names() {
        findings.add(finding)?;
    }
    for variable in Variable::ALL {
        if let Some(finding) = of_variable(variable, vars, settings) {
            findings.add(finding)?;
        }
    }
    Ok(())
}

fn of_variable(variable: Variable, vars: &BTreeMap<String, String>, settings: &Settings) -> Option<Finding> {
    let (check, name) = (Check::start(id(variable)), variable.name());
    if let Some(problem) = settings.problem(variable) {
        let message = Bilingual::new(format!("{name}: {problem}"), format!("{name}：{}", problem.in_lang(Lang::Zh)));
        return Some(check.problem(message, copy_again(variable)));
    }
    if !settings.has(variable) {
        return missing(variable, settings, check);
    }
    let value = vars.get(name).map(|value| value.trim()).unwrap_or_default();
    let message = match unusual(variable, value) {
        Some(message) => return Some(check.note(message, copy_again(variable))),
        None => Bilingual::new(format!("{name} is set, its form is valid"), format!("{name} 已设置，格式有效")),
    };
    Some(check.ok(message))
}

fn id(variable: Variable) -> &'static str {
    match variable {
        Variable::CorpId => "corp_id",
        Variable::Secret => "secret",
        Variable::BaseUrl => "base_url",
        Variable::OpenKfid => "open_kfid",
        Variable::CallbackToken => "callback_token",
        Variable::CallbackAesKey => "callback_aes_key",
        Variable::Listen => "listen",
        // A new variable of the client.
        _ => "variable",
    }
}

fn copy_again(variable: Variable) -> Bilingual {
    Bilingual::new(
        format!("Set it again: {}.", variable.place(Lang::En)),
        format!("重新设置：{}。", variable.place(Lang::Zh)),
    )
}

/// Returns the finding for a variable that is not set. Returns `None` if it is not needed.
fn missing(variable: Variable, settings: &Settings, check: Check) -> Option<Finding> {
    let name = variable.name();
    let not_set = Bilingual::new(format!("{name} is not set"), format!("{name} 未设置"));
    let get_it = Bilingual::new(
        format!("Get it: {}.", variable.place(Lang::En)),
        format!("获取：{}。", variable.place(Lang::Zh)),
    );
    let has_half = settings.has(Variable::CallbackToken) || settings.has(Variable::CallbackAesKey);
    let finding = match variable {
        // It is known from the first day, and everything needs it.
        Variable::CorpId => check.problem(not_set, get_it),
        Variable::CallbackToken | Variable::CallbackAesKey if has_half => check.problem(
            Bilingual::new(
                format!("{name} is not set, and the other half of the callback's settings is"),
                format!("{name} 未设置，而回调的另一项已设置"),
            ),
            get_it,
        ),
        Variable::Secret if !has_half => check.not_checked(
            not_set,
            Bilingual::new(
                format!(
                    "Set up the callback first: WeCom shows the secret after it has verified the URL. Then get it: {}.",
                    variable.place(Lang::En)
                ),
                format!(
                    "请先设置回调：企业微信验证 URL 之后才给出 secret。之后获取：{}。",
                    variable.place(Lang::Zh)
                ),
            ),
        ),
        Variable::Secret => check.not_checked(
            not_set,
            Bilingual::new(
                format!(
                    "Save the callback's settings in the admin console (check the URL with --callback URL before), then get it: {}.",
                    variable.place(Lang::En)
                ),
                format!("先在管理后台保存回调设置（可先用 --callback URL 检查），再获取：{}。", variable.place(Lang::Zh)),
            ),
        ),
        Variable::Listen if has_half => check.not_checked(not_set, get_it),
        Variable::CallbackToken | Variable::CallbackAesKey => check.not_checked(not_set, get_it),
        // With the secret, the ids to choose from are listed further down.
        Variable::OpenKfid if !settings.has(Variable::Secret) => check.not_checked(not_set, get_it),
        // WeCom itself is the default of the base URL; without callbacks nothing listens.
        _ => return None,
    };
    Some(finding)
}

/// Describes a value that has a valid form and an unusual beginning, for example because two values were swapped.
fn unusual(variable: Variable, value: &str) -> Option<Bilingual> {
    let name = variable.name();
    let (starts, starts_zh): (&[&str], _) = match variable {
        Variable::CorpId => (&["ww", "wx"], "ww 或 wx"),
        Variable::OpenKfid => (&["wk"], "wk"),
        _ => return None,
    };
    if starts.iter().any(|start| value.starts_with(start)) {
        return None;
    }
    Some(Bilingual::new(
        format!("{name} does not begin with {}, as such ids do", starts.join(" or ")),
        format!("{name} 不以 {starts_zh} 开头，与通常的 id 不同"),
    ))
}

/// Finds variables whose names look like settings, such as a misspelt one.
fn unknown_names() -> Option<Finding> {
    let check = Check::start("unknown_variables");
    let is_known = |name: &str| Variable::ALL.iter().any(|variable| variable.name() == name) || OTHERS.contains(&name);
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut unknown: Vec<String> = names.filter(|name| name.starts_with("WECOM_") && !is_known(name)).collect();
    if unknown.is_empty() {
        return None;
    }
    unknown.sort();
    let known = Variable::ALL.map(Variable::name).join(", ");
    Some(check.note(
        Bilingual::new(
            format!("no setting has the name {}", unknown.join(", ")),
            format!("没有名为 {} 的配置项", unknown.join("、")),
        ),
        Bilingual::new(
            format!("Correct a misspelt name. The names are {known}, {}.", profile::STORE),
            format!("若拼写有误请改正。配置项有 {known}, {}。", profile::STORE),
        ),
    ))
}
