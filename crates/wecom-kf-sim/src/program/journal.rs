//! `--journal`: writes every call and callback to a file, also those that the simulator's own journal forgets.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};
use wecom_kf_sim::{Call, Delivery};

use super::terminal;

/// A file that rows are written to as they come.
#[derive(Clone, Debug)]
pub(super) struct JournalFile {
    path: Arc<Path>,
    format: Format,
    /// None once writing has failed, or the file is complete.
    writer: Arc<Mutex<Option<Writer>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// One row on each line: an `Entry` of `control.yaml`, with `corp_id`.
    Lines,
    /// The HTTP archive format 1.2.
    Har,
}

#[derive(Debug)]
struct Writer {
    file: BufWriter<File>,
    rows: u64,
}

/// The value of `--journal`: creates the file.
pub(super) fn file(text: &str) -> Result<JournalFile, String> {
    let path = PathBuf::from(text);
    let format = match path.extension().and_then(|extension| extension.to_str()) {
        Some("jsonl" | "ndjson") => Format::Lines,
        Some("har") => Format::Har,
        _ => return Err("the name ends in `.jsonl` for JSON lines, or in `.har` for HAR".to_owned()),
    };
    let file = File::create(&path).map_err(|error| format!("cannot write it: {error}"))?;
    let mut writer = Writer { file: BufWriter::new(file), rows: 0 };
    writer.begin(format).map_err(|error| format!("cannot write it: {error}"))?;
    Ok(JournalFile { path: path.into(), format, writer: Arc::new(Mutex::new(Some(writer))) })
}

impl JournalFile {
    pub(super) fn call(&self, call: &Call, base_url: &str) {
        self.row(&call.corp_id, json!(call), base_url);
    }

    pub(super) fn callback(&self, delivery: &Delivery) {
        self.row(&delivery.corp_id, json!(delivery), "");
    }

    /// Completes the file.
    pub(super) fn finish(&self) -> Result<(), String> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut writer) = writer else { return Ok(()) };
        writer.end(self.format).map_err(|error| self.failed(&error))
    }

    fn row(&self, corp_id: &str, mut entry: Value, base_url: &str) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = writer.as_mut() else { return };
        entry["corp_id"] = json!(corp_id);
        let row = if self.format == Format::Har { har(&entry, base_url) } else { entry };
        if let Err(error) = open.row(self.format, &row) {
            // Once: the disk is full, most likely.
            *writer = None;
            terminal::complain(&self.failed(&error));
        }
    }

    fn failed(&self, error: &io::Error) -> String {
        format!("cannot write {}: {error}", self.path.display())
    }
}

impl Writer {
    fn begin(&mut self, format: Format) -> io::Result<()> {
        if format == Format::Har {
            let creator = json!({ "name": "wecom-kf-sim", "version": env!("CARGO_PKG_VERSION") });
            write!(self.file, r#"{{"log":{{"version":"1.2","creator":{creator},"entries":["#)?;
        }
        self.file.flush()
    }

    fn row(&mut self, format: Format, row: &Value) -> io::Result<()> {
        match format {
            Format::Lines => writeln!(self.file, "{row}")?,
            Format::Har => write!(self.file, "{}\n{row}", if self.rows == 0 { "" } else { "," })?,
        }
        self.rows += 1;
        // Whoever reads the file while the simulator runs, or after it was killed, finds whole rows.
        self.file.flush()
    }

    fn end(&mut self, format: Format) -> io::Result<()> {
        if format == Format::Har {
            writeln!(self.file, "\n]}}}}")?;
        }
        self.file.flush()
    }
}

/// A row as an entry of HAR. Secrets are masked in it already.
fn har(entry: &Value, base_url: &str) -> Value {
    let is_call = entry["kind"] == "call";
    let path = entry["path"].as_str().unwrap_or_default();
    let url = if is_call { format!("{base_url}{path}") } else { path.to_owned() };
    let method = entry["method"].as_str().unwrap_or_default();
    // The journal has the query of GET as the request.
    let query = match &entry["request"] {
        Value::Object(query) if method == "GET" => pairs(query),
        _ => json!([]),
    };
    let mut request = json!({
        "method": method, "url": url, "httpVersion": "HTTP/1.1", "cookies": [], "headers": [],
        "queryString": query, "headersSize": -1, "bodySize": -1,
    });
    let (body, mime) = text(&entry["request"]);
    if method != "GET" && !body.is_empty() {
        request["postData"] = json!({ "mimeType": if is_call { mime } else { "text/xml" }, "text": body });
    }
    let (reply, mime) = text(&entry["reply"]);
    let took = &entry["took_ms"];
    let mut row = Map::new();
    for (name, value) in [
        ("startedDateTime", json!(time(entry["at"].as_i64().unwrap_or_default()))),
        ("time", took.clone()),
        ("request", request),
        (
            "response",
            json!({
                "status": entry["status"], "statusText": "", "httpVersion": "HTTP/1.1", "cookies": [], "headers": [],
                "content": { "size": reply.len(), "mimeType": mime, "text": reply },
                "redirectURL": "", "headersSize": -1, "bodySize": -1,
            }),
        ),
        ("cache", json!({})),
        ("timings", json!({ "send": 0, "wait": took, "receive": 0 })),
        // Members of one's own begin with an underscore.
        ("_corp_id", entry["corp_id"].clone()),
        ("_n", entry["n"].clone()),
        ("_operation", entry["operation"].clone()),
        ("_fault", entry["fault"].clone()),
        ("_findings", entry["findings"].clone()),
    ] {
        row.insert(name.to_owned(), value);
    }
    row.into()
}

fn pairs(query: &Map<String, Value>) -> Value {
    let pairs = query.iter().map(|(name, value)| json!({ "name": name, "value": text(value).0 }));
    pairs.collect()
}

/// A body as it went over the wire, and its type.
fn text(body: &Value) -> (String, &'static str) {
    match body {
        Value::Null => (String::new(), "text/plain"),
        Value::String(text) => (text.clone(), "text/plain"),
        json => (json.to_string(), "application/json"),
    }
}

fn time(unix: i64) -> String {
    let time = DateTime::from_timestamp(unix, 0).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_har_has_what_viewers_ask_for() {
        let entry = json!({
            "n": 3, "kind": "call", "at": 1_767_196_800, "took_ms": 12, "operation": "send_msg", "method": "POST",
            "path": "/cgi-bin/kf/send_msg", "status": 200, "request": { "touser": "wm" }, "reply": { "errcode": 0 },
            "fault": null, "findings": [], "corp_id": "ww1",
        });
        let row = har(&entry, "http://127.0.0.1:9500");
        assert_eq!(row["startedDateTime"], "2025-12-31T16:00:00.000Z");
        assert_eq!(row["request"]["url"], "http://127.0.0.1:9500/cgi-bin/kf/send_msg");
        assert_eq!(row["request"]["postData"], json!({ "mimeType": "application/json", "text": r#"{"touser":"wm"}"# }));
        assert_eq!(row["response"]["content"]["text"], r#"{"errcode":0}"#);
        assert_eq!((&row["time"], &row["timings"]["wait"]), (&json!(12), &json!(12)));
    }
}
