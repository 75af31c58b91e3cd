//! Menu links: links inside a text that send a text when the customer taps them, and how they are escaped.

use std::fmt::{self, Write as _};

use crate::{Bilingual, Error, MenuId, input};

/// A link inside a text. When the customer taps it, WeChat sends a text with a menu id on the customer's behalf, like a
/// click item of a menu.
///
/// Format it into the text of a message. The label, the text and the id may contain any characters; they are escaped.
///
/// ```
/// use wecom_kf::messages::{MenuLink, Text};
///
/// let refund = MenuLink::new("申请退款", "我要退款", "refund");
/// let text = Text::new(format!("请选择：\n{refund}"));
/// assert_eq!(
///     refund.to_string(),
///     r#"<a href="weixin://kefumenu?kefumenucontent=我要退款&kefumenuid=refund">申请退款</a>"#
/// );
/// ```
///
/// A tap arrives as a text message with this text, and with the id as its
/// [`menu_id`](crate::messages::content::TextContent::menu_id). All characters of the formatted link count towards the 2048 bytes
/// of a text.
///
/// WeCom does not document these links. Bots use them, and WeChat for Android supports them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MenuLink {
    label: String,
    content: String,
    id: MenuId,
}

/// Hides the content, because it is part of the conversation with the customer.
impl fmt::Debug for MenuLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MenuLink").finish_non_exhaustive()
    }
}

impl MenuLink {
    /// Creates a link that shows `label`, and sends `content` with the menu id `id` when it is tapped.
    ///
    /// None of them may be empty: WeChat does nothing when such a link is tapped. A text with such a link is refused when
    /// it is sent.
    pub fn new(label: impl Into<String>, content: impl Into<String>, id: impl Into<MenuId>) -> Self {
        Self { label: label.into(), content: content.into(), id: id.into() }
    }

    /// Checks the link without sending it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: the label, the content or the id is empty.
    pub fn check(&self) -> Result<(), Error> {
        check_parts([&self.label, &self.content, self.id.as_str()])
    }
}

/// Checks the links of [`MenuLink`] that were formatted into `text`. Links of another form are not ours to judge.
pub(super) fn check_in(text: &str) -> Result<(), Error> {
    // Most texts have no link, and preparing the search for a long beginning costs more than looking for one character.
    if !text.contains('<') {
        return Ok(());
    }
    text.split(LINK_START).skip(1).filter_map(parts).try_for_each(check_parts)
}

/// Returns the label, the content and the id of a formatted link, whose start is already cut off.
fn parts(link: &str) -> Option<[&str; 3]> {
    let (query, rest) = link.split_once(LINK_BEFORE_LABEL)?;
    let (content, id) = query.split_once(LINK_BEFORE_ID)?;
    let (label, _) = rest.split_once(LINK_END)?;
    Some([label, content, id])
}

/// Checks the parts of a link, formatted or not: an empty part stays empty when it is formatted.
fn check_parts([label, content, id]: [&str; 3]) -> Result<(), Error> {
    input::not_empty(Bilingual::fixed("label of the menu link", "菜单链接的文字"), label)?;
    input::not_empty(Bilingual::fixed("text of the menu link", "菜单链接的发送内容"), content)?;
    input::not_empty(Bilingual::fixed("id of the menu link", "菜单链接的编号"), id)
}

const LINK_START: &str = r#"<a href="weixin://kefumenu?kefumenucontent="#;
const LINK_BEFORE_ID: &str = "&kefumenuid=";
const LINK_BEFORE_LABEL: &str = r#"">"#;
const LINK_END: &str = "</a>";

impl fmt::Display for MenuLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(LINK_START)?;
        write_parameter(f, &self.content)?;
        f.write_str(LINK_BEFORE_ID)?;
        write_parameter(f, self.id.as_str())?;
        f.write_str(LINK_BEFORE_LABEL)?;
        write_label(f, &self.label)?;
        f.write_str(LINK_END)
    }
}

/// Percent-encodes the characters that could end the parameter or the attribute. Chinese characters stay unencoded, as in
/// the links of production bots, because encoding would triple their length.
fn write_parameter(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut bytes = [0; 4];
    for character in text.chars() {
        if is_plain(character) {
            f.write_char(character)?;
        } else {
            character.encode_utf8(&mut bytes).bytes().try_for_each(|byte| write!(f, "%{byte:02X}"))?;
        }
    }
    Ok(())
}

fn is_plain(character: char) -> bool {
    match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' | '_' | '~' => true,
        // Invisible characters and direction marks.
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => false,
        _ => !character.is_ascii() && !character.is_whitespace() && !character.is_control(),
    }
}

/// Escapes the characters that HTML would take for markup.
fn write_label(f: &mut fmt::Formatter<'_>, label: &str) -> fmt::Result {
    for character in label.chars() {
        match character {
            '&' => f.write_str("&amp;")?,
            '<' => f.write_str("&lt;")?,
            '>' => f.write_str("&gt;")?,
            '"' => f.write_str("&quot;")?,
            '\'' => f.write_str("&#39;")?,
            _ => f.write_char(character)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    /// Parses links like WeChat for Android: the attribute ends at the quotation mark, the query is split at `&` and `=`,
    /// each value is decoded once, and `+` is a space.
    fn read(text: &str) -> Vec<[String; 3]> {
        text.split(r#"<a href="weixin://kefumenu?"#).skip(1).map(read_one).collect()
    }

    fn read_one(link: &str) -> [String; 3] {
        let (query, rest) = link.split_once(r#"">"#).unwrap();
        assert!(!query.contains(['"', '<', '>', '#', ' ', '\n']), "{query}");
        let (label, _) = rest.split_once("</a>").unwrap();
        let parameters: Vec<_> = query.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
        let [("kefumenucontent", content), ("kefumenuid", id)] = parameters[..] else { panic!("{parameters:?}") };
        let decode = |value: &str| percent_decode_str(&value.replace('+', " ")).decode_utf8().unwrap().into_owned();
        let escapes = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
        let label =
            escapes.iter().fold(label.to_owned(), |label, (escape, character)| label.replace(escape, character));
        [label, decode(content), decode(id)]
    }

    proptest! {
        #[test]
        fn any_link_survives_a_round_trip(parts in prop::collection::vec(["(?s).{1,30}", "(?s).{1,30}", "(?s).{1,30}"], 1..4)) {
            let links = parts.iter().map(|[label, content, id]| MenuLink::new(label, content, id.as_str()).to_string());
            let text = links.collect::<Vec<_>>().join("，或 ");
            prop_assert_eq!(read(&text), parts);
        }
    }

    #[test]
    fn characters_that_could_end_a_link_are_escaped() {
        let link = MenuLink::new("a</a><b> & \"c\"", "退款 100% &kefumenuid=x#+\"'>", "q=1&\n").to_string();
        assert_eq!(
            link,
            "<a href=\"weixin://kefumenu?kefumenucontent=退款%20100%25%20%26kefumenuid%3Dx%23%2B%22%27%3E\
             &kefumenuid=q%3D1%26%0A\">a&lt;/a&gt;&lt;b&gt; &amp; &quot;c&quot;</a>"
        );
    }

    #[test]
    fn empty_parts_are_refused_in_the_link_and_in_a_text() {
        let whole = MenuLink::new("a", "b", "c");
        assert!(whole.check().is_ok() && check_in(&format!("{whole}{whole}")).is_ok());
        for ([label, content, id], problem) in [
            (["", "a", "b"], "label of the menu link is empty"),
            (["a", "", "b"], "text of the menu link is empty"),
            (["a", "b", ""], "id of the menu link is empty"),
        ] {
            let link = MenuLink::new(label, content, id);
            for error in [link.check(), check_in(&format!("请选择：{whole}、{link}，谢谢"))] {
                let error = error.unwrap_err().to_string();
                assert!(error.starts_with(problem), "{error}");
            }
        }
    }

    #[test]
    fn links_of_another_form_are_not_judged() {
        for text in [
            "",
            r#"<a href="weixin://kefumenu?kefumenucontent=">x"#,
            r#"<a href="weixin://kefumenu?kefumenuid=&kefumenucontent=">x</a>"#,
            r#"<a href="weixin://kefumenu?kefumenucontent=a&kefumenuid="#,
            r#"<a href="https://example.com"></a>"#,
        ] {
            assert_eq!(check_in(text).map_err(|error| error.to_string()), Ok(()), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_part() {
        assert_eq!(format!("{:?}", MenuLink::new("客户", "客户", "客户")), "MenuLink { .. }");
    }
}
