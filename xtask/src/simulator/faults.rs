//! `spec/simulator/faults.yaml`: the faults that the simulator injects, and the console's switches for them.

use std::collections::BTreeMap;

use anyhow::Result;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::blocks::Blocks;
use super::rows::{Lists, cell, is_word, variant};
use crate::errcodes::Text;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    id: String,
    on: On,
    #[serde(default)]
    operations: Vec<String>,
    #[serde(default)]
    reply_lost: bool,
    value: Option<FaultValue>,
    title: Text,
    text: Text,
}

/// What a fault can affect.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum On {
    Calls,
    Callbacks,
    Both,
}

/// What a fault needs to be told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultValue {
    member: String,
    #[serde(rename = "type")]
    kind: Kind,
    default: Option<String>,
    max: Option<String>,
    example: String,
    label: Text,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Errcode,
    Status,
    Text,
    Header,
    Integer,
    Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    id: String,
    fault: Map<String, Value>,
    title: Text,
}

pub struct Faults {
    faults: Vec<Fault>,
    switches: Vec<Switch>,
}

pub fn read(text: &str, operations: &[String]) -> Result<Faults> {
    let mut lists = Lists::read(super::FAULTS, text, &["faults", "switches"])?;
    let faults: Vec<(String, Fault)> = lists.rows("faults");
    let switches: Vec<(String, Switch)> = lists.rows("switches");
    let mut members: BTreeMap<&str, Kind> = BTreeMap::new();
    for (place, fault) in &faults {
        lists.check_text(&format!("{place}.title"), &fault.title);
        lists.check_text(&format!("{place}.text"), &fault.text);
        for operation in fault.operations.iter().filter(|operation| !operations.contains(operation)) {
            let place = format!("{place}.operations");
            lists
                .problems
                .add(&place, format!("names {operation}, which spec/wecom-kf.yaml does not have; correct it"));
        }
        if fault.on != On::Calls && (fault.reply_lost || !fault.operations.is_empty()) {
            lists.problems.add(place, "is not for calls only, so drop `reply_lost` and `operations`");
        }
        let Some(value) = &fault.value else { continue };
        let place = format!("{place}.value");
        lists.check_text(&format!("{place}.label"), &value.label);
        if RESERVED.contains(&value.member.as_str()) || !is_word(&value.member) {
            lists.problems.add(&place, format!("cannot have the member {:?}; choose another name", value.member));
        }
        if *members.entry(&value.member).or_insert(value.kind) != value.kind {
            lists
                .problems
                .add(&place, format!("gives {} another type than an earlier fault; use one type", value.member));
        }
        let has_max = value.max.is_some();
        if has_max && value.kind != Kind::Duration {
            lists.problems.add(&place, "has a `max`, which only durations have; drop it");
        }
        for (key, text) in [("default", &value.default), ("max", &value.max), ("example", &Some(value.example.clone()))]
        {
            if let Some(text) = text
                && let Err(why) = value.kind.parse(text)
            {
                lists.problems.add(&format!("{place}.{key}"), why);
            }
        }
        if value.default.is_some() && !matches!(value.kind, Kind::Integer | Kind::Duration) {
            lists.problems.add(&place, "has a `default`, which only integers and durations may have; drop it");
        }
    }
    for (place, switch) in &switches {
        lists.check_text(&format!("{place}.title"), &switch.title);
        let effect = switch.fault.get("effect").and_then(Value::as_str).unwrap_or_default();
        let Some((_, fault)) = faults.iter().find(|(_, fault)| fault.id == effect) else {
            lists.problems.add(&format!("{place}.fault"), format!("has the effect {effect:?}; name one of `faults`"));
            continue;
        };
        let member = fault.value.as_ref().map(|value| value.member.as_str());
        for key in switch.fault.keys().filter(|key| !RESERVED.contains(&key.as_str()) && Some(key.as_str()) != member) {
            lists
                .problems
                .add(&format!("{place}.fault.{key}"), format!("is no member of the effect {effect}; drop it"));
        }
    }
    lists.finish()?;
    Ok(Faults {
        faults: faults.into_iter().map(|(_, row)| row).collect(),
        switches: switches.into_iter().map(|(_, row)| row).collect(),
    })
}

/// The members that each fault has in the control API.
const RESERVED: [&str; 6] = ["operation", "effect", "times", "always", "probability", "label"];

impl Kind {
    /// Returns the value as a literal of Rust, or what is wrong with it.
    fn parse(self, text: &str) -> Result<TokenStream, String> {
        match self {
            Self::Errcode => {
                text.parse::<i32>().map(|code| quote!(#code)).map_err(|_| format!("{text:?} is not a number"))
            }
            Self::Integer => {
                text.parse::<i64>().map(|value| quote!(#value)).map_err(|_| format!("{text:?} is not a number"))
            }
            Self::Status => match text.parse::<u16>() {
                Ok(status) if (200..=999).contains(&status) => Ok(quote!(#status)),
                _ => Err(format!("{text:?} is not a status from 200 to 999")),
            },
            Self::Text | Self::Header => Ok(quote!(#text)),
            Self::Duration => {
                let millis =
                    millis(text).ok_or_else(|| format!("{text:?} is not a duration such as 250ms, 2s or 10m"))?;
                Ok(quote!(Duration::from_millis(#millis)))
            }
        }
    }

    fn rust_type(self) -> TokenStream {
        match self {
            Self::Errcode => quote!(i32),
            Self::Status => quote!(u16),
            Self::Text | Self::Header => quote!(String),
            Self::Integer => quote!(i64),
            Self::Duration => quote!(Duration),
        }
    }
}

fn millis(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Returns the enum of effects and their table.
pub fn rust(list: &Faults) -> TokenStream {
    let faults = &list.faults;
    let variants = faults.iter().map(|fault| {
        let (name, docs) = (variant(&fault.id), format!(" {}", fault.text.en));
        let value = fault.value.as_ref().map(|value| value.kind.rust_type()).map(|of| quote!((#of)));
        quote!(#[doc = #docs] #name #value)
    });
    let indexes = faults.iter().enumerate().map(|(index, fault)| {
        let (name, value) = (variant(&fault.id), fault.value.as_ref().map(|_| quote!((_))));
        quote!(Self::#name #value => #index)
    });
    let shown = faults.iter().map(|fault| {
        let (name, id) = (variant(&fault.id), &fault.id);
        match fault.value.as_ref().map(|value| value.kind) {
            None => quote!(Self::#name => f.write_str(#id)),
            // A text may be long.
            Some(Kind::Text) => quote!(Self::#name(_) => f.write_str(#id)),
            Some(kind) => {
                let format =
                    if kind == Kind::Duration { format!("{id} {{value:?}}") } else { format!("{id} {{value}}") };
                quote!(Self::#name(value) => write!(f, #format))
            }
        }
    });
    let rows = faults.iter().map(row);
    let count = faults.len();
    quote! {
        use std::fmt;
        use std::time::Duration;

        use serde::{Deserialize, Serialize};

        use crate::lists::{EffectRow, Make, On};

        /// What a fault does to a call, or to a callback.
        #[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
        pub(crate) enum Effect {
            #(#variants,)*
        }

        impl Effect {
            pub(crate) fn row(&self) -> &'static EffectRow {
                &EFFECTS[match self { #(#indexes,)* }]
            }
        }

        /// Prints the name, and the value unless it is a text of any length.
        impl fmt::Display for Effect {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { #(#shown,)* }
            }
        }

        /// All effects.
        pub(crate) static EFFECTS: [EffectRow; #count] = [#(#rows),*];
    }
}

fn row(fault: &Fault) -> TokenStream {
    let Fault { id, operations, reply_lost, .. } = fault;
    let name = variant(id);
    let on = match fault.on {
        On::Calls => quote!(On::Calls),
        On::Callbacks => quote!(On::Callbacks),
        On::Both => quote!(On::Both),
    };
    let member = fault.value.as_ref().map(|value| &value.member);
    let member = member.map_or(quote!(None), |member| quote!(Some(#member)));
    let make = match &fault.value {
        None => quote!(Make::Plain(|| Effect::#name)),
        Some(value) => {
            let literal = |text: &Option<String>| match text.as_ref().and_then(|text| value.kind.parse(text).ok()) {
                Some(literal) => quote!(Some(#literal)),
                None => quote!(None),
            };
            let (default, max) = (literal(&value.default), literal(&value.max));
            match value.kind {
                Kind::Errcode => quote!(Make::Errcode(Effect::#name)),
                Kind::Status => quote!(Make::Status(Effect::#name)),
                Kind::Text => quote!(Make::Text(Effect::#name)),
                Kind::Header => quote!(Make::Header(Effect::#name)),
                Kind::Integer => quote!(Make::Integer { make: Effect::#name, default: #default }),
                Kind::Duration => quote!(Make::Duration { make: Effect::#name, default: #default, max: #max }),
            }
        }
    };
    quote! {
        EffectRow { id: #id, on: #on, operations: &[#(#operations),*], is_reply_lost: #reply_lost, member: #member, make: #make }
    }
}

/// Returns the methods of the handles in Rust that install a fault.
pub fn verbs(list: &Faults) -> TokenStream {
    let on = |calls: bool| {
        let wanted = if calls { On::Calls } else { On::Callbacks };
        list.faults.iter().filter(move |fault| fault.on == wanted || fault.on == On::Both).map(verb)
    };
    let (calls, callbacks) = (on(true), on(false));
    quote! {
        use std::time::Duration;

        use super::{CallbackFaultAt, Fault, FaultAt};
        use crate::lists::Effect;

        impl FaultAt<'_> {
            #(#calls)*
        }

        impl CallbackFaultAt<'_> {
            #(#callbacks)*
        }
    }
}

fn verb(fault: &Fault) -> TokenStream {
    let (method, name) = (format_ident!("{}", fault.id), variant(&fault.id));
    let mut docs = vec![format!(" {}", fault.text.en)];
    docs.extend(fault.value.iter().flat_map(|value| match value.kind {
        Kind::Status => {
            [String::new(), " A number that is no HTTP status (100 to 999) becomes 500.".to_owned()].to_vec()
        }
        Kind::Header => [String::new(), " A text that no header can have becomes `text/plain`.".to_owned()].to_vec(),
        _ => Vec::new(),
    }));
    let (parameter, effect) = match &fault.value {
        None => (quote!(), quote!(Effect::#name)),
        Some(value) => {
            let member = format_ident!("{}", value.member);
            match value.kind {
                Kind::Text | Kind::Header => {
                    (quote!(#member: impl Into<String>), quote!(Effect::#name(#member.into())))
                }
                kind => {
                    let of = kind.rust_type();
                    (quote!(#member: #of), quote!(Effect::#name(#member)))
                }
            }
        }
    };
    quote! {
        #(#[doc = #docs])*
        pub fn #method(self, #parameter) -> Fault {
            self.install(#effect)
        }
    }
}

/// Returns the module of the console.
pub fn console(list: &Faults) -> String {
    let mut text = String::from("\n/** What faults do, in the order of the form. */\nexport const EFFECTS = [\n");
    for fault in &list.faults {
        let on = |wanted| fault.on == wanted || fault.on == On::Both;
        let value = fault.value.as_ref().map(|value| {
            let is_number = matches!(value.kind, Kind::Errcode | Kind::Status | Kind::Integer);
            json!({ "member": value.member, "sample": value.example, "isNumber": is_number, "label": value.label })
        });
        let row = json!({
            "id": fault.id,
            "onCalls": on(On::Calls),
            "onCallbacks": on(On::Callbacks),
            "value": value,
            "title": fault.title,
        });
        text.push_str(&format!("  {row},\n"));
    }
    text.push_str("];\n\n/** Faults that are often needed: a switch each. */\nexport const SWITCHES = [\n");
    for Switch { id, fault, title } in &list.switches {
        text.push_str(&format!("  {},\n", json!({ "id": id, "fault": fault, "title": title })));
    }
    text.push_str("];\n");
    text
}

pub fn blocks(list: &Faults, blocks: &mut Blocks) {
    blocks.add("faults of calls en", table(list, On::Calls, "| effect on a call | what happens |", |text| &text.en));
    blocks.add(
        "faults of callbacks en",
        table(list, On::Callbacks, "| effect on a callback | what happens |", |text| &text.en),
    );
    let mut text = String::from("type: string\ndescription: |-\n");
    for fault in &list.faults {
        let on = match fault.on {
            On::Calls => "calls",
            On::Callbacks => "callbacks",
            On::Both => "calls and callbacks",
        };
        let value = fault.value.as_ref().map(|value| format!(" Its value is `{}`.", value.member)).unwrap_or_default();
        text.push_str(&format!("  - `{}`, on {on}: {}{value}\n", fault.id, fault.text.en));
    }
    text.push_str("enum:\n");
    list.faults.iter().for_each(|fault| text.push_str(&format!("  - {}\n", fault.id)));
    blocks.add("FaultEffect", text);
    blocks.add("values of faults", members(list));
}

fn table(list: &Faults, on: On, head: &str, words: fn(&Text) -> &str) -> String {
    let faults = list.faults.iter().filter(|fault| fault.on == on || fault.on == On::Both);
    let rows = faults.map(|fault| {
        let value = fault.value.as_ref().map(|value| format!(" (`{}`)", value.member)).unwrap_or_default();
        format!("| `{}`{value} | {} |\n", fault.id, cell(words(&fault.text)))
    });
    format!("{head}\n|---|---|\n{}", rows.collect::<String>())
}

/// Returns the properties of `NewFault` for the values, each once.
fn members(list: &Faults) -> String {
    let mut text = String::new();
    let mut written = Vec::new();
    for value in list.faults.iter().filter_map(|fault| fault.value.as_ref()) {
        if written.contains(&&value.member) {
            continue;
        }
        written.push(&value.member);
        let is_number = matches!(value.kind, Kind::Errcode | Kind::Status | Kind::Integer);
        let literal = |text: &str| if is_number { text.to_owned() } else { json!(text).to_string() };
        let mut keys = vec![format!("type: {}", if is_number { "integer" } else { "string" })];
        if value.kind == Kind::Status {
            keys.push("minimum: 200, maximum: 999".to_owned());
        }
        keys.extend(value.default.as_ref().map(|default| format!("default: {}", literal(default))));
        keys.extend(value.max.as_ref().map(|max| format!("description: \"At most {max}.\"")));
        keys.push(format!("example: {}", literal(&value.example)));
        text.push_str(&format!("{}: {{ {} }}\n", value.member, keys.join(", ")));
    }
    text
}
