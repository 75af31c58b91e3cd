//! Upload and download of files with the simulator.

use std::time::Duration;

use tempfile::TempDir;
use wecom_kf::ErrCode;
use wecom_kf::media::{MediaType, Upload};
use wecom_kf::messages::Content;
use wecom_kf::messages::outgoing::{File, Image};

use super::world;

const JPG: &[u8] = b"\xff\xd8\xff\xe0 a picture";

#[tokio::test]
async fn a_picture_is_uploaded_sent_and_fetched_again_until_it_expires() {
    let world = world().await;
    let media = world.client.media();
    let uploaded = media.upload(MediaType::Image, Upload::from_bytes("菜单.jpg", JPG)).await.unwrap();
    assert_eq!(uploaded.created_at, Some(world.sim.now() as i64));
    let image = Image::new(&uploaded.media_id);
    world.client.messages().send(&world.kf, &world.id, image).await.unwrap();
    let file = media.get(&uploaded.media_id).await.unwrap();
    assert_eq!(file.file_name().as_deref(), Some("菜单.jpg"));
    assert_eq!(file.into_bytes(1024).await.unwrap(), JPG);
    let url = media.upload_image(Upload::from_bytes("a.jpg", JPG)).await.unwrap();
    assert!(url.starts_with("http"), "{url}");
    // The file is not a valid voice message.
    assert!(media.upload(MediaType::Voice, Upload::from_bytes("a.amr", b"#!AMR\n.".to_vec())).await.is_ok());

    world.sim.advance(Duration::from_secs(3 * 86_400 + 1));
    let error = media.get(&uploaded.media_id).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrCode::INVALID_MEDIA_ID));
    world.customer.says("还在吗");
    let late = File::new(&uploaded.media_id);
    let error = world.client.messages().send(&world.kf, &world.id, late).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrCode::INVALID_MEDIA_ID));
}

#[tokio::test]
async fn what_a_customer_sends_is_saved_under_its_name() {
    let world = world().await;
    world.customer.sends_file("报价 单.pdf", b"%PDF-1.7 ...".to_vec());
    let page = world.client.messages().page(&world.kf).await.unwrap();
    let media_id = page.messages().iter().find_map(|message| match message.content() {
        Content::File(file) => Some(file.media_id.clone()),
        _ => None,
    });
    let folder = TempDir::new().unwrap();
    let saved = world.client.media().download_into(media_id.clone().unwrap(), folder.path()).await.unwrap();
    assert_eq!(saved.path, folder.path().join("报价 单.pdf"));
    assert_eq!(std::fs::read(&saved.path).unwrap(), b"%PDF-1.7 ...");
    let path = folder.path().join("x.pdf");
    let saved = world.client.media().download_to(media_id.unwrap(), &path).await.unwrap();
    assert_eq!((saved.length, saved.file_name.as_deref()), (12, Some("报价 单.pdf")));
}
