//! `wecom-kf knowledge`.

use std::path::{Path, PathBuf};

use snapbox::str;
use wecom_kf_sim::op;

use crate::stage::{Outcome, Stage};
use crate::terminal::on_terminal;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

const FAQ: &str = "\
name: 常见问题
intents:
- question: 营业时间是？
  similar: [几点开门, 几点关门]
  answer:
    text: |-
      周一至周五
      9:00–18:00
- question: 菜单？
  answer:
    text: 见图
    attachments:
    - msgtype: image
      file: img/menu.png
    - msgtype: link
      title: 门店
      url: https://example.com/
    - msgtype: miniprogram
      title: 商城
      appid: wx1
      pagepath: pages/index
      file: img/menu.png
";

struct Folder<'a> {
    stage: &'a Stage,
    path: PathBuf,
}

impl<'a> Folder<'a> {
    fn new(stage: &'a Stage, name: &str) -> Self {
        let path = stage.home.path().join(name);
        std::fs::create_dir_all(path.join("img")).unwrap();
        std::fs::write(path.join("img/menu.png"), PNG).unwrap();
        Self { stage, path }
    }

    fn write(&self, name: &str, yaml: &str) {
        std::fs::write(self.path.join(name), yaml).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path.join(name)).unwrap()
    }

    fn args<'b>(&'b self, command: &'b str, more: &[&'b str]) -> Vec<&'b str> {
        [&["knowledge", command, self.path.to_str().unwrap()], more].concat()
    }

    async fn run(&self, command: &str, more: &[&str]) -> Outcome {
        self.stage.run(&self.args(command, more)).piped().await
    }

    async fn run_in_chinese(&self, command: &str, more: &[&str]) -> Outcome {
        self.stage.run(&self.args(command, more)).in_chinese().piped().await
    }
}

fn names(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_pushed_and_pulled_has_no_difference() {
    let stage = Stage::start().await;
    let folder = Folder::new(&stage, "kb");
    folder.write("faq.yaml", FAQ);
    folder.run("diff", &[]).await.is(
        0,
        str![[r#"
add group	常见问题	-
add intent	常见问题	营业时间是？
add intent	常见问题	菜单？

"#]],
        str![[r#"
the group 默认分组 has no file, push does not touch it

"#]],
    );
    folder.run("push", &["--yes"]).await.is(
        0,
        str![[r#"
add group	常见问题	-
add intent	常见问题	营业时间是？
add intent	常见问题	菜单？

"#]],
        str![[r#"
Changes the knowledge base of the corp: add group (1), add intent (2)
changed

"#]],
    );
    folder.run("push", &["--yes", "--delete"]).await.is(
        0,
        str![],
        str![[r#"
no difference

"#]],
    );
    // The file is uploaded once for both attachments.
    assert_eq!(stage.simulator.calls(op::MEDIA_UPLOAD), 1);

    let pulled = Folder { stage: &stage, path: stage.home.path().join("pulled") };
    pulled.run("pull", &[]).await.is(
        0,
        str![[r#"
[HOME]/pulled/默认分组.yaml	0	默认分组
[HOME]/pulled/常见问题.yaml	2	常见问题

"#]],
        str![[r#"
WeCom does not return images, videos and covers: 2 have no file yet. To write their answers again, add file: to them

"#]],
    );
    snapbox::assert_data_eq!(
        pulled.read("常见问题.yaml"),
        str![[r#"
name: 常见问题
intents:
- question: 营业时间是？
  similar:
  - 几点开门
  - 几点关门
  answer:
    text: |-
      周一至周五
      9:00–18:00
- question: 菜单？
  answer:
    text: 见图
    attachments:
    - msgtype: image
      name: menu.png
    - msgtype: link
      title: 门店
      url: https://example.com/
    - msgtype: miniprogram
      title: 商城
      appid: wx1
      pagepath: pages/index

"#]]
    );
    pulled.run("diff", &[]).await.is(
        0,
        "",
        str![[r#"
no difference

"#]],
    );
    pulled.run_in_chinese("push", &["--yes", "--delete"]).await.is(
        0,
        "",
        str![[r#"
没有差异

"#]],
    );
    assert_eq!(stage.simulator.calls(op::MEDIA_UPLOAD), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_shows_its_changes_and_deletes_only_when_asked() {
    let stage = Stage::start().await;
    let folder = Folder::new(&stage, "kb");
    folder.write("faq.yaml", FAQ);
    assert_eq!(folder.run("push", &["--yes"]).await.code, 0);
    folder.write("faq.yaml", "name: 常见问题\nintents:\n- question: 营业时间是？\n  answer: { text: 每天 }\n");
    folder.write("new.yml", "name: 新\nintents:\n- question: 运费？\n  answer:\n    text: 包邮\n");
    folder.run_in_chinese("diff", &[]).await.is(
        0,
        str![[r#"
删除问答	常见问题	菜单？
修改问答	常见问题	营业时间是？
新建分组	新	-
新建问答	新	运费？

"#]],
        str![[r#"
分组“默认分组”没有文件，push 不会改动它
待删除的问答只在企业微信中有；push 带 --delete 时才删除

"#]],
    );
    folder.run("push", &[]).await.is(2, str![[r#"
update intent	常见问题	营业时间是？
add group	新	-
add intent	新	运费？

"#]], str![[r#"
error: not confirmed: Changes the knowledge base of the corp: update intent (1), add group (1), add intent (1)  do: Run it on a terminal, which asks, or add --yes. With --dry-run it only says what it would do.

"#]]);
    folder.run("push", &["--dry-run", "--json"]).await.is(
        0,
        str![[r#"
{"change":"update_intent","intent_id":"kiJRUD9yCBEbvGOFw54pG5stbbil2XrJ","group":"常见问题","question":"营业时间是？"}
{"change":"add_group","name":"新"}
{"change":"add_intent","group":"新","question":"运费？"}

"#]],
        str![[r#"
would do: Changes the knowledge base of the corp: update intent (1), add group (1), add intent (1)

"#]],
    );
    assert_eq!(stage.simulator.calls(op::KNOWLEDGE_MOD_INTENT), 0);
    let pushed = on_terminal(stage.run(&folder.args("push", &[])), "y").await;
    assert!(pushed.code == 0 && pushed.stdout.contains("Go ahead?"), "{pushed:?}");
    assert_eq!(stage.simulator.calls(op::KNOWLEDGE_DEL_INTENT), 0);
    folder.run("push", &["--yes", "--delete"]).await.is(
        0,
        str![[r#"
delete intent	常见问题	菜单？

"#]],
        str![[r#"
Changes the knowledge base of the corp: delete intent (1)
changed

"#]],
    );
    assert_eq!(stage.simulator.calls(op::KNOWLEDGE_DEL_INTENT), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn media_that_wecom_does_not_return_are_needed_only_to_write_their_answer() {
    let stage = Stage::start().await;
    let folder = Folder::new(&stage, "kb");
    folder.write("faq.yaml", FAQ);
    assert_eq!(folder.run("push", &["--yes"]).await.code, 0);
    let without = FAQ
        .replace("      file: img/menu.png\n", "")
        .replace("msgtype: image\n", "msgtype: image\n      name: menu.png\n");
    folder.write("faq.yaml", &without);
    folder.run("diff", &[]).await.is(
        0,
        "",
        str![[r#"
the group 默认分组 has no file, push does not touch it
no difference

"#]],
    );
    folder.write("faq.yaml", &without.replace("见图", "新菜单"));
    folder.run("push", &["--yes"]).await.is(1, str![[r#"
update intent	常见问题	菜单？

"#]], str![[r#"
error: [HOME]/kb/faq.yaml: the answer to “菜单？” has an image, a video or a cover without file  do: WeCom does not return these. Put the file into the folder, and write its path behind file: at this attachment.

"#]]);
    folder.write("faq.yaml", &FAQ.replace("见图", "新菜单").replace("menu.png", "none.png"));
    folder.run_in_chinese("push", &["--yes"]).await.is(1, str![[r#"
修改问答	常见问题	菜单？

"#]], str![[r#"
错误：无法上传 [HOME]/kb/img/none.png：无法读取要上传的文件：文件或目录不存在（系统错误 2）。处理：没有做任何改动。修正路径或文件。

"#]]);
    folder.write("img/none.png", "no picture");
    folder.run("push", &["--yes"]).await.is(1, str![[r#"
update intent	常见问题	菜单？

"#]], str![[r#"
error: [HOME]/kb/img/none.png cannot be uploaded: media must be a JPG or PNG; nothing was sent  do: Nothing was changed. Correct the path or the file.

"#]]);
    assert_eq!(stage.simulator.calls(op::KNOWLEDGE_MOD_INTENT), 0);
    std::fs::write(folder.path.join("img/none.png"), PNG).unwrap();
    assert_eq!(folder.run("push", &["--yes"]).await.code, 0);

    // A pull keeps the paths of files, and what it does not know stays.
    folder.write("old.yaml", "name: 旧\n");
    folder.run("pull", &[]).await.is(
        1,
        "",
        str![[r#"
error: [HOME]/kb has files of groups already  do: Choose another folder, or replace the files with --force.

"#]],
    );
    folder.run("pull", &["--force"]).await.is(
        0,
        str![[r#"
[HOME]/kb/默认分组.yaml	0	默认分组
[HOME]/kb/faq.yaml	2	常见问题

"#]],
        str![[r#"
[HOME]/kb/old.yaml stays, but WeCom has no group 旧

"#]],
    );
    assert!(folder.read("faq.yaml").contains("file: img/none.png"), "{}", folder.read("faq.yaml"));
    assert_eq!(names(&folder.path), ["faq.yaml", "img", "old.yaml", "默认分组.yaml"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_by_somebody_else_stops_the_push() {
    let stage = Stage::start().await;
    let folder = Folder::new(&stage, "kb");
    folder.write("faq.yaml", FAQ);
    // At the second look there is a group that somebody has added.
    let group = serde_json::json!({ "group_id": "kgOther", "name": "常见问题", "is_default": 0 });
    let list = serde_json::json!({ "errcode": 0, "group_list": [group], "has_more": 0 }).to_string();
    stage.simulator.fault(op::KNOWLEDGE_LIST_GROUP).pass().times(1);
    stage.simulator.fault(op::KNOWLEDGE_LIST_GROUP).body(list);
    folder.run("push", &["--yes"]).await.is(1, str![[r#"
add group	常见问题	-
add intent	常见问题	营业时间是？
add intent	常见问题	菜单？

"#]], str![[r#"
Changes the knowledge base of the corp: add group (1), add intent (2)
error: the knowledge base was changed since the changes were shown, so nothing was done  do: Run it again to see the changes that are needed now.

"#]]);
    assert_eq!(stage.simulator.calls(op::KNOWLEDGE_ADD_GROUP), 0);

    stage.simulator.fault(op::KNOWLEDGE_ADD_INTENT).errcode(40058);
    folder.run_in_chinese("push", &["--yes"]).await.is(1, str![[r#"
新建分组	常见问题	-
新建问答	常见问题	营业时间是？
新建问答	常见问题	菜单？

"#]], str![[r#"
修改企业的知识库：新建分组 (1)，新建问答 (2)
部分改动未完成；再次运行 push 会继续
错误：knowledge_add_intent 被拒：40058，参数不符合规则。企业微信的说明："a parameter is invalid, hint: [2935512841357687530], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=40058"。处理：看 errmsg，通常会指出字段。常见原因：可选字段传了 "" 或 null（应省略）、文本或列表超限、数字写成字符串、该用 POST 却用了 GET。

"#]]);
    folder.run("push", &["--yes"]).await.is(
        0,
        str![[r#"
add intent	常见问题	营业时间是？
add intent	常见问题	菜单？

"#]],
        str![[r#"
Changes the knowledge base of the corp: add intent (2)
changed

"#]],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_files_name_the_file() {
    let stage = Stage::start().await;
    let folder = Folder::new(&stage, "kb");
    folder.run("diff", &[]).await.is(
        1,
        "",
        str![[r#"
error: [HOME]/kb has no files of groups (*.yaml)  do: Make them with: wecom-kf knowledge pull DIR

"#]],
    );
    let nowhere = Folder { stage: &stage, path: "no/such".into() };
    nowhere.run_in_chinese("push", &[]).await.is(1, "", str![[r#"
错误：无法读取 no/such：文件或目录不存在（系统错误 2）。处理：检查路径和权限。新的文件夹用 wecom-kf knowledge pull DIR 生成。

"#]]);
    folder.write("a.yaml", "name: 甲\nintents:\n- question: 一\n  answer: { txt: 二 }\n");
    folder.run("push", &[]).await.is(1, "", str![[r#"
error: [HOME]/kb/a.yaml is no valid group: intents[0].answer: unknown field `txt`, expected `text` or `attachments` at line 4 column 13  do: Correct the file: a group has name and intents, an intent has question, similar and answer, an answer has text and attachments.

"#]]);
    folder.write("a.yaml", "name: 甲\nintents:\n- question: 一\n  answer: { text: '' }\n");
    folder.run_in_chinese("push", &[]).await.is(1, "", str![[r#"
错误：[HOME]/kb/a.yaml 不是有效的分组：参数有误，未发送：answer 为空。处理：修正该文件：分组有 name 和 intents，问答有 question、similar 和 answer，回答有 text 和 attachments。

"#]]);
    folder.write("a.yaml", "name: 甲\n");
    folder.write("b.yaml", "name: 甲\n");
    folder.run("push", &[]).await.is(1, "", str![[r#"
error: [HOME]/kb/a.yaml and [HOME]/kb/b.yaml both have “甲”  do: Names of groups are unique, and so are questions, across all groups: remove or change one of them.

"#]]);
    folder.write("a.yaml", "name: 乙\nintents:\n- question: 一\n  answer: { text: 二 }\n");
    folder.write("b.yaml", "name: 甲\nintents:\n- question: 一\n  answer: { text: 二 }\n");
    folder.run_in_chinese("diff", &[]).await.is(1, "", str![[r#"
错误：[HOME]/kb/a.yaml 和 [HOME]/kb/b.yaml 都有“一”。处理：分组名称不能重复，问题在所有分组中也不能重复：删除或修改其中一个。

"#]]);
    assert_eq!(stage.simulator.requests(), 0);
}
