//! The rights of the app at WeCom: the access token, the accounts it sees, and its rights on the bot's account.

use wecom_kf::{Account, Bilingual, Client, ErrCode, Error, RetryPolicy, Settings, Variable};

use super::finding::{Check, Findings};
use crate::failure::Failure;

/// Checks the token and the accounts. Asks for one token, once: WeCom locks the address out for an hour after 2,000
/// failed attempts in an hour. Returns the client if calls can be made with it.
pub(super) async fn check(settings: &Settings, findings: &mut Findings<'_>) -> Result<Option<Client>, Failure> {
    let check = Check::start("token");
    // Without repeats, a call whose token is refused does not fetch another one either.
    let built =
        settings.client_builder().and_then(|builder| builder.retry(RetryPolicy::default().max_attempts(1)).build());
    let client = match built {
        Ok(client) => client,
        Err(error) => return findings.add(check.failed(&error.into())).map(|()| None),
    };
    if let Err(error) = client.token().get().await {
        return refused(check, error, findings).map(|()| None);
    }
    findings.add(check.ok(Bilingual::fixed("WeCom issued an access token", "已取得 access_token")))?;
    let check = Check::start("accounts");
    match client.accounts().list().await {
        Ok(accounts) => of_accounts(&client, &accounts, settings, check, findings).await?,
        Err(error) => return refused(check, error, findings).map(|()| None),
    }
    Ok(Some(client))
}

/// Checks what the app may do with the accounts that it sees.
async fn of_accounts(
    client: &Client,
    accounts: &[Account],
    settings: &Settings,
    check: Check,
    findings: &mut Findings<'_>,
) -> Result<(), Failure> {
    if accounts.is_empty() {
        return findings.add(check.problem(
            Bilingual::fixed("the app sees no account", "应用看不到任何客服账号"),
            Bilingual::fixed(
                "Create an account under 微信客服, and give it to this app: 微信客服 › 可调用接口的应用, then 通过API管理微信客服账号.",
                "在「微信客服」中创建账号，并授权给该应用：「微信客服 › 可调用接口的应用」，再「通过API管理微信客服账号」。",
            ),
        ));
    }
    let count = accounts.len();
    let s = if count == 1 { "" } else { "s" };
    findings.add(
        check.ok(Bilingual::new(format!("the app sees {count} account{s}"), format!("应用可见 {count} 个客服账号"))),
    )?;
    api_management(accounts, findings)?;
    match settings.open_kfid() {
        Ok(open_kfid) if settings.has(Variable::OpenKfid) => {
            own_account(client, accounts, open_kfid.as_ref(), findings).await
        }
        _ => findings.add(Check::start("account").not_checked(
            Bilingual::new(
                format!("{} is not set, so the account of the bot is not known", Variable::OpenKfid.name()),
                format!("{} 未设置，不知道机器人服务哪个账号", Variable::OpenKfid.name()),
            ),
            Bilingual::new(
                format!("Set {} to one of {}.", Variable::OpenKfid.name(), ids(accounts)),
                format!("把 {} 设为 {} 之一。", Variable::OpenKfid.name(), ids(accounts)),
            ),
        )),
    }
}

/// Adds the finding for a refused call. For an address that is not trusted it names the address.
fn refused(check: Check, error: Error, findings: &mut Findings<'_>) -> Result<(), Failure> {
    let address = error.refusal().filter(|refusal| refusal.code == ErrCode::IP_NOT_TRUSTED);
    let finding = match address.and_then(|refusal| address_in(&refusal.errmsg)) {
        Some(address) => check.problem(
            Bilingual::new(
                format!("60020: WeCom does not trust the address {address}, from which this machine calls"),
                format!("60020：企业微信不信任本机的出口地址 {address}"),
            ),
            Bilingual::new(
                format!("Enter {address} in the admin console: 应用管理 › the app › 企业可信IP. Wait a minute, and run doctor again."),
                format!("在管理后台「应用管理 › 该应用 › 企业可信IP」中填入 {address}，约一分钟后重新运行 doctor。"),
            ),
        ),
        None => check.failed(&error.into()),
    };
    findings.add(finding)
}

/// Returns the address of the caller in WeCom's message: `…, from ip: 203.0.113.7, more info at …`.
fn address_in(errmsg: &str) -> Option<std::net::IpAddr> {
    let (_, rest) = errmsg.split_once("from ip:")?;
    rest.trim_start().split([',', ' ']).next()?.parse().ok()
}

fn ids(accounts: &[Account]) -> String {
    accounts.iter().map(|account| account.open_kfid.as_ref()).collect::<Vec<&str>>().join(", ")
}

/// Checks for each account whether the app may read and send its messages.
fn api_management(accounts: &[Account], findings: &mut Findings<'_>) -> Result<(), Failure> {
    let check = Check::start("api_management");
    let of = |privilege| accounts.iter().filter(move |account| account.manage_privilege == privilege).cloned();
    let (others, unknown): (Vec<_>, Vec<_>) = (of(Some(false)).collect(), of(None).collect());
    let remedy = Bilingual::fixed(
        "Have an admin add them: 微信客服 › 通过API管理微信客服账号.",
        "请管理员添加：微信客服 › 通过API管理微信客服账号。",
    );
    findings.add(if !others.is_empty() {
        let ids = ids(&others);
        check.note(Bilingual::new(format!("the app may not manage {ids}"), format!("应用不能管理 {ids}")), remedy)
    } else if !unknown.is_empty() {
        check.not_checked(
            Bilingual::fixed(
                "WeCom does not say which accounts the app may manage",
                "企业微信没有返回应用可管理哪些账号",
            ),
            Bilingual::fixed(
                "Look in the admin console: 微信客服 › 通过API管理微信客服账号.",
                "在管理后台查看：微信客服 › 通过API管理微信客服账号。",
            ),
        )
    } else {
        check.ok(Bilingual::fixed("the app may manage all of them", "应用可管理全部账号"))
    })
}

/// Checks the account that the bot serves, and who could take over its customers.
async fn own_account(
    client: &Client,
    accounts: &[Account],
    open_kfid: &str,
    findings: &mut Findings<'_>,
) -> Result<(), Failure> {
    let check = Check::start("account");
    let Some(account) = accounts.iter().find(|account| account.open_kfid == *open_kfid) else {
        return findings.add(check.problem(
            Bilingual::new(format!("the app does not see the account {open_kfid}"), format!("应用看不到账号 {open_kfid}")),
            Bilingual::new(
                format!("Set {} to one of {}, or have an admin give this account to the app: 微信客服 › 通过API管理微信客服账号.", Variable::OpenKfid.name(), ids(accounts)),
                format!("把 {} 设为 {} 之一，或请管理员把该账号授权给应用：微信客服 › 通过API管理微信客服账号。", Variable::OpenKfid.name(), ids(accounts)),
            ),
        ));
    };
    if account.manage_privilege == Some(false) {
        return findings.add(check.problem(
            Bilingual::new(
                format!("the app sees the account {open_kfid}, but may not manage it"),
                format!("应用可见账号 {open_kfid}，但不能管理它"),
            ),
            Bilingual::fixed(
                "Have an admin add the account: 微信客服 › 通过API管理微信客服账号.",
                "请管理员添加该账号：微信客服 › 通过API管理微信客服账号。",
            ),
        ));
    }
    findings.add(
        check.ok(Bilingual::new(format!("the app sees the account {open_kfid}"), format!("应用可见账号 {open_kfid}"))),
    )?;
    let check = Check::start("servicers");
    match client.servicers().list(open_kfid).await {
        Ok(list) if list.members.is_empty() && list.departments.is_empty() => findings.add(check.note(
            Bilingual::fixed(
                "nobody can take over from the bot: the account has no servicer",
                "没有人能接替机器人：该账号没有接待人员",
            ),
            Bilingual::fixed(
                "If people are to take over, add servicers: wecom-kf servicers add.",
                "若需人工接待，请添加接待人员：wecom-kf servicers add。",
            ),
        )),
        Ok(list) => {
            let (members, departments) = (list.members.len(), list.departments.len());
            let receiving = list.members.iter().filter(|member| member.is_receiving()).count();
            findings.add(check.ok(Bilingual::new(
                format!("the app may read the servicers: {members} members ({receiving} receive customers), {departments} departments"),
                format!("应用可读取接待人员：成员 {members} 人（接待中 {receiving} 人），部门 {departments} 个"),
            )))
        }
        Err(error) => refused(check, error, findings),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_the_errmsg() {
        let found = |errmsg| address_in(errmsg).map(|address| address.to_string());
        let errmsg = "not allow to access from your ip, hint: [17], from ip: 203.0.113.7, more info at https://x";
        assert_eq!(found(errmsg).as_deref(), Some("203.0.113.7"));
        assert_eq!(found("from ip: 2001:db8::1").as_deref(), Some("2001:db8::1"));
        assert_eq!(found("from ip: \u{1b}[31m"), None);
        assert_eq!(found("not allowed"), None);
    }
}
