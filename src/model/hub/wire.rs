//! One answer of a server. It is read on a thread of its own, so that waiting for it can be stopped at any time: a read from the network
//! cannot be. Goes through hf-hub's client, which brings the token (to the hub only, not to where it sends us), proxies and TLS.

use std::io::Read;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use hf_hub::api::sync::ApiRepo;

use crate::job::Cancel;

/// How long a server may be silent.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a waiting reader looks at the cancel flag.
const GLANCE: Duration = Duration::from_millis(50);
/// Bytes read at a time, and pieces which wait to be written: a slow disk slows the network down, not the memory.
const PIECE: usize = 256 << 10;
const AHEAD: usize = 8;

/// Why there is no answer, or no more of it.
pub enum Fault {
    Cancelled,
    /// The connection failed or broke: another attempt may help.
    Lost(String),
}

/// What the server said before the contents.
#[derive(Debug)]
pub struct Head {
    pub status: u16,
    /// `x-error-code` of the hub: `GatedRepo`, `RepoNotFound`.
    pub code: String,
    /// Where in the file the contents begin; none if a part came without saying which.
    pub start: Option<u64>,
    /// Length of the whole file, if it was said.
    pub total: Option<u64>,
}

/// The contents, piece by piece.
pub struct Body(Receiver<Message>);

enum Message {
    Head(Head),
    Piece(Vec<u8>),
    End,
    Lost(String),
}

/// Asks for an address, of a file the bytes of `range` (`0-0`, `4096-`).
pub fn get(repo: &ApiRepo, url: &str, range: Option<&str>, cancel: &Cancel) -> Result<(Head, Body), Fault> {
    let mut request = repo.info_request().uri(url);
    if let Some(range) = range {
        request = request.header("Range", format!("bytes={range}"));
    }
    let mut config = request
        .config()
        // Servers cannot give a part of what they compress, and send the whole instead.
        .accept_encoding("identity")
        .http_status_as_error(false)
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE));
    if is_local(url) {
        config = config.proxy(None);
    }
    let request = config.build();
    let (sender, receiver) = sync_channel(AHEAD);
    let read = move || {
        let response = match request.call() {
            Ok(response) => response,
            Err(error) => return drop(sender.send(Message::Lost(error.to_string()))),
        };
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let status = response.status().as_u16();
        let (start, total) = extent(status, header("content-range"), header("content-length"));
        let head = Head { status, code: header("x-error-code").unwrap_or_default().to_owned(), start, total };
        if sender.send(Message::Head(head)).is_ok() {
            pass_on(response.into_body().into_reader(), &sender);
        }
    };
    let thread = std::thread::Builder::new().name("download".into()).spawn(read);
    thread.map_err(|error| Fault::Lost(format!("no thread: {error}")))?;

    let body = Body(receiver);
    match body.receive(cancel)? {
        Message::Head(head) => Ok((head, body)),
        Message::Lost(problem) => Err(Fault::Lost(problem)),
        Message::Piece(_) | Message::End => Err(Fault::Lost("no answer".into())),
    }
}

/// No proxy can reach a mirror on this machine.
fn is_local(url: &str) -> bool {
    ["http://127.0.0.1", "http://localhost"].iter().any(|local| url.starts_with(local))
}

/// Ends when the other end is gone.
fn pass_on(mut reader: impl Read, sender: &SyncSender<Message>) {
    loop {
        let mut piece = vec![0; PIECE];
        let message = match reader.read(&mut piece) {
            Ok(0) => Message::End,
            Ok(read) => {
                piece.truncate(read);
                Message::Piece(piece)
            }
            Err(error) => Message::Lost(error.to_string()),
        };
        let last = !matches!(message, Message::Piece(_));
        if sender.send(message).is_err() || last {
            return;
        }
    }
}

/// Where the contents begin and how long the whole file is, by `bytes 5-9/10` of a part, or the length of a whole.
fn extent(status: u16, range: Option<&str>, length: Option<&str>) -> (Option<u64>, Option<u64>) {
    if status != 206 {
        return (Some(0), length.and_then(|length| length.parse().ok()));
    }
    let range = range.and_then(|range| range.trim().strip_prefix("bytes ")).unwrap_or_default();
    let (place, total) = range.split_once('/').unwrap_or((range, ""));
    (place.split_once('-').and_then(|(start, _)| start.parse().ok()), total.parse().ok())
}

impl Body {
    /// The next piece; none at the end.
    pub fn next(&self, cancel: &Cancel) -> Result<Option<Vec<u8>>, Fault> {
        match self.receive(cancel)? {
            Message::Piece(piece) => Ok(Some(piece)),
            Message::End | Message::Head(_) => Ok(None),
            Message::Lost(problem) => Err(Fault::Lost(problem)),
        }
    }

    /// All of it as text, of at most `most` bytes.
    pub fn text(&self, most: usize, cancel: &Cancel) -> Result<String, Fault> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.next(cancel)? {
            bytes.extend(piece);
            if bytes.len() > most {
                return Err(Fault::Lost("the answer is too long".into()));
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn receive(&self, cancel: &Cancel) -> Result<Message, Fault> {
        let since = Instant::now();
        loop {
            if cancel.is_cancelled() {
                return Err(Fault::Cancelled);
            }
            match self.0.recv_timeout(GLANCE) {
                Ok(message) => return Ok(message),
                Err(RecvTimeoutError::Disconnected) => return Err(Fault::Lost("no answer".into())),
                // The client's own limits come first; this one is for what they do not cover.
                Err(RecvTimeoutError::Timeout) if since.elapsed() > 3 * PATIENCE => {
                    return Err(Fault::Lost("the server is silent".into()));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::extent;

    #[test]
    fn an_answer_says_where_it_begins() {
        assert_eq!(extent(206, Some("bytes 5-9/10"), Some("5")), (Some(5), Some(10)));
        assert_eq!(extent(206, Some("bytes 5-9/*"), None), (Some(5), None));
        assert_eq!(extent(206, None, Some("5")), (None, None));
        assert_eq!(extent(200, None, Some("10")), (Some(0), Some(10)));
        assert_eq!(extent(200, None, None), (Some(0), None));
    }
}
