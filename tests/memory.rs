//! The memory that an upload and a download need. This is a process of its own, because the allocator counts the whole process,
//! including the server of this file.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use futures_util::{TryStreamExt, stream};
use peak_alloc::PeakAlloc;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wecom_kf::media::{MediaType, Upload};
use wecom_kf::{Client, Credentials};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// The size of the largest file that WeCom accepts.
const SIZE: usize = 20 * 1024 * 1024;

/// The memory that a transfer may need, independent of the file's size: buffers of the HTTP client and of the file system.
const FLAT: usize = 4 * 1024 * 1024;

const PIECE: [u8; 16 * 1024] = [b'x'; 16 * 1024];

/// Accepts and discards uploads. Returns a file of [`SIZE`] bytes.
async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let (mut head, mut rest) = (Vec::new(), PIECE);
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut left = length.map_or(0, |length| length.parse::<usize>().unwrap());
    while left > 0 {
        left -= stream.read(&mut rest).await?;
    }
    if head.contains("/media/get?") {
        let headers = "content-disposition: attachment; filename=\"a\"\r\nconnection: close\r\n";
        stream.write_all(format!("HTTP/1.1 200 OK\r\n{headers}content-length: {SIZE}\r\n\r\n").as_bytes()).await?;
        for _ in 0..SIZE / PIECE.len() {
            stream.write_all(&PIECE).await?;
        }
        return stream.shutdown().await;
    }
    let body = r#"{"access_token":"T","expires_in":7200,"media_id":"m"}"#;
    let reply = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(reply.as_bytes()).await?;
    stream.shutdown().await
}

async fn client() -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    Client::builder(Credentials::new("ww1", "s")).base_url(base_url).build().unwrap()
}

/// Runs `work`, and asserts that it takes at most [`FLAT`] of memory.
async fn flat(name: &str, work: impl Future<Output = ()>) {
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    work.await;
    let peak = ALLOCATED.peak_usage().saturating_sub(before);
    assert!(peak < FLAT, "{name} takes {peak} bytes");
    assert!(peak > PIECE.len(), "{name}: nothing was measured");
}

#[tokio::test]
async fn a_file_of_20_mb_goes_up_and_down_in_less_than_4_mb() {
    let (client, folder) = (client().await, TempDir::new().unwrap());
    let media = client.media();
    let (source, target) = (folder.path().join("source"), folder.path().join("target"));
    std::fs::write(&source, vec![b'x'; SIZE]).unwrap();
    // The first upload also opens the connection and fetches the token, so it is not measured.
    media.upload(MediaType::File, Upload::from_bytes("a", PIECE)).await.unwrap();

    flat("upload from a file", async {
        let file = Upload::from_file(&source).await.unwrap();
        media.upload(MediaType::File, file).await.unwrap();
    })
    .await;
    flat("upload from a stream", async {
        let pieces = stream::iter((0..SIZE / PIECE.len()).map(|_| Ok::<_, std::io::Error>(PIECE.to_vec())));
        media.upload(MediaType::File, Upload::from_stream("a", SIZE as u64, pieces)).await.unwrap();
    })
    .await;
    let bytes = Upload::from_bytes("a", std::fs::read(&source).unwrap());
    flat("upload from bytes, beyond these", async {
        media.upload(MediaType::File, bytes).await.unwrap();
    })
    .await;
    flat("download to a file", async {
        assert_eq!(media.download_to("m", &target).await.unwrap().length, SIZE as u64);
    })
    .await;
    flat("download as a stream", async {
        let file = media.get("m").await.unwrap();
        let read = file.try_fold(0, |read, piece| async move { Ok(read + piece.len()) }).await.unwrap();
        assert_eq!(read, SIZE);
    })
    .await;
    assert_eq!(std::fs::metadata(&target).unwrap().len(), SIZE as u64);
}
