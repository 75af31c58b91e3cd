//! Markdown, as language models write it, turned into the plain text that WeChat shows.

use std::mem;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, TextMergeStream};

/// Turns Markdown into text for WeChat, which shows no Markdown: `**` and `#` would reach the customer as they are.
///
/// Headings and paragraphs are set apart by a blank line. Items of lists begin with `•` or their number. A link becomes its
/// text and its URL, which WeChat makes tappable. Cells of a table are separated by `|`. Emphasis and quotation marks of
/// blocks vanish; code keeps its lines. A [`MenuLink`](super::MenuLink) in the text stays a link; other HTML tags are removed.
///
/// Needs the feature `markdown`.
///
/// ```
/// use wecom_kf::messages::markdown_to_text;
///
/// let text = markdown_to_text("## 退货\n\n1. 打开**订单**\n2. 见[说明](https://example.com/help)\n");
/// assert_eq!(text, "退货\n\n1. 打开订单\n2. 见说明 https://example.com/help");
/// ```
pub fn markdown_to_text(markdown: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut writer = Writer::default();
    TextMergeStream::new(Parser::new_ext(markdown, options)).for_each(|event| writer.take(event));
    writer.remove_stars();
    writer.text.trim_end().to_owned()
}

const STARS: &str = "**";

#[derive(Default)]
struct Writer {
    text: String,
    /// The number of the next item of each open list; `None` where items have a dot.
    lists: Vec<Option<u64>>,
    /// Blank lines are left out between the items of a list.
    is_tight: bool,
    /// The URL of each open link or picture, and where its text begins.
    links: Vec<(String, usize)>,
    /// A URL was written, and what follows must not become part of it.
    is_after_url: bool,
    is_first_cell: bool,
    /// Where `**` stands in the block that is being written.
    stars: Vec<usize>,
}

impl Writer {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.prose(&text),
            Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => self.say(&text),
            Event::InlineHtml(tag) | Event::Html(tag) => self.html(&tag),
            Event::SoftBreak | Event::HardBreak => self.line(),
            Event::Rule => self.paragraph(),
            Event::TaskListMarker(is_done) => self.say(if is_done { "☑ " } else { "☐ " }),
            Event::FootnoteReference(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::Heading { .. } | Tag::BlockQuote(_) | Tag::CodeBlock(_) | Tag::Table(_) => {
                self.paragraph()
            }
            Tag::List(first) => {
                if self.lists.is_empty() {
                    self.paragraph();
                }
                self.lists.push(first);
            }
            Tag::Item => {
                self.remove_stars();
                self.line();
                let indent = "  ".repeat(self.lists.len().saturating_sub(1));
                let marker = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        let marker = format!("{number}. ");
                        *number += 1;
                        marker
                    }
                    _ => "• ".to_owned(),
                };
                self.say(&format!("{indent}{marker}"));
                self.is_tight = true;
            }
            Tag::TableHead | Tag::TableRow => {
                self.line();
                self.is_first_cell = true;
            }
            Tag::TableCell if mem::take(&mut self.is_first_cell) => {}
            Tag::TableCell => self.say(" | "),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.links.push((dest_url.into_string(), self.text.len()));
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::List(_) => {
                self.lists.pop();
                self.is_tight = false;
            }
            TagEnd::Item => self.is_tight = false,
            TagEnd::Link | TagEnd::Image => self.url(),
            _ => {}
        }
    }

    /// Writes the URL of a link behind its text, unless the text is the URL.
    fn url(&mut self) {
        let Some((url, start)) = self.links.pop() else { return };
        let text = &self.text[start..];
        if url.is_empty() || text == url || url.strip_prefix("mailto:") == Some(text) {
            return;
        }
        if !text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(&url);
        self.is_after_url = true;
    }

    fn say(&mut self, text: &str) {
        if mem::take(&mut self.is_after_url) && !text.starts_with(char::is_whitespace) {
            self.text.push(' ');
        }
        self.text.push_str(text);
    }

    /// Writes text, and notes the emphasis in it that Markdown does not take as such: its rule for `**` beside punctuation
    /// assumes spaces between words, which Chinese does not have.
    fn prose(&mut self, text: &str) {
        self.say(text);
        let start = self.text.len() - text.len();
        self.stars.extend(text.match_indices(STARS).map(|(at, _)| start + at));
    }

    /// Removes the pairs of `**` from the block that ends.
    fn remove_stars(&mut self) {
        let pairs = self.stars.len() / 2 * 2;
        for at in self.stars.drain(..).take(pairs).collect::<Vec<_>>().into_iter().rev() {
            self.text.replace_range(at..at + STARS.len(), "");
        }
    }

    fn html(&mut self, tag: &str) {
        let name = tag.trim_start_matches(['<', '/']);
        if name.starts_with("br") {
            self.line();
        } else if tag.starts_with("<a href=\"weixin:") || tag == "</a>" && self.text.contains("<a href=\"weixin:") {
            self.say(tag);
        }
    }

    /// Begins a line, unless there is one that is empty.
    fn line(&mut self) {
        self.is_after_url = false;
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// Begins a paragraph, unless it is the first one of an item.
    fn paragraph(&mut self) {
        if mem::take(&mut self.is_tight) {
            return;
        }
        self.remove_stars();
        self.line();
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::MenuLink;

    #[test]
    fn what_models_write_becomes_plain_text() {
        for (markdown, text) in [
            ("# 标题\n正文**粗体**和*斜体*、`代码`、~~删除~~。", "标题\n\n正文粗体和斜体、代码、删除。"),
            ("第一行\n第二行  \n第三行\n\n新段", "第一行\n第二行\n第三行\n\n新段"),
            ("- 一\n- 二\n  - 二之一\n  - 二之二\n- 三\n\n完", "• 一\n• 二\n  • 二之一\n  • 二之二\n• 三\n\n完"),
            ("3. 三\n4. 四", "3. 三\n4. 四"),
            ("- 松\n\n- 散", "• 松\n• 散"),
            ("- [x] 做了\n- [ ] 没做", "• ☑ 做了\n• ☐ 没做"),
            ("看[帮助](https://example.com/a)，谢谢", "看帮助 https://example.com/a ，谢谢"),
            ("<https://example.com/b> 好", "https://example.com/b 好"),
            ("![图](https://example.com/p.png)", "图 https://example.com/p.png"),
            ("> 引用\n\n后", "引用\n\n后"),
            ("```rust\nfn main() {\n    run();\n}\n```\n后", "fn main() {\n    run();\n}\n\n后"),
            ("| 名 | 价 |\n|---|---|\n| 茶 | 3 |\n| 水 | 1 |", "名 | 价\n茶 | 3\n水 | 1"),
            ("上\n\n---\n\n下", "上\n\n下"),
            ("一<br>二<b>三</b>", "一\n二三"),
            ("2 * 3 = 6，a_b_c，\\*星\\*", "2 * 3 = 6，a_b_c，*星*"),
            ("请点**“退款”**按钮，**注意：**三天内。\n\n2**3", "请点“退款”按钮，注意：三天内。\n\n2**3"),
            ("- 用`a**b**c`\n- **“二”**的", "• 用a**b**c\n• “二”的"),
            ("", ""),
        ] {
            assert_eq!(markdown_to_text(markdown), text, "{markdown}");
        }
    }

    #[test]
    fn a_menu_link_stays_a_link() {
        let link = MenuLink::new("退款", "我要退款", "refund").to_string();
        assert_eq!(markdown_to_text(&format!("请选**{link}**。")), format!("请选{link}。"));
        assert_eq!(markdown_to_text(&format!("- {link}\n- 二")), format!("• {link}\n• 二"));
    }
}
