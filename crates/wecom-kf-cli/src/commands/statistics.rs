//! `wecom-kf statistics`: the daily figures of accounts and servicers as table, CSV or chart.

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use indicatif::ProgressBar;
use serde::Serialize;
use wecom_kf::statistics::{AccountFigures, Date, Day, ServicerFigures, date_in_china};
use wecom_kf::{Bilingual, Client, Lang, OpenKfid, UserId};

use crate::app::App;
use crate::failure::{Exit, Failure, Problem};
use crate::out::{Column, column};
use crate::text::escaped;
use crate::time;

/// Shows the daily figures of accounts and servicers
///
/// Days are calendar days in China. WeCom keeps 180 days, and has the figures of a day after about 06:00 of the next one.
#[derive(Debug, Subcommand)]
pub(crate) enum Statistics {
    /// Shows the figures of an account, one row for each day
    Accounts {
        #[command(flatten)]
        days: Days,
        /// Shows each account that the app sees, instead of one
        #[arg(long, conflicts_with = "account")]
        all: bool,
        /// Draws a chart of this figure, by default of session_cnt
        #[arg(long, value_name = "FIGURE", num_args = 0..=1, default_missing_value = "session_cnt",
            conflicts_with = "csv", value_parser = names(ACCOUNT))]
        plot: Option<String>,
    },
    /// Shows the figures of the servicers of an account together, one row for each day
    ///
    /// A terminal shows the most important figures; a pipe, --csv and --json have all of them.
    Servicers {
        #[command(flatten)]
        days: Days,
        /// Shows this servicer alone; may be given several times
        #[arg(long, value_name = "USERID")]
        servicer: Vec<UserId>,
        /// Draws a chart of this figure, by default of session_cnt
        #[arg(long, value_name = "FIGURE", num_args = 0..=1, default_missing_value = "session_cnt",
            conflicts_with = "csv", value_parser = names(SERVICER))]
        plot: Option<String>,
    },
}

/// The days, and how they are printed.
#[derive(Debug, clap::Args)]
pub(crate) struct Days {
    /// The first day, such as 2026-11-20; by default six days before the last one
    #[arg(long, value_name = "DAY", value_parser = time::date)]
    from: Option<Date>,
    /// The last day; by default yesterday
    #[arg(long, value_name = "DAY", value_parser = time::date)]
    to: Option<Date>,
    /// Prints CSV with a header, for spreadsheets
    #[arg(long)]
    csv: bool,
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    (
        "statistics",
        "每日统计：客服账号、接待人员\n\n日期为中国的自然日。企业微信保留 180 天；某日的数据约在次日 6 点后才有。",
    ),
    ("statistics accounts", "显示客服账号的统计，每天一行"),
    ("statistics accounts.from", "第一天，例如 2026-11-20；默认为最后一天的前六天"),
    ("statistics accounts.to", "最后一天；默认昨天"),
    ("statistics accounts.csv", "输出带表头的 CSV，可用表格软件打开"),
    ("statistics accounts.all", "显示应用可见的每个客服账号，而不是一个"),
    ("statistics accounts.plot", "画出这一项的图，默认 session_cnt"),
    (
        "statistics servicers",
        "显示某客服账号全部接待人员合计的统计，每天一行\n\n终端中只显示主要指标；管道、--csv 和 --json 包含全部。",
    ),
    ("statistics servicers.from", "第一天，例如 2026-11-20；默认为最后一天的前六天"),
    ("statistics servicers.to", "最后一天；默认昨天"),
    ("statistics servicers.csv", "输出带表头的 CSV，可用表格软件打开"),
    ("statistics servicers.servicer", "只显示这个接待人员（userid）；可以多次使用"),
    ("statistics servicers.plot", "画出这一项的图，默认 session_cnt"),
];

/// A day of an account, or of a servicer there.
#[derive(Serialize)]
struct Row<T> {
    date: String,
    open_kfid: OpenKfid,
    #[serde(skip_serializing_if = "Option::is_none")]
    servicer_userid: Option<UserId>,
    #[serde(flatten)]
    day: Day<T>,
}

/// A figure: WeCom's name of it, its value, and how it is shown.
struct Figure<T> {
    name: &'static str,
    value: fn(&T) -> Option<f64>,
    column: fn() -> Column<Row<T>>,
}

/// Declares the figures of a row. Those that a terminal shows come first.
macro_rules! figures {
    ($list:ident: $figures:ident { $($kind:ident $name:ident $en:literal $zh:literal,)* }) => {
        const $list: &[Figure<$figures>] = &[$(Figure {
            name: stringify!($name),
            value: |figures| figures!(@value $kind figures.$name),
            column: || {
                let shown = |row: &Row<$figures>, _: Lang| {
                    let value = row.day.figures.as_ref().and_then(|figures| figures!(@value $kind figures.$name));
                    value.map_or_else(|| "-".to_owned(), figures!(@shown $kind))
                };
                column($en, $zh, shown).number()
            },
        }),*];
    };
    (@value counter $value:expr) => { Some($value as f64) };
    (@value $kind:ident $value:expr) => { $value };
    (@shown counter) => { |value: f64| value.to_string() };
    (@shown share) => { |value: f64| format!("{:.1}%", value * 100.0) };
    (@shown seconds) => { |value: f64| format!("{value:.0}s") };
}

/// The number of figures that fit on a terminal.
const SHOWN: usize = 8;

figures! { ACCOUNT: AccountFigures {
    counter session_cnt "SESSIONS" "会话",
    counter customer_cnt "CUSTOMERS" "客户",
    counter customer_msg_cnt "MESSAGES" "客户消息",
    counter ai_session_reply_cnt "BY API" "智能回复会话",
    share ai_transfer_rate "HANDED OVER" "转人工率",
    share ai_knowledge_hit_rate "KNOWLEDGE" "知识命中率",
    counter upgrade_service_customer_cnt "UPGRADED" "升级服务",
    counter msg_rejected_customer_cnt "REJECTED" "被拒收客户",
} }

figures! { SERVICER: ServicerFigures {
    counter session_cnt "SESSIONS" "会话",
    counter customer_cnt "CUSTOMERS" "客户",
    counter customer_msg_cnt "MESSAGES" "客户消息",
    share reply_rate "REPLIED" "回复率",
    seconds first_reply_average_sec "FIRST REPLY" "首次回复",
    share satisfied_rate "GOOD" "好评率",
    share dissatisfied_rate "BAD" "差评率",
    counter msg_rejected_customer_cnt "REJECTED" "被拒收客户",
    share middling_rate "MIDDLING" "中评率",
    counter satisfaction_investgate_cnt "ASKED TO RATE" "邀请评价",
    share satisfaction_participation_rate "RATED" "参评率",
    counter upgrade_service_customer_cnt "UPGRADED" "升级服务",
    counter upgrade_service_member_invite_cnt "MEMBERS OFFERED" "推荐专员",
    counter upgrade_service_member_customer_cnt "MEMBERS ADDED" "添加专员",
    counter upgrade_service_groupchat_invite_cnt "GROUPS OFFERED" "推荐客户群",
    counter upgrade_service_groupchat_customer_cnt "GROUPS JOINED" "加入客户群",
} }

fn names<T>(figures: &[Figure<T>]) -> PossibleValuesParser {
    PossibleValuesParser::new(figures.iter().map(|figure| figure.name))
}

/// How rows are printed.
struct Print<'a, T> {
    figures: &'a [Figure<T>],
    csv: bool,
    plot: Option<String>,
}

impl Statistics {
    pub(crate) async fn run(self, app: &App) -> Result<(), Failure> {
        let client = app.client()?;
        match self {
            Self::Accounts { days, all, plot } => {
                let accounts = if all { visible(&client).await? } else { vec![app.account()?] };
                let rows = of_accounts(app, &client, accounts, &days).await?;
                Print { figures: ACCOUNT, csv: days.csv, plot }.print(app, &rows)
            }
            Self::Servicers { days, servicer, plot } => {
                let rows = of_servicers(app, &client, servicer, &days).await?;
                Print { figures: SERVICER, csv: days.csv, plot }.print(app, &rows)
            }
        }
    }
}

async fn visible(client: &Client) -> Result<Vec<OpenKfid>, Failure> {
    Ok(client.accounts().list().await?.into_iter().map(|account| account.open_kfid).collect())
}

async fn of_accounts(
    app: &App,
    client: &Client,
    accounts: Vec<OpenKfid>,
    days: &Days,
) -> Result<Vec<Row<AccountFigures>>, Failure> {
    let days = days.range()?;
    let bar = progress(app, accounts.len(), &Bilingual::fixed("accounts", "客服账号"));
    let mut rows = Vec::new();
    for open_kfid in accounts {
        let of_account = client.statistics().account(&open_kfid, days.clone()).await?;
        rows.extend(of_account.into_iter().map(|day| Row::new(&open_kfid, None, day)));
        bar.inc(1);
    }
    Ok(rows)
}

async fn of_servicers(
    app: &App,
    client: &Client,
    servicers: Vec<UserId>,
    days: &Days,
) -> Result<Vec<Row<ServicerFigures>>, Failure> {
    let (open_kfid, days) = (app.account()?, days.range()?);
    let statistics = || client.statistics().servicers(&open_kfid, days.clone());
    if servicers.is_empty() {
        return Ok(statistics().await?.into_iter().map(|day| Row::new(&open_kfid, None, day)).collect());
    }
    let bar = progress(app, servicers.len(), &Bilingual::fixed("servicers", "接待人员"));
    let mut rows = Vec::new();
    for userid in servicers {
        let of_servicer = statistics().servicer(&userid).await?;
        rows.extend(of_servicer.into_iter().map(|day| Row::new(&open_kfid, Some(&userid), day)));
        bar.inc(1);
    }
    Ok(rows)
}

/// Returns a progress bar, which is hidden for a single call.
fn progress(app: &App, calls: usize, what: &Bilingual) -> ProgressBar {
    match calls {
        1 => ProgressBar::hidden(),
        calls => app.out.progress(Some(calls as u64), what),
    }
}

impl Days {
    fn range(&self) -> Result<std::ops::RangeInclusive<Date>, Failure> {
        let to = self.to.or_else(|| date_in_china(time::now().as_second()).yesterday().ok()).unwrap_or(Date::MAX);
        let from = self.from.unwrap_or_else(|| to.saturating_sub(jiff::Span::new().days(6)));
        if from > to {
            return Err(Problem::new(
                Bilingual::new(format!("{from} is after {to}"), format!("{from} 晚于 {to}")),
                ("Give a first day with --from that is not after that of --to.", "--from 不得晚于 --to。"),
            )
            .exit(Exit::Usage)
            .into());
        }
        Ok(from..=to)
    }
}

impl<T> Row<T> {
    fn new(open_kfid: &OpenKfid, servicer_userid: Option<&UserId>, day: Day<T>) -> Self {
        let (date, open_kfid) = (day.date.to_string(), open_kfid.clone());
        Self { date, open_kfid, servicer_userid: servicer_userid.cloned(), day }
    }

    /// Returns whose figures these are.
    fn owner(&self) -> String {
        let servicer = self.servicer_userid.as_ref().map(|userid| format!(" {userid}")).unwrap_or_default();
        format!("{}{servicer}", self.open_kfid)
    }

    fn value(&self, figure: &Figure<T>) -> Option<f64> {
        self.day.figures.as_ref().and_then(figure.value)
    }
}

impl<T: Serialize> Print<'_, T> {
    fn print(&self, app: &App, rows: &[Row<T>]) -> Result<(), Failure> {
        match &self.plot {
            Some(name) if !app.out.is_json() => {
                self.figures
                    .iter()
                    .filter(|figure| figure.name == name)
                    .try_for_each(|figure| plot(app, rows, figure))?;
            }
            _ if self.csv => app.out.line(self.csv(rows)?.trim_end())?,
            _ => app.out.list(&self.columns(app, rows), rows, &NONE)?,
        }
        if rows.iter().all(|row| row.day.figures.is_none()) {
            app.out.note(&NONE);
        }
        Ok(())
    }

    /// Returns the columns: on a terminal the most important ones.
    fn columns(&self, app: &App, rows: &[Row<T>]) -> Vec<Column<Row<T>>> {
        let is_table = app.out.is_table();
        let has_several = |owner: fn(&Row<T>) -> String| rows.iter().any(|row| owner(row) != owner(&rows[0]));
        let mut columns = vec![column("DAY", "日期", |row: &Row<T>, _| row.date.clone())];
        if !is_table || has_several(|row| row.open_kfid.to_string()) {
            columns.push(column("OPEN_KFID", "OPEN_KFID", |row, _| row.open_kfid.to_string()));
        }
        if rows.iter().any(|row| row.servicer_userid.is_some()) {
            columns.push(column("SERVICER", "接待人员", |row, _| {
                row.servicer_userid.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)
            }));
        }
        let shown = if is_table { SHOWN } else { self.figures.len() };
        columns.extend(self.figures.iter().take(shown).map(|figure| (figure.column)()));
        columns
    }

    /// Returns all figures under WeCom's names. A figure that WeCom does not have is empty.
    fn csv(&self, rows: &[Row<T>]) -> Result<String, Failure> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        let names = self.figures.iter().map(|figure| figure.name);
        csv.write_record(["date", "open_kfid", "servicer_userid"].into_iter().chain(names))?;
        for row in rows {
            let servicer = row.servicer_userid.as_ref().map(ToString::to_string).unwrap_or_default();
            let owner = [row.date.clone(), escaped(row.open_kfid.as_str()), escaped(&servicer)];
            let figures = self.figures.iter().map(|figure| row.value(figure));
            let figures = figures.map(|value| value.map(|value| value.to_string()).unwrap_or_default());
            csv.write_record(owner.into_iter().chain(figures))?;
        }
        Ok(String::from_utf8(csv.into_inner().map_err(csv::IntoInnerError::into_error)?)?)
    }
}

const NONE: Bilingual = Bilingual::fixed(
    "WeCom has no figures for these days: nothing happened, or it is before 06:00 in China",
    "企业微信没有这些天的数据：没有会话，或者（中国时间）6 点前尚未生成",
);

/// The width of the longest bar, in characters.
const WIDTH: f64 = 50.0;

/// Draws a bar for each day, with a heading for each account or servicer.
fn plot<T>(app: &App, rows: &[Row<T>], figure: &Figure<T>) -> Result<(), Failure> {
    let values = rows.iter().filter_map(|row| row.value(figure));
    let most = values.fold(0.0, f64::max);
    let mut owner = None;
    for row in rows {
        if owner.as_ref() != Some(&row.owner()) {
            owner = Some(row.owner());
            app.out.line(&format!("{} {}", figure.name, escaped(&row.owner())))?;
        }
        let shown = match row.value(figure) {
            Some(value) => [bar(value / most), row_value(row, figure, app)].join(" "),
            None => "-".to_owned(),
        };
        app.out.line(&format!("{} {}", row.date, shown.trim_start()))?;
    }
    Ok(())
}

fn row_value<T>(row: &Row<T>, figure: &Figure<T>, app: &App) -> String {
    (figure.column)().cell(row, app.lang())
}

/// Returns a bar whose length is this share of the width, in steps of an eighth of a character.
fn bar(share: f64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    // A share is from 0 to 1, or not a number if all values are 0.
    let eighths = (share * WIDTH * 8.0).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), PARTS[eighths % 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_of_the_library_is_a_figure() {
        fn missing<T: Default + Serialize>(figures: &[Figure<T>]) -> Vec<String> {
            let counters = serde_json::to_value(T::default()).unwrap();
            let names = counters.as_object().unwrap().keys();
            names.filter(|name| figures.iter().all(|figure| figure.name != *name)).cloned().collect()
        }
        assert_eq!(missing(ACCOUNT), [""; 0]);
        assert_eq!(missing(SERVICER), [""; 0]);
    }

    #[test]
    fn bars_are_as_long_as_their_values() {
        assert_eq!((bar(0.0), bar(f64::NAN), bar(0.01)), (String::new(), String::new(), "▌".to_owned()));
        assert_eq!((bar(1.0).chars().count(), bar(0.5)), (50, "█".repeat(25)));
    }
}
