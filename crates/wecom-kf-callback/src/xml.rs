//! A reader of the subset of XML that WeCom sends: a root, its children, and their text. It refuses a DTD and all entities
//! except the five predefined ones and character references, and it does not recurse.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, Event};

/// The limit of nested elements, including the root. Events of customer service have two levels, messages of apps a few
/// more.
// It also limits the memory for the names of open elements.
pub const MAX_DEPTH: usize = 32;

/// The length limit of an element's name, in bytes; WeCom's have about 20. It limits memory, because the reader stores the
/// names of open elements and copies the name of one that is not closed.
const MAX_NAME: usize = 1024;

/// The reason why a text is refused as XML. It contains no part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum XmlProblem {
    /// It is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// It is not well-formed: it is not XML at all, is incomplete, has more than one root, or has text outside the root.
    #[error("not well-formed")]
    Malformed,
    /// It has a DTD, which could define entities that expand to huge texts.
    #[error("it has a DTD")]
    Dtd,
    /// It has an entity other than the five predefined ones and references to characters.
    #[error("unknown entity")]
    Entity,
    /// Elements are nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH}")]
    TooDeep,
}

impl XmlProblem {
    pub(crate) fn zh(self) -> &'static str {
        match self {
            Self::NotUtf8 => "不是 UTF-8",
            Self::Malformed => "格式不完整",
            Self::Dtd => "含 DTD",
            Self::Entity => "含未知实体",
            Self::TooDeep => "嵌套过深",
        }
    }
}

/// Calls `found` with the name and the text of each `wanted` child of the root, in document order. The text is `None` if
/// the child contains other elements. The document is always read to its end, so that errors behind the last child are
/// detected.
pub(crate) fn children(
    xml: &str,
    wanted: &[&'static str],
    mut found: impl FnMut(&'static str, Option<String>),
) -> Result<(), XmlProblem> {
    let mut reader = Reader::from_str(xml);
    let mut walk = Walk::default();
    loop {
        match reader.read_event().map_err(|_| XmlProblem::Malformed)? {
            Event::Start(element) => walk.open(element.name().into_inner(), wanted)?,
            Event::Empty(element) => {
                walk.open(element.name().into_inner(), wanted)?;
                walk.close(&mut found);
            }
            Event::End(_) => walk.close(&mut found),
            Event::Text(text) => walk.text(&text)?,
            Event::CData(text) => walk.cdata(&text)?,
            Event::GeneralRef(reference) => walk.character(resolve(&reference)?)?,
            Event::DocType(_) => return Err(XmlProblem::Dtd),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => return walk.end(),
        }
    }
}

fn resolve(reference: &BytesRef<'_>) -> Result<char, XmlProblem> {
    match reference.resolve_char_ref() {
        Ok(Some(character)) => Ok(character),
        Ok(None) => resolve_xml_entity(reference).and_then(|text| text.chars().next()).ok_or(XmlProblem::Entity),
        Err(_) => Err(XmlProblem::Entity),
    }
}

/// Returns whether a text may be XML. Every XML document begins with `<`, except for a byte order mark and white space.
pub(crate) fn may_be_xml(text: &str) -> bool {
    text.trim_start_matches(|character: char| character == '\u{feff}' || character.is_whitespace()).starts_with('<')
}

fn is_white_space(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// The position of the reader in the document.
#[derive(Default)]
struct Walk {
    depth: usize,
    had_root: bool,
    /// The wanted child that the reader is in.
    child: Option<Child>,
}

struct Child {
    name: &'static str,
    text: Option<String>,
    has_cdata: bool,
}

impl Walk {
    fn open(&mut self, name: &str, wanted: &[&'static str]) -> Result<(), XmlProblem> {
        if name.len() > MAX_NAME {
            return Err(XmlProblem::Malformed);
        }
        match self.depth {
            0 if self.had_root => return Err(XmlProblem::Malformed),
            0 => self.had_root = true,
            1 => {
                let name = wanted.iter().find(|wanted| **wanted == name);
                self.child = name.map(|name| Child { name, text: Some(String::new()), has_cdata: false });
            }
            MAX_DEPTH.. => return Err(XmlProblem::TooDeep),
            _ => {
                if let Some(child) = &mut self.child {
                    child.text = None;
                }
            }
        }
        self.depth += 1;
        Ok(())
    }

    /// Passes the wanted child to `found`, if it ends here.
    fn close(&mut self, found: &mut impl FnMut(&'static str, Option<String>)) {
        // The reader refuses an end tag without a start tag, so this never saturates.
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 1
            && let Some(child) = self.child.take()
        {
            found(child.name, child.text);
        }
    }

    /// Adds text to the wanted child. White space around CDATA is ignored; without CDATA it is part of the text.
    fn text(&mut self, text: &str) -> Result<(), XmlProblem> {
        if self.depth == 0 && !is_white_space(text) {
            return Err(XmlProblem::Malformed);
        }
        if let Some(Child { text: Some(whole), has_cdata, .. }) = &mut self.child
            && !(*has_cdata && is_white_space(text))
        {
            whole.push_str(text);
        }
        Ok(())
    }

    fn cdata(&mut self, text: &str) -> Result<(), XmlProblem> {
        if self.depth == 0 {
            return Err(XmlProblem::Malformed);
        }
        if let Some(Child { text: Some(whole), has_cdata, .. }) = &mut self.child {
            if !*has_cdata && is_white_space(whole) {
                whole.clear();
            }
            *has_cdata = true;
            whole.push_str(text);
        }
        Ok(())
    }

    fn character(&mut self, character: char) -> Result<(), XmlProblem> {
        if self.depth == 0 {
            return Err(XmlProblem::Malformed);
        }
        if let Some(Child { text: Some(whole), .. }) = &mut self.child {
            whole.push(character);
        }
        Ok(())
    }

    fn end(self) -> Result<(), XmlProblem> {
        if self.depth == 0 && self.had_root { Ok(()) } else { Err(XmlProblem::Malformed) }
    }
}
