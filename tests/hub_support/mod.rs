//! A hub on this machine: one repository, the answers of huggingface.co to what hf-hub and we ask, and its ways to fail.
#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use circumplex::job::{Cancel, silent};
use circumplex::model::{Hub, ModelError};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub const NAME: &str = "owner/tiny-chat";
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// The token which may see everything.
pub const TOKEN: &str = "hf_right";

pub const WEIGHTS: &str = "model.safetensors";

/// What the server has, and how it behaves.
#[derive(Clone, Default)]
pub struct Manners {
    pub files: BTreeMap<String, Vec<u8>>,
    /// After how many bytes answers with large files break off, in order.
    pub cuts: Vec<usize>,
    /// Sends large files up to here, and then nothing more.
    pub stall: Option<usize>,
    pub ignores_ranges: bool,
    pub damages: bool,
    /// Lists names only, and knows only the branch, as some mirrors do.
    pub bare: bool,
    pub gated: bool,
}

/// One request as it came in.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    pub path: String,
    pub range: Option<String>,
    pub token: Option<String>,
}

/// A running server. Its thread ends with the process.
pub struct Server {
    pub endpoint: String,
    pub manners: Arc<Mutex<Manners>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// Every file of a folder.
pub fn files_of(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.file_name().unwrap().to_str().unwrap().into(), std::fs::read(&path).unwrap())).collect()
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A server with a tiny model, and an empty cache.
pub struct Bench {
    pub server: Server,
    pub home: TempDir,
    pub hub: Hub,
}

/// The model with what repositories also hold, after a change.
pub fn bench(change: impl FnOnce(&mut Manners)) -> Bench {
    let mut manners = Manners {
        files: files_of(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/llama-biased"))),
        ..Manners::default()
    };
    for other in ["README.md", ".gitattributes", "pytorch_model.bin", "onnx/model.onnx", "consolidated.safetensors"] {
        manners.files.insert(other.into(), other.into());
    }
    manners.files.remove("expected.safetensors");
    change(&mut manners);
    let (server, home) = (Server::start(manners), tempfile::tempdir().unwrap());
    let hub = Hub { pause: Duration::from_millis(1), ..Hub::new(&server.endpoint, home.path()) };
    Bench { server, home, hub }
}

impl Bench {
    pub fn fetch(&self) -> Result<PathBuf, ModelError> {
        self.hub.fetch(NAME, &Cancel::new(), &mut silent)
    }

    #[track_caller]
    pub fn error(&self, parts: &[&str]) {
        let message = self.fetch().unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
        assert_eq!(
            message.lines().filter(|line| !line.is_empty()).count(),
            2,
            "what failed, then what to do: {message}"
        );
    }

    pub fn repo(&self) -> PathBuf {
        self.home.path().join("models--owner--tiny-chat")
    }

    pub fn part(&self) -> PathBuf {
        self.repo().join("blobs").join(format!("{}.part", self.hash()))
    }

    pub fn hash(&self) -> String {
        sha256(&self.server.manners.lock().unwrap().files[WEIGHTS])
    }
}

/// Waits until a file has this length.
pub fn wait_for(path: &Path, length: u64) {
    while std::fs::metadata(path).map_or(0, |data| data.len()) != length {
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Server {
    pub fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let manners = Arc::new(Mutex::new(manners));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let server =
            Self { endpoint: format!("http://127.0.0.1:{port}"), manners: manners.clone(), asked: asked.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (manners, asked) = (manners.clone(), asked.clone());
                // A client which has gone away is none of our business.
                std::thread::spawn(move || drop(serve(&stream.unwrap(), port, &manners, &asked)));
            }
        });
        server
    }

    pub fn change(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.manners.lock().unwrap());
    }

    /// What was asked for since the last call.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// The ranges asked for of large files since the last call.
    pub fn large_ranges(&self) -> Vec<String> {
        self.asked()
            .into_iter()
            .filter(|asked| asked.path.starts_with("/cdn/"))
            .filter_map(|asked| asked.range)
            .collect()
    }
}

fn serve(stream: &TcpStream, port: u16, manners: &Mutex<Manners>, log: &Mutex<Vec<Asked>>) -> std::io::Result<()> {
    let asked = read_request(stream)?;
    log.lock().unwrap().push(asked.clone());
    let now = manners.lock().unwrap().clone();
    if let Some(hash) = asked.path.strip_prefix("/cdn/") {
        let contents = now.files.values().find(|contents| sha256(contents) == hash).unwrap();
        return send_large(stream, &asked, contents, manners);
    }
    match answer(&now, &asked, port) {
        Answer::Refused(status, code) => send(stream, status, &[("X-Error-Code", code)], br#"{"error": "no"}"#),
        Answer::Json(value) => send(stream, 200, &[("Content-Type", "application/json")], value.to_string().as_bytes()),
        Answer::Elsewhere(status, address) => {
            send(stream, status, &[("Location", &address), ("X-Repo-Commit", COMMIT)], b"")
        }
        Answer::File(contents) => send_range(stream, &asked, &contents, false),
    }
}

enum Answer {
    Refused(u16, &'static str),
    Json(Value),
    Elsewhere(u16, String),
    File(Vec<u8>),
}

fn answer(now: &Manners, asked: &Asked, port: u16) -> Answer {
    let token = asked.token.as_deref();
    if token == Some("hf_unknown") {
        return Answer::Refused(401, "");
    }
    let missing =
        || if token.is_some() { Answer::Refused(404, "RepoNotFound") } else { Answer::Refused(401, "RepoNotFound") };
    if asked.path == format!("/api/models/{NAME}/revision/main?blobs=true") {
        return Answer::Json(listing(now));
    }
    if let Some(file) = asked.path.strip_prefix(&format!("/api/resolve-cache/models/{NAME}/{COMMIT}/")) {
        return Answer::File(now.files[file].clone());
    }
    let Some((revision, file)) =
        asked.path.strip_prefix(&format!("/{NAME}/resolve/")).and_then(|path| path.split_once('/'))
    else {
        return missing();
    };
    if now.gated && token != Some(TOKEN) {
        return Answer::Refused(if token.is_some() { 403 } else { 401 }, "GatedRepo");
    }
    if revision != "main" && (revision != COMMIT || now.bare) {
        return Answer::Refused(404, "RevisionNotFound");
    }
    match now.files.get(file) {
        None => Answer::Refused(404, "EntryNotFound"),
        // Another host than the hub's, as its large files have one.
        Some(contents) if is_large(file) => {
            Answer::Elsewhere(302, format!("http://localhost:{port}/cdn/{}", sha256(contents)))
        }
        Some(contents) if now.bare => Answer::File(contents.clone()),
        Some(_) => Answer::Elsewhere(307, format!("/api/resolve-cache/models/{NAME}/{COMMIT}/{file}")),
    }
}

fn is_large(file: &str) -> bool {
    file.ends_with(".safetensors")
}

fn listing(now: &Manners) -> Value {
    let sibling = |(name, contents): (&String, &Vec<u8>)| {
        let (size, hash) = (contents.len(), sha256(contents));
        match (now.bare, is_large(name)) {
            (true, _) => json!({ "rfilename": name }),
            (_, true) => json!({
                "rfilename": name, "size": size, "blobId": &hash[..40],
                "lfs": { "sha256": hash, "size": size, "pointerSize": 134 },
            }),
            (_, false) => json!({ "rfilename": name, "size": size, "blobId": &hash[..40] }),
        }
    };
    json!({ "id": NAME, "sha": COMMIT, "siblings": now.files.iter().map(sibling).collect::<Vec<_>>() })
}

fn read_request(stream: &TcpStream) -> std::io::Result<Asked> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut asked = Asked { path, range: None, token: None };
    for line in lines {
        let line = line?;
        let Some((key, value)) = line.split_once(": ") else { break };
        match key.to_lowercase().as_str() {
            "range" => asked.range = Some(value.into()),
            "authorization" => asked.token = value.strip_prefix("Bearer ").map(String::from),
            _ => {}
        }
    }
    Ok(asked)
}

fn send(mut stream: &TcpStream, status: u16, headers: &[(&str, &str)], body: &[u8]) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status} -\r\nConnection: close\r\nContent-Length: {}\r\n", body.len())?;
    for (key, value) in headers {
        write!(stream, "{key}: {value}\r\n")?;
    }
    stream.write_all(b"\r\n")?;
    stream.write_all(body)
}

fn send_range(mut stream: &TcpStream, asked: &Asked, contents: &[u8], whole: bool) -> std::io::Result<()> {
    stream.write_all(&answer_to_range(asked, contents, whole))
}

/// Head and contents of an answer to `bytes=A-` or `bytes=A-B`.
fn answer_to_range(asked: &Asked, contents: &[u8], whole: bool) -> Vec<u8> {
    let size = contents.len();
    let range = asked.range.as_deref().and_then(|range| range.strip_prefix("bytes=")).filter(|_| !whole);
    let etag = sha256(contents);
    let common =
        format!("Connection: close\r\nAccept-Ranges: bytes\r\nETag: \"{etag}\"\r\nX-Repo-Commit: {COMMIT}\r\n");
    let Some((start, end)) = range.and_then(|range| range.split_once('-')) else {
        return [format!("HTTP/1.1 200 OK\r\n{common}Content-Length: {size}\r\n\r\n").as_bytes(), contents].concat();
    };
    let start: usize = start.parse().unwrap();
    let end = end.parse().map_or(size, |end: usize| size.min(end + 1));
    if start >= size {
        return format!("HTTP/1.1 416 -\r\n{common}Content-Range: bytes */{size}\r\nContent-Length: 0\r\n\r\n").into();
    }
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\n{common}Content-Range: bytes {start}-{}/{size}\r\nContent-Length: {}\r\n\r\n",
        end - 1,
        end - start
    );
    [head.as_bytes(), &contents[start..end]].concat()
}

fn send_large(mut stream: &TcpStream, asked: &Asked, contents: &[u8], manners: &Mutex<Manners>) -> std::io::Result<()> {
    let (whole, damages, stall, cut) = {
        let mut now = manners.lock().unwrap();
        let cut = (!now.cuts.is_empty()).then(|| now.cuts.remove(0));
        (now.ignores_ranges, now.damages, now.stall, cut)
    };
    let mut contents = contents.to_vec();
    if damages {
        *contents.last_mut().unwrap() ^= 1;
    }
    let answer = answer_to_range(asked, &contents, whole);
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let most = stall.or(cut).map_or(answer.len(), |bytes| answer.len().min(head + bytes));
    stream.write_all(&answer[..most])?;
    if stall.is_some() {
        std::thread::sleep(Duration::from_secs(20));
    }
    Ok(())
}
