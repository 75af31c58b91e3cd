//! Adds an account with an avatar, creates a link to it, and lists all accounts.
//!
//! ```text
//! cargo run --example add_account -- 售后 avatar.png
//! ```
//!
//! Without arguments and without a WeCom account, it adds the account 售后 with a built-in image on a simulator.
#![allow(clippy::print_stdout, reason = "a program talks")]

#[path = "shared/stage.rs"]
#[allow(dead_code, reason = "nothing is read here")]
mod stage;

use stage::Stage;
use wecom_kf::Report;
use wecom_kf::media::{MediaType, Upload};

/// A PNG image of one grey pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9cch\0\0\0\x82\0\x81w\xcdr\xb6\0\0\0\0IEND\xaeB`\x82";

#[tokio::main]
async fn main() -> Result<(), Report> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "售后".to_owned());
    let avatar = match arguments.next() {
        Some(path) => Upload::from_file(path).await?,
        None => Upload::from_bytes("avatar.png", PNG),
    };
    let stage = Stage::set().await?;
    let client = &stage.client;

    let avatar = client.media().upload(MediaType::Image, avatar).await?;
    let open_kfid = client.accounts().add(&name, &avatar.media_id).await?;
    println!("added     {open_kfid}  {name}");
    let link = client.accounts().contact_way(&open_kfid).scene("web_footer").await?;
    println!("link      {}", link.url_with_param("page=home")?);
    for account in client.accounts().list().await? {
        println!("account   {}  {}", account.open_kfid, account.name);
    }
    Ok(())
}
