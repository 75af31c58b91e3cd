//! The folder with the knowledge base: one YAML file for each group, and the images and videos that they name.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wecom_kf::knowledge::{DesiredGroup, Group, Intent, IntentAnswer, StoredAttachment, StoredIntent};
use wecom_kf::media::MediaType;
use wecom_kf::{Bilingual, Client, MediaId};
use wecom_kf_text::safe_file_name;

use crate::failure::{Failure, Problem};
use crate::file::{Existing, NewFile};

/// A group, as its file has it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupFile {
    pub(super) name: String,
    #[serde(default)]
    pub(super) intents: Vec<IntentEntry>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IntentEntry {
    pub(super) question: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    similar: Vec<String>,
    answer: Answer,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment>,
}

/// An attachment. WeCom does not return images, videos and covers: `file` is where they are, from the folder.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "msgtype", rename_all = "lowercase", deny_unknown_fields)]
enum Attachment {
    Image(NamedFile),
    Video(NamedFile),
    Link {
        title: String,
        url: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        desc: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pic_url: Option<String>,
    },
    Miniprogram {
        title: String,
        appid: String,
        pagepath: String,
        /// The cover.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<PathBuf>,
    },
    /// A kind that this program does not know.
    Other {
        kind: String,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct NamedFile {
    /// The name that WeCom returns. It is not compared.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
}

/// A file that an intent needs when it is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Needed {
    pub(super) path: PathBuf,
    pub(super) media_type: MediaType,
}

/// The groups of a folder, each with the path of its file, in the order of the paths.
pub(super) struct Folder {
    path: PathBuf,
    pub(super) groups: Vec<(PathBuf, GroupFile)>,
}

impl Folder {
    /// Reads the files. There may be none.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let mut groups = Vec::new();
        for file in yaml_files(path).map_err(|error| unreadable(path, error))? {
            let yaml = fs::read_to_string(&file).map_err(|error| unreadable(&file, error))?;
            let group = yaml_serde::from_str(&yaml).map_err(|error| invalid(&file, error))?;
            groups.push((file, group));
        }
        Ok(Self { path: path.to_owned(), groups })
    }

    /// Checks each group by itself, so that an error can name its file.
    pub(super) fn check(&self, client: &Client) -> Result<(), Failure> {
        let (mut names, mut questions) = (HashMap::new(), HashMap::new());
        for (file, group) in &self.groups {
            if let Some(other) = names.insert(&group.name, file) {
                return Err(repeated(file, other, &group.name));
            }
            for entry in &group.intents {
                let other = questions.insert(&entry.question, file).filter(|other| *other != file);
                if let Some(other) = other {
                    return Err(repeated(file, other, &entry.question));
                }
            }
            let desired = self.desired_group(group, &HashMap::new());
            client.knowledge().sync([desired]).check().map_err(|error| invalid(file, error))?;
        }
        // The number of groups.
        Ok(client.knowledge().sync(self.desired(&HashMap::new())).check()?)
    }

    /// Returns the groups as they should be. Files that were not uploaded can be compared only.
    pub(super) fn desired(&self, uploaded: &HashMap<Needed, MediaId>) -> Vec<DesiredGroup> {
        self.groups.iter().map(|(_, group)| self.desired_group(group, uploaded)).collect()
    }

    fn desired_group(&self, group: &GroupFile, uploaded: &HashMap<Needed, MediaId>) -> DesiredGroup {
        group.intents.iter().fold(DesiredGroup::new(&group.name), |desired, entry| {
            let answer =
                entry.answer.attachments.iter().fold(IntentAnswer::new(&entry.answer.text), |answer, attached| {
                    let media_id = self.needed(attached).and_then(|needed| uploaded.get(&needed).cloned());
                    attached.attach_to(answer, media_id)
                });
            let intent = Intent::new(&entry.question, answer);
            desired.intent(entry.similar.iter().fold(intent, Intent::similar))
        })
    }

    /// Returns the files that are needed to write these questions.
    ///
    /// # Errors
    ///
    /// An attachment names no file, or its kind cannot be written.
    pub(super) fn files_for(&self, questions: &HashSet<&str>) -> Result<Vec<Needed>, Failure> {
        let mut files = Vec::new();
        for (path, group) in &self.groups {
            for entry in group.intents.iter().filter(|entry| questions.contains(entry.question.as_str())) {
                for attached in entry.answer.attachments.iter().filter(|attached| attached.comes_from_a_file()) {
                    files.push(self.needed(attached).ok_or_else(|| no_file(path, &entry.question, attached))?);
                }
            }
        }
        Ok(files)
    }

    fn needed(&self, attached: &Attachment) -> Option<Needed> {
        let (file, media_type) = match attached {
            Attachment::Image(NamedFile { file, .. }) | Attachment::Miniprogram { file, .. } => {
                (file, MediaType::Image)
            }
            Attachment::Video(NamedFile { file, .. }) => (file, MediaType::Video),
            Attachment::Link { .. } | Attachment::Other { .. } => return None,
        };
        Some(Needed { path: self.path.join(file.as_ref()?), media_type })
    }
}

impl Attachment {
    fn comes_from_a_file(&self) -> bool {
        !matches!(self, Self::Link { .. })
    }

    fn attach_to(&self, answer: IntentAnswer, media_id: Option<MediaId>) -> IntentAnswer {
        match (self, media_id) {
            (Self::Image(_), Some(media_id)) => answer.image(media_id),
            (Self::Video(_), Some(media_id)) => answer.video(media_id),
            (Self::Miniprogram { title, appid, pagepath, .. }, Some(media_id)) => {
                answer.miniprogram(title, appid, pagepath, media_id)
            }
            _ => answer.stored(&self.clone().into()),
        }
    }

    /// Takes over the file of an older version of the same attachment.
    fn keep_file(&mut self, old: &Self) {
        match (self, old) {
            (Self::Image(new), Self::Image(old)) | (Self::Video(new), Self::Video(old)) => {
                new.file.clone_from(&old.file)
            }
            (Self::Miniprogram { file, .. }, Self::Miniprogram { file: old, .. }) => file.clone_from(old),
            _ => {}
        }
    }
}

impl From<Attachment> for StoredAttachment {
    fn from(attachment: Attachment) -> Self {
        match attachment {
            Attachment::Image(NamedFile { name, .. }) => Self::Image { name },
            Attachment::Video(NamedFile { name, .. }) => Self::Video { name },
            Attachment::Link { title, url, desc, pic_url } => Self::Link { title, url, desc, pic_url },
            Attachment::Miniprogram { title, appid, pagepath, .. } => Self::Miniprogram { title, appid, pagepath },
            Attachment::Other { kind } => Self::Unknown { msgtype: kind },
        }
    }
}

impl From<StoredAttachment> for Attachment {
    fn from(attachment: StoredAttachment) -> Self {
        match attachment {
            StoredAttachment::Image { name } => Self::Image(NamedFile { name, file: None }),
            StoredAttachment::Video { name } => Self::Video(NamedFile { name, file: None }),
            StoredAttachment::Link { title, url, desc, pic_url } => Self::Link { title, url, desc, pic_url },
            StoredAttachment::Miniprogram { title, appid, pagepath } => {
                Self::Miniprogram { title, appid, pagepath, file: None }
            }
            StoredAttachment::Unknown { msgtype } => Self::Other { kind: msgtype },
            _ => Self::Other { kind: String::new() },
        }
    }
}

impl GroupFile {
    pub(super) fn new(group: &Group, intents: &[StoredIntent]) -> Self {
        let intents = intents.iter().filter(|intent| intent.group_id == group.group_id);
        Self { name: group.name.clone(), intents: intents.map(IntentEntry::from).collect() }
    }

    /// Takes over the local files that an older version names.
    pub(super) fn keep_files(&mut self, old: &Self) {
        for entry in &mut self.intents {
            let Some(old) = old.intents.iter().find(|old| old.question == entry.question) else { continue };
            let attachments = entry.answer.attachments.iter_mut().zip(&old.answer.attachments);
            attachments.for_each(|(new, old)| new.keep_file(old));
        }
    }

    /// Returns how many images, videos and covers there are without a local file.
    pub(super) fn without_file(&self) -> usize {
        let attachments = self.intents.iter().flat_map(|entry| &entry.answer.attachments);
        let is_without = |attached: &&Attachment| match attached {
            Attachment::Image(named) | Attachment::Video(named) => named.file.is_none(),
            Attachment::Miniprogram { file, .. } => file.is_none(),
            Attachment::Link { .. } | Attachment::Other { .. } => false,
        };
        attachments.filter(is_without).count()
    }

    pub(super) fn write(&self, path: &Path, existing: Existing) -> Result<(), Failure> {
        let mut file = NewFile::create(path, existing)?;
        file.write(&yaml_serde::to_string(self)?)?;
        file.keep()
    }
}

impl From<&StoredIntent> for IntentEntry {
    fn from(intent: &StoredIntent) -> Self {
        let StoredIntent { question, similar_questions, answer, .. } = intent.clone();
        let answer = answer.map(|answer| Answer {
            text: answer.text,
            attachments: answer.attachments.into_iter().map(Attachment::from).collect(),
        });
        Self { question, similar: similar_questions, answer: answer.unwrap_or_default() }
    }
}

/// Returns the path of a new file for a group. `taken` are the names of files in lower case, since some systems do not tell
/// upper and lower case apart.
pub(super) fn path_for(folder: &Path, group: &str, taken: &mut HashSet<String>) -> PathBuf {
    let name = safe_file_name(&group.replace(['/', '\\'], "_")).unwrap_or_else(|| "group".to_owned());
    let names = std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}-{number}")));
    let free = names.map(|name| name + ".yaml").find(|name| taken.insert(name.to_lowercase()));
    folder.join(free.expect("there is always another number"))
}

pub(super) fn yaml_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if is_yaml && !is_hidden {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn unreadable(path: &Path, error: std::io::Error) -> Failure {
    let path = path.display();
    Problem::new(
        Bilingual::new(format!("{path} cannot be read"), format!("无法读取 {path}")),
        (
            "Check the path and its permissions. A new folder is made by: wecom-kf knowledge pull DIR",
            "检查路径和权限。新的文件夹用 wecom-kf knowledge pull DIR 生成。",
        ),
    )
    .because(error)
    .into()
}

fn invalid(file: &Path, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    let file = file.display();
    Problem::new(
        Bilingual::new(format!("{file} is no valid group"), format!("{file} 不是有效的分组")),
        (
            "Correct the file: a group has name and intents, an intent has question, similar and answer, an answer has text and attachments.",
            "修正该文件：分组有 name 和 intents，问答有 question、similar 和 answer，回答有 text 和 attachments。",
        ),
    )
    .because(error)
    .into()
}

fn repeated(file: &Path, other: &Path, text: &str) -> Failure {
    let (file, other) = (file.display(), other.display());
    Problem::new(
        Bilingual::new(format!("{other} and {file} both have “{text}”"), format!("{other} 和 {file} 都有“{text}”")),
        (
            "Names of groups are unique, and so are questions, across all groups: remove or change one of them.",
            "分组名称不能重复，问题在所有分组中也不能重复：删除或修改其中一个。",
        ),
    )
    .into()
}

fn no_file(path: &Path, question: &str, attached: &Attachment) -> Failure {
    let path = path.display();
    match attached {
        Attachment::Other { kind } => Problem::new(
            Bilingual::new(
                format!("{path}: the answer to “{question}” has an attachment of the kind {kind}, which cannot be written"),
                format!("{path}：“{question}”的回答有 {kind} 类型的附件，无法写入"),
            ),
            (
                "Take the attachment out of the file, or change this answer in the admin console.",
                "从文件中去掉该附件，或在管理后台修改这条回答。",
            ),
        ),
        _ => Problem::new(
            Bilingual::new(
                format!("{path}: the answer to “{question}” has an image, a video or a cover without file"),
                format!("{path}：“{question}”的回答中有图片、视频或封面没有 file"),
            ),
            (
                "WeCom does not return these. Put the file into the folder, and write its path behind file: at this attachment.",
                "企业微信不会返回这些素材。把文件放进文件夹，并在该附件下写上 file: 路径。",
            ),
        ),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_survives_its_file() {
        let yaml = "name: 常见问题\nintents:\n- question: 几点？\n  similar:\n  - 何时\n  answer:\n    text: |-\n      一\n      二\n    attachments:\n    - msgtype: image\n      name: a.png\n    - msgtype: link\n      title: 门店\n      url: https://example.com/\n    - msgtype: other\n      kind: voice\n";
        let group: GroupFile = yaml_serde::from_str(yaml).unwrap();
        assert_eq!(yaml_serde::to_string(&group).unwrap(), yaml);
        assert_eq!(group.without_file(), 1);
        for wrong in
            [yaml.replace("title", "heading"), yaml.replace("similar", "same"), yaml.replace("image", "picture")]
        {
            assert!(yaml_serde::from_str::<GroupFile>(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn groups_have_files_of_their_own_with_safe_names() {
        let mut taken = HashSet::new();
        let mut name = |group| path_for(Path::new("d"), group, &mut taken).display().to_string();
        let names = ["../a", "A", "a", "退/换", ".."].map(&mut name);
        assert_eq!(names, ["d/_a.yaml", "d/A.yaml", "d/a-2.yaml", "d/退_换.yaml", "d/group.yaml"]);
    }
}
