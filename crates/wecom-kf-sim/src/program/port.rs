//! Who has a port.

use std::error::Error;
use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

use serde_json::Value;
use wecom_kf_sim::StartError;

/// So many ports after the usual one are tried.
pub(super) const TRIED: u16 = 20;
const PATIENCE: Duration = Duration::from_millis(500);

pub(super) fn is_taken(error: &StartError) -> bool {
    matches!(error, StartError::Listen { source, .. } if source.kind() == ErrorKind::AddrInUse)
}

/// The error with its causes, and what to do about a port.
pub(super) fn explain(error: &StartError, port: u16) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    if is_taken(error) {
        let by = owner(port).map(|owner| format!(" by {owner}")).unwrap_or_default();
        text.push_str(&format!("\nwecom-kf-sim: port {port} is taken{by}; `--port 0` takes a free one"));
    }
    text
}

/// ` by …`, if it can be found out.
pub(super) async fn taken_by(port: u16) -> String {
    if let Some(info) = info(port, PATIENCE).await {
        let version = info["version"].as_str().unwrap_or_default();
        return format!(" by another wecom-kf-sim {version}");
    }
    owner(port).map(|owner| format!(" by {owner}")).unwrap_or_default()
}

/// What the simulator on this port says of itself.
pub(super) async fn info(port: u16, patience: Duration) -> Option<Value> {
    let client = reqwest::Client::builder().no_proxy().timeout(patience).build().ok()?;
    let response = client.get(format!("http://127.0.0.1:{port}/sim/v1/info")).send().await.ok()?;
    let info: Value = response.json().await.ok()?;
    info.get("corp_id").is_some().then_some(info)
}

/// The program that listens on a port of loopback or of all addresses, where the system tells (Linux).
fn owner(port: u16) -> Option<String> {
    let sockets: Vec<_> =
        ["/proc/net/tcp", "/proc/net/tcp6"].into_iter().flat_map(|table| inodes(table, port)).collect();
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let pid = process.file_name().to_string_lossy().into_owned();
        let Ok(files) = fs::read_dir(process.path().join("fd")) else { continue };
        let mut links = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
        if links.any(|link| sockets.iter().any(|inode| link.as_os_str() == format!("socket:[{inode}]").as_str())) {
            let name = fs::read_to_string(process.path().join("comm")).ok()?;
            return Some(format!("{} (process {pid})", name.trim()));
        }
    }
    None
}

/// The inodes of the sockets that listen on a port, from a table of the kernel's.
fn inodes(table: &str, port: u16) -> Vec<String> {
    const LISTENS: &str = "0A";
    let table = fs::read_to_string(table).unwrap_or_default();
    let lines = table.lines().skip(1).filter_map(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let (_, local_port) = columns.get(1)?.rsplit_once(':')?;
        let is_it = u16::from_str_radix(local_port, 16) == Ok(port) && columns.get(3) == Some(&LISTENS);
        is_it.then(|| columns.get(9).map(|inode| (*inode).to_owned())).flatten()
    });
    lines.collect()
}
