//! `wecom-kf media`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use snapbox::str;
use wecom_kf_sim::MediaKind;

use crate::stage::Stage;
use crate::terminal::{on_terminal, plain};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n of a menu";

fn write(stage: &Stage, name: &str, bytes: &[u8]) -> String {
    let path = stage.home.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_prints_its_media_id_and_takes_the_type_from_the_file() {
    let stage = Stage::start().await;
    let png = write(&stage, "菜单", PNG);
    let uploaded = stage.run(&["media", "upload", &png]).piped().await;
    assert_eq!(uploaded.code, 0, "{uploaded:?}");
    assert!(uploaded.stderr.starts_with("uploaded as image, valid until 20"), "{uploaded:?}");
    let media = stage.simulator.media(uploaded.stdout.trim()).unwrap();
    assert_eq!((media.kind, media.file_name.as_str(), media.bytes.as_slice()), (MediaKind::Image, "菜单", PNG));

    let forced = stage.run(&["--json", "media", "upload", &png, "--type", "file"]).in_chinese().piped().await;
    assert!(forced.stderr.starts_with("已上传，类型 file，有效期至 20"), "{forced:?}");
    let json: serde_json::Value = serde_json::from_str(&forced.stdout).unwrap();
    assert_eq!(json["type"], "file");
    assert_eq!(stage.simulator.media(json["media_id"].as_str().unwrap()).unwrap().kind, MediaKind::File);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_on_a_terminal_has_a_progress_bar() {
    let stage = Stage::start().await;
    let bytes = vec![b'x'; 3 << 20];
    let file = write(&stage, "price.bin", &bytes);
    let uploaded = on_terminal(stage.run(&["media", "upload", &file]), "").await;
    assert_eq!(uploaded.code, 0, "{uploaded:?}");
    assert!(uploaded.stdout.contains("uploading") && uploaded.stdout.contains("/3,145,728"), "{uploaded:?}");
    let shown = plain(&uploaded);
    let media_id = shown.lines().last().unwrap();
    assert_eq!(stage.simulator.media(media_id.trim()).unwrap().bytes, bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_wecom_would_refuse_is_not_sent() {
    let stage = Stage::start().await;
    let text = write(&stage, "a.txt", b"no picture");
    stage.run(&["media", "upload", &text, "--type", "image"]).piped().await.is(
        2,
        str![],
        str![[r#"
error: media must be a JPG or PNG; nothing was sent  do: Fix the input: WeCom would refuse it.

"#]],
    );
    stage.run(&["media", "upload", &text, "--type", "picture"]).in_chinese().piped().await.is(
        2,
        str![],
        str![[r#"
错误：--type <TYPE> 的值 "picture" 无效：可以是 image, voice, video, file
更多信息见 --help

"#]],
    );
    stage.run(&["media", "upload", "no-such"]).in_chinese().piped().await.is(
        1,
        str![],
        str![[r#"
错误：无法读取要上传的文件：文件或目录不存在（系统错误 2）。处理：检查路径、权限和磁盘空间。

"#]],
    );
    let dry = stage.run(&["--dry-run", "media", "upload", &text]).piped().await;
    dry.is(
        0,
        str![],
        str![[r#"
would do: Uploads [HOME]/a.txt as file, 10 bytes

"#]],
    );
    assert_eq!(stage.simulator.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_has_a_safe_name_and_replaces_nothing() {
    let stage = Stage::start().await;
    let media_id = stage.simulator.upload(MediaKind::File, "../报价 单.pdf", "prices");
    let folder = stage.home.path().join("in");
    std::fs::create_dir(&folder).unwrap();
    let out = folder.to_str().unwrap();
    stage.run(&["media", "download", &media_id, "--out", out]).piped().await.is(
        0,
        str![[r#"
[HOME]/in/报价 单.pdf	6

"#]],
        str![],
    );
    let path = folder.join("报价 单.pdf");
    assert_eq!((std::fs::read(&path).unwrap().as_slice(), mode(&path)), (&b"prices"[..], 0o600));

    std::fs::write(&path, "mine").unwrap();
    stage.run(&["media", "download", &media_id, "--out", out]).piped().await.is(1, str![], str![[r#"
error: [HOME]/in has a file with the name of the download already  do: Choose another file or folder with --out, or replace it with --force.

"#]]);
    let file = path.to_str().unwrap();
    stage.run(&["media", "download", &media_id, "--out", file]).in_chinese().piped().await.is(
        1,
        str![],
        str![[r#"
错误：[HOME]/in/报价 单.pdf 已存在。处理：换一个路径，或加上 --force 覆盖它。

"#]],
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    for out in [out, file] {
        std::fs::write(&path, "mine").unwrap();
        let forced = stage.run(&["media", "download", &media_id, "--out", out, "--force"]).piped().await;
        assert_eq!((forced.code, std::fs::read(&path).unwrap().as_slice()), (0, &b"prices"[..]));
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "no part is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_says_what_it_saved_and_what_failed() {
    let stage = Stage::start().await;
    let media_id = stage.simulator.upload(MediaKind::Image, "a.png", PNG);
    let out = stage.home.path().join("b.png");
    let args = ["--json", "media", "download", &media_id, "-o", out.to_str().unwrap()];
    let saved = stage.run(&args).piped().await;
    let json: serde_json::Value = serde_json::from_str(&saved.stdout).unwrap();
    assert_eq!((json["media_id"].as_str(), json["length"].as_u64()), (Some(media_id.as_str()), Some(PNG.len() as u64)));
    assert_eq!((json["path"].as_str(), json["file_name"].as_str()), (Some("[HOME]/b.png"), Some("a.png")));

    let gone = stage.run(&["media", "download", "none", "-o", out.to_str().unwrap(), "--force"]).piped().await;
    gone.is(1, str![], str![[r#"
error: media_get refused: 40007, media_id is not valid or older than 3 days. WeCom said: "media_id is not valid or older than 3 days, hint: [2935512841357687530], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=40007"  do: After 3 days the file is gone: ask the customer to send it again. Before that, compare the media_id with the one in the message. Download media right after you read the message.

"#]]);
    assert_eq!(std::fs::read(&out).unwrap(), PNG);
    let nowhere = stage.run(&["media", "download", &media_id, "-o", "no/such/folder/a"]).piped().await;
    nowhere.is(1, str![], str![[r#"
error: no/such/folder/a cannot be written: entity not found  do: Check the path, its permissions and the free disk space.

"#]]);

    let media_id = stage.simulator.upload(MediaKind::File, "big.bin", vec![b'x'; 1 << 20]);
    let out = stage.home.path().join("big.bin");
    let shown = on_terminal(stage.run(&["media", "download", &media_id, "-o", out.to_str().unwrap()]), "").await;
    assert!(shown.stdout.contains("downloading") && shown.stdout.contains("/1,048,576"), "{shown:?}");
    assert_eq!(std::fs::metadata(&out).unwrap().len(), 1 << 20);
}
