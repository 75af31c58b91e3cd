//! Links in texts that send a text when the customer taps them.
//!
//! `<a href="weixin://kefumenu?kefumenucontent=TEXT&kefumenuid=ID">label</a>`, as WeChat reads it [seen in practice].

const SCHEME: &str = "weixin://kefumenu?";

/// A link that sends `content` with the menu id `id`, as a click item of a menu does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MenuLink {
    pub(crate) label: String,
    pub(crate) content: String,
    pub(crate) id: String,
}

/// Returns the links of a text, in order. A link without an id or without a text is left out, because it does nothing
/// when it is tapped.
pub(crate) fn menu_links(text: &str) -> Vec<MenuLink> {
    rule!(menu_link_needs_id_and_text);
    let starts = text.match_indices("<a ").map(|(at, _)| &text[at..]);
    starts.filter_map(link).collect()
}

fn link(text: &str) -> Option<MenuLink> {
    let (tag, rest) = text.split_once('>')?;
    let (label, _) = rest.split_once("</a>")?;
    let (_, href) = tag.split_once("href=")?;
    let quote = href.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (href, _) = href[1..].split_once(quote)?;
    let href = unescape(href);
    // The part after a `#` does not belong to the query.
    let query = href.trim().strip_prefix(SCHEME)?.split('#').next().unwrap_or_default();
    let parameter = |wanted: &str| {
        let value = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted)?.1.into_owned();
        Some(value).filter(|value| !value.is_empty())
    };
    Some(MenuLink { label: unescape(label), content: parameter("kefumenucontent")?, id: parameter("kefumenuid")? })
}

/// Replaces the escapes of HTML by their characters.
fn unescape(text: &str) -> String {
    let escapes = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'")];
    let text = escapes.iter().fold(text.to_owned(), |text, (escape, character)| text.replace(escape, character));
    // This comes last, so that it does not create another escape.
    text.replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(text: &str) -> Vec<[String; 3]> {
        menu_links(text).into_iter().map(|link| [link.label, link.content, link.id]).collect()
    }

    #[test]
    fn links_as_bots_write_them_are_read() {
        let text = "请选择：<a href=\"weixin://kefumenu?kefumenucontent=退款&kefumenuid=q1\">退款</a> 或 \
            <a href='weixin://kefumenu?kefumenuid=q%202&amp;kefumenucontent=a%26b+c%22'>a&amp;b &lt;c&gt;</a>";
        assert_eq!(links(text), [["退款", "退款", "q1"], ["a&b <c>", "a&b c\"", "q 2"]]);
    }

    #[test]
    fn other_links_and_broken_ones_are_none() {
        for text in [
            "退款",
            "<a href=\"https://example.com/?kefumenucontent=x&kefumenuid=1\">x</a>",
            "<a href=\"weixin://kefumenu?kefumenucontent=x\">x</a>",
            "<a href=\"weixin://kefumenu?kefumenuid=1\">x</a>",
            "<a href=\"weixin://kefumenu?kefumenucontent=&kefumenuid=1\">x</a>",
            "<a href=\"weixin://kefumenu?kefumenucontent=x#&kefumenuid=1\">x</a>",
            "<a href=weixin://kefumenu?kefumenucontent=x&kefumenuid=1>x</a>",
            "<a href=\"weixin://kefumenu?kefumenucontent=x&kefumenuid=1\">x",
            "<a href=",
            "<a ",
            "<a href=\">",
        ] {
            assert_eq!(menu_links(text), [], "{text}");
        }
    }
}
