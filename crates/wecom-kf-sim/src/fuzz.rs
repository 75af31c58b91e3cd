//! Ways in for the fuzz targets, without a socket. They exist only where cargo-fuzz builds the crate.

use axum::Router;
use axum::extract::connect_info::MockConnectInfo;
use axum::http::HeaderMap;
use bytes::Bytes;

use crate::api::simulator::Simulator;
use crate::http::connection::Peer;
use crate::http::multipart;

/// Returns all routes of a simulator, behind its guard.
pub fn routes(sim: &Simulator) -> Router {
    sim.routes().layer(MockConnectInfo(Peer::default()))
}

/// Reads the one part of an upload. Returns its name, its file name and its bytes, if it is accepted.
pub async fn part(headers: &HeaderMap, body: Bytes) -> Option<(String, String, Bytes)> {
    let part = multipart::part(headers, body).await.ok()?;
    Some((part.name, part.file_name, part.bytes))
}
