//! `spec/simulator/assumptions.yaml`: the rules of WeCom that the simulator follows, and which of them can be switched off.

use anyhow::Result;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde::Deserialize;
use serde_json::json;

use super::rows::{Lists, Source, Status, cell, source_text, status, variant, words};
use crate::errcodes::Text;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Area {
    id: String,
    title: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Assumption {
    id: String,
    area: String,
    status: Status,
    source: Vec<Source>,
    rule: Text,
    otherwise: Option<Text>,
}

pub struct Assumptions {
    areas: Vec<Area>,
    assumptions: Vec<Assumption>,
}

pub fn read(text: &str) -> Result<Assumptions> {
    let mut lists = Lists::read(super::ASSUMPTIONS, text, &["areas", "assumptions"])?;
    let areas: Vec<(String, Area)> = lists.rows("areas");
    let assumptions: Vec<(String, Assumption)> = lists.rows("assumptions");
    for (place, area) in &areas {
        lists.check_text(&format!("{place}.title"), &area.title);
        if !assumptions.iter().any(|(_, assumption)| assumption.area == area.id) {
            lists.problems.add(place, "has no assumption; drop the area, or correct the `area` of its assumptions");
        }
    }
    for (place, assumption) in &assumptions {
        if !areas.iter().any(|(_, area)| area.id == assumption.area) {
            let known: Vec<_> = areas.iter().map(|(_, area)| area.id.as_str()).collect();
            let known = known.join(", ");
            lists.problems.add(&format!("{place}.area"), format!("is {:?}; use one of {known}", assumption.area));
        }
        lists.check_source(place, &assumption.source);
        lists.check_text(&format!("{place}.rule"), &assumption.rule);
        if let Some(otherwise) = &assumption.otherwise {
            lists.check_text(&format!("{place}.otherwise"), otherwise);
        }
    }
    lists.finish()?;
    Ok(Assumptions {
        areas: areas.into_iter().map(|(_, row)| row).collect(),
        assumptions: assumptions.into_iter().map(|(_, row)| row).collect(),
    })
}

/// Returns the enum of the assumptions that can be switched off, a constant for each of the others, and the table of all.
pub fn rust(list: &Assumptions) -> TokenStream {
    let all = &list.assumptions;
    let switchable = || all.iter().filter(|assumption| assumption.otherwise.is_some());
    let names: Vec<_> = switchable().map(|assumption| variant(&assumption.id)).collect();
    let docs = switchable().map(|assumption| format!(" {}", assumption.rule.en));
    let fixed = all.iter().filter(|assumption| assumption.otherwise.is_none());
    let constants = fixed.map(|assumption| {
        let (name, id) = (format_ident!("{}", assumption.id), &assumption.id);
        quote!(pub(crate) const #name: &str = #id;)
    });
    let rows = all.iter().map(|assumption| {
        let Assumption { id, area, rule, .. } = assumption;
        let (status, source, rule) = (status(assumption.status), words(&source_text(&assumption.source)), words(rule));
        let switch = match &assumption.otherwise {
            None => quote!(None),
            Some(otherwise) => {
                let (name, otherwise) = (variant(id), words(otherwise));
                quote!(Some((Assumption::#name, #otherwise)))
            }
        };
        quote!(RuleRow { id: #id, area: #area, status: #status, source: #source, rule: #rule, switch: #switch })
    });
    let count = all.len();
    quote! {
        use crate::lists::{RuleRow, Status, Words};

        /// A rule of WeCom that can be switched off.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Assumption {
            #(#[doc = #docs] #names,)*
        }

        /// The other rules, for `rule!`.
        #[allow(non_upper_case_globals, reason = "the names are the ids")]
        pub(crate) mod rules {
            #(#constants)*
        }

        /// All rules.
        pub(crate) static RULES: [RuleRow; #count] = [#(#rows),*];
    }
}

/// Returns what the console needs: the titles of the areas.
pub fn console(list: &Assumptions) -> String {
    let mut text = String::from("\n/** The areas of the assumptions, in their order. */\nexport const AREAS = [\n");
    for Area { id, title } in &list.areas {
        text.push_str(&format!("  {},\n", json!({ "id": id, "title": title })));
    }
    text + "];\n"
}

/// What a page of the assumptions says around its tables, in one language.
struct Words {
    title: &'static str,
    intro: &'static str,
    switchable: &'static str,
    switchable_head: &'static str,
    head: &'static str,
    statuses: [&'static str; 3],
    pick: fn(&Text) -> &str,
}

const ENGLISH: Words = Words {
    title: "What the simulator assumes",
    intro: "[中文](assumptions.zh-CN.md)

Each rule of WeCom that the simulator follows, with its source. Numbers are pages of developer.work.weixin.qq.com. A rule is
**documented** if an official page says so, **reported** if others observed it, and **assumed** if it is our reading.
`GET /sim/v1/assumptions` returns the same rules, and says which hold now.",
    switchable: "## Can be switched off

Sources disagree on these rules, or only one has them. A test can switch a rule off, to see whether a bot copes with the other
behaviour: `Builder::disable_assumption(id)`, `--disable-assumption ID`, or `PUT /sim/v1/assumptions/{id}` with
`{\"holds\": false}`.",
    switchable_head: "| id | rule | if it is switched off | status | source |",
    head: "| id | rule | status | source |",
    statuses: ["documented", "reported", "assumed"],
    pick: |text| &text.en,
};

const CHINESE: Words = Words {
    title: "模拟器的假设",
    intro: "[English](assumptions.md)

模拟器遵循的每一条企业微信规则及其来源。数字为 developer.work.weixin.qq.com 的页面编号。**有文档**：官方页面有说明；**有报告**：他人
观察到；**推测**：我们的理解。`GET /sim/v1/assumptions` 返回相同的规则，以及目前哪些成立。",
    switchable: "## 可以关闭

关于这些规则，各处资料不一致，或只有一处资料。测试可以关闭某条规则，看机器人能否应对另一种行为：`Builder::disable_assumption(id)`、
`--disable-assumption ID`，或 `PUT /sim/v1/assumptions/{id}`，内容为 `{\"holds\": false}`。",
    switchable_head: "| id | 规则 | 关闭后 | 状态 | 来源 |",
    head: "| id | 规则 | 状态 | 来源 |",
    statuses: ["有文档", "有报告", "推测"],
    pick: |text| &text.zh,
};

/// Returns the page in English and the one in Chinese.
pub fn pages(list: &Assumptions, header: &str) -> [String; 2] {
    [ENGLISH, CHINESE].map(|words| page(list, header, &words))
}

fn page(list: &Assumptions, header: &str, words: &Words) -> String {
    let Words { title, intro, switchable, switchable_head, head, pick, .. } = words;
    let mut page = format!("<!-- {header} -->\n# {title}\n\n{intro}\n\n{switchable}\n\n");
    page.push_str(&format!("{switchable_head}\n|---|---|---|---|---|\n"));
    let end = |assumption: &Assumption| {
        let status = words.statuses[assumption.status as usize];
        format!("{status} | {} |\n", cell(pick(&source_text(&assumption.source))))
    };
    for assumption in &list.assumptions {
        if let Some(otherwise) = &assumption.otherwise {
            let (rule, otherwise) = (cell(pick(&assumption.rule)), cell(pick(otherwise)));
            page.push_str(&format!("| `{}` | {rule} | {otherwise} | {}", assumption.id, end(assumption)));
        }
    }
    for area in &list.areas {
        let fixed = |assumption: &&Assumption| assumption.area == area.id && assumption.otherwise.is_none();
        let mut rows = list.assumptions.iter().filter(fixed).peekable();
        if rows.peek().is_some() {
            page.push_str(&format!("\n## {}\n\n{head}\n|---|---|---|---|\n", pick(&area.title)));
        }
        for assumption in rows {
            page.push_str(&format!("| `{}` | {} | {}", assumption.id, cell(pick(&assumption.rule)), end(assumption)));
        }
    }
    page
}
