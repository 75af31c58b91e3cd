//! Messages as language models take them: roles, texts, pictures and voice messages.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use wecom_kf::messages::Content;
use wecom_kf::{ErrCode, Error, raw};

use super::transcript::{Role, Transcript};
use crate::delivery::Delivery;

/// A message as language models take it, such as those with OpenAI's API: `{"role": "user", "content": "…"}`. With
/// [files](Self::files), the content is a list of parts.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelMessage {
    /// `user` for the customer, `assistant` for the bot and for servicers, `system` for the task.
    pub role: &'static str,
    /// The texts.
    pub content: String,
    /// Pictures and voice messages: see [`Delivery::files_for_model`].
    pub files: Vec<ModelFile>,
}

/// A picture or a voice message for a language model. `Serialize` writes a part of the content in OpenAI's API.
#[derive(Clone, PartialEq, Eq)]
pub struct ModelFile(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Picture { url: String },
    Voice { base64: String, format: &'static str },
}

impl ModelMessage {
    /// Creates the message that tells the model its task. It is the first of the messages.
    pub fn system(task: impl Into<String>) -> Self {
        Self { role: "system", content: task.into(), files: Vec::new() }
    }
}

impl ModelFile {
    /// Creates a picture from the bytes of a JPEG, PNG, GIF or WebP file. It is written as a `data:` URL.
    pub fn picture(bytes: &[u8]) -> Self {
        let mime = match bytes {
            [0x89, b'P', b'N', b'G', ..] => "image/png",
            [b'G', b'I', b'F', b'8', ..] => "image/gif",
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
            _ => "image/jpeg",
        };
        Self::picture_at(format!("data:{mime};base64,{}", STANDARD.encode(bytes)))
    }

    /// Creates a picture that the model fetches from a URL, such as one of your own storage. A URL of WeCom's API is of no
    /// use, since it needs the access token.
    pub fn picture_at(url: impl Into<String>) -> Self {
        Self(Kind::Picture { url: url.into() })
    }

    /// Creates a voice message from the bytes of a file. WeCom's are AMR or SILK, which not every model understands.
    pub fn voice(bytes: &[u8]) -> Self {
        // WeCom puts a byte before the name of the format.
        let is_silk = bytes.get(..10).is_some_and(|start| start.windows(6).any(|name| name == b"#!SILK"));
        Self(Kind::Voice { base64: STANDARD.encode(bytes), format: if is_silk { "silk" } else { "amr" } })
    }

    fn part(&self) -> Value {
        match &self.0 {
            Kind::Picture { url } => json!({ "type": "image_url", "image_url": { "url": url } }),
            Kind::Voice { base64, format } => {
                json!({ "type": "input_audio", "input_audio": { "data": base64, "format": format } })
            }
        }
    }
}

impl Transcript {
    /// Returns the transcript as the `messages` of a language model's API, such as that of an OpenAI-compatible
    /// endpoint. Put the [system's message](ModelMessage::system) before it.
    ///
    /// Messages in a row that have the same role become one, with a line for each, since some models accept only
    /// alternating roles. A message without text is its kind in brackets, such as `[image]`. A line of a servicer begins
    /// with `[servicer] `.
    ///
    /// ```no_run
    /// use wecom_kf_inbox::{Batch, Failure, ModelMessage};
    ///
    /// async fn body(batch: Batch) -> Result<serde_json::Value, Failure> {
    ///     let mut messages = vec![ModelMessage::system("你是一家小店的客服。")];
    ///     messages.extend(batch.transcript()?.for_model());
    ///     if let Some(last) = messages.last_mut() {
    ///         last.files = batch.files_for_model(10 << 20).await?; // pictures and voice messages
    ///     }
    ///     Ok(serde_json::json!({ "model": "…", "messages": messages }))
    /// }
    /// ```
    pub fn for_model(&self) -> Vec<ModelMessage> {
        let mut messages: Vec<ModelMessage> = Vec::new();
        for said in self.messages() {
            let role = if said.role == Role::Customer { "user" } else { "assistant" };
            let line = said.line();
            match messages.last_mut().filter(|last| last.role == role) {
                Some(last) => {
                    last.content.push('\n');
                    last.content.push_str(&line);
                }
                None => messages.push(ModelMessage { role, content: line, files: Vec::new() }),
            }
        }
        messages
    }
}

impl Delivery {
    /// Downloads the pictures and voice messages of this message, or of the batch, for a language model. Those with more than
    /// `at_most` bytes are left out, and those that WeCom no longer has. The transcript mentions them as `[image]` and
    /// `[voice]`.
    ///
    /// # Errors
    ///
    /// Those of [`Media::get`](wecom_kf::media::Media::get).
    pub async fn files_for_model(&self, at_most: usize) -> Result<Vec<ModelFile>, Error> {
        let mut files = Vec::new();
        for message in self.messages() {
            let (media, file): (_, fn(&[u8]) -> ModelFile) = match message.content() {
                Content::Image(media) => (media, ModelFile::picture),
                Content::Voice(media) => (media, ModelFile::voice),
                _ => continue,
            };
            let download = async { self.client().media().get(&media.media_id).await?.into_bytes(at_most).await };
            match download.await {
                Ok(bytes) => files.push(file(&bytes)),
                Err(error) if is_of_the_file(&error) => {
                    tracing::warn!(open_kfid = %self.open_kfid(), %error, "a file is left out of what the model gets");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(files)
    }
}

/// Whether another attempt would fail as well: WeCom no longer has the file, or it is too long.
fn is_of_the_file(error: &Error) -> bool {
    error.code() == Some(ErrCode::INVALID_MEDIA_ID)
        || matches!(error, Error::NoAnswer { source, .. } if matches!(**source, raw::Error::TooLong { .. }))
}

impl Serialize for ModelMessage {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut message = to.serialize_struct("ModelMessage", 2)?;
        message.serialize_field("role", self.role)?;
        if self.files.is_empty() {
            message.serialize_field("content", &self.content)?;
        } else {
            let text = json!({ "type": "text", "text": self.content });
            let parts: Vec<Value> = std::iter::once(text).chain(self.files.iter().map(ModelFile::part)).collect();
            message.serialize_field("content", &parts)?;
        }
        message.end()
    }
}

impl Serialize for ModelFile {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.part().serialize(to)
    }
}

impl fmt::Debug for ModelMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = self.files.len();
        f.debug_struct("ModelMessage").field("role", &self.role).field("files", &files).finish_non_exhaustive()
    }
}

impl fmt::Debug for ModelFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0 {
            Kind::Picture { .. } => "picture",
            Kind::Voice { .. } => "voice",
        };
        f.debug_tuple("ModelFile").field(&kind).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::transcript::tests::said;
    use super::*;

    #[test]
    fn models_get_alternating_roles() {
        let mut transcript = Transcript::default();
        let all = [
            said(Role::Customer, Some("你好"), 1),
            said(Role::Customer, None, 2),
            said(Role::Bot, Some("在的"), 3),
            said(Role::Servicer, Some("我来处理"), 4),
            said(Role::Customer, Some("谢谢"), 5),
        ];
        transcript.extend(all, 10);
        let json = serde_json::to_string(&transcript.for_model()).unwrap();
        let expected = r#"[{"role":"user","content":"你好\n[image]"},{"role":"assistant","content":"在的\n[servicer] 我来处理"},{"role":"user","content":"谢谢"}]"#;
        assert_eq!(json, expected);
        assert!(!format!("{transcript:?}{:?}", transcript.for_model()).contains("你好"));
    }

    #[test]
    fn pictures_and_voice_are_parts_of_the_content() {
        let files = vec![
            ModelFile::picture(b"\x89PNG.."),
            ModelFile::picture(b"\xff\xd8\xff.."),
            ModelFile::picture_at("https://example.com/1.jpg"),
            ModelFile::voice(b"#!AMR\n.."),
            ModelFile::voice(b"\x02#!SILK_V3.."),
        ];
        let message = ModelMessage { files, ..ModelMessage::system("看图") };
        let expected = json!({ "role": "system", "content": [
            { "type": "text", "text": "看图" },
            { "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORy4u" } },
            { "type": "image_url", "image_url": { "url": "data:image/jpeg;base64,/9j/Li4=" } },
            { "type": "image_url", "image_url": { "url": "https://example.com/1.jpg" } },
            { "type": "input_audio", "input_audio": { "data": "IyFBTVIKLi4=", "format": "amr" } },
            { "type": "input_audio", "input_audio": { "data": "AiMhU0lMS19WMy4u", "format": "silk" } },
        ] });
        assert_eq!(serde_json::to_value(&message).unwrap(), expected);
        assert!(!format!("{message:?}{:?}", message.files).contains("iVBOR"));
    }
}
