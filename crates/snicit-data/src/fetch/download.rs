use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use ureq::http::{HeaderMap, StatusCode};
use ureq::{Agent, BodyReader};

use super::Received;
use crate::DataError;

/// Tries in a row that bring nothing.
const TRIES: u32 = 6;
const CONNECT: Duration = Duration::from_secs(20);
const ANSWER: Duration = Duration::from_secs(60);
/// A connection is given up after this time, since it may have died silently, and taken up again.
const BODY: Duration = Duration::from_secs(600);
/// What is read of a body that is not wanted.
const SKIP_BYTES: usize = 64 * 1024;

/// The bytes of a file on a server, from the first one, whatever happens to the connection.
///
/// Reading gives what an earlier run stored in the `.part` file, then what the server sends, which is
/// stored there first. A note beside it says which version of the file that is.
pub(super) struct Download<'a> {
    url: String,
    agent: Agent,
    part: PathBuf,
    file: File,
    /// Bytes of the part file, all of which are good.
    stored: u64,
    /// Bytes that were read so far; those before `stored` come from the part file.
    read: u64,
    version: Version,
    body: Option<BodyReader<'static>>,
    pause: Duration,
    received: Received<'a>,
    failure: Option<DataError>,
}

/// Which version of a file a server has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Version {
    /// The entity tag, or else the time of the last change.
    tag: Option<String>,
    length: Option<u64>,
}

/// Why a try brought nothing.
enum Failed {
    /// Another one may.
    Retry(String),
    /// None will.
    Final(String),
}

impl<'a> Download<'a> {
    /// Asks the server for the file, or for the rest of it.
    pub(super) fn open(
        url: &str,
        part: &Path,
        pause: Duration,
        received: Received<'a>,
    ) -> Result<Self, DataError> {
        let unwritable = |error| DataError::write(part, error);
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(part)
            .map_err(unwritable)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let reason = "another process is fetching it".to_owned();
                return Err(DataError::Fetch { url: url.to_owned(), reason });
            }
            // A file system without locks.
            Err(TryLockError::Error(_)) | Ok(()) => {}
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(ANSWER))
            .timeout_recv_body(Some(BODY))
            .user_agent(concat!("snicit/", env!("CARGO_PKG_VERSION")));
        let mut download = Download {
            url: url.to_owned(),
            agent: config.build().into(),
            part: part.to_owned(),
            stored: 0,
            read: 0,
            file,
            version: Version::default(),
            body: None,
            pause,
            received,
            failure: None,
        };
        match Note::read(&download.note(), url) {
            Some(version) => {
                download.version = version;
                download.stored = download.file.metadata().map_err(unwritable)?.len();
            }
            // Of another address, or of no known version.
            None => download.file.set_len(0).map_err(unwritable)?,
        }
        if download.version.length != Some(download.stored)
            && let Err(error) = download.connect_persistently()
        {
            // Nothing to go on with, so nothing to keep.
            if download.stored == 0 {
                download.discard()?;
            }
            return Err(error);
        }
        (download.received)(download.stored, download.version.length);
        Ok(download)
    }

    /// Reads what is left, which nobody wants, and makes sure that all has come.
    pub(super) fn finish(&mut self) -> Result<(), DataError> {
        let mut rest = vec![0; SKIP_BYTES];
        loop {
            match self.read(&mut rest) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) => {
                    return Err(self.failure().unwrap_or_else(|| DataError::write(&self.part, error)));
                }
            }
        }
    }

    /// What went wrong while the file was read as a stream of bytes; once.
    pub(super) fn failure(&mut self) -> Option<DataError> {
        self.failure.take()
    }

    /// Removes what was stored.
    pub(super) fn discard(&mut self) -> Result<(), DataError> {
        super::files::remove(&self.note())?;
        super::files::remove(&self.part)
    }

    fn note(&self) -> PathBuf {
        self.part.with_extension("part-note")
    }

    /// Connects, or says why it cannot after several tries.
    fn connect_persistently(&mut self) -> Result<(), DataError> {
        let mut pause = self.pause;
        for attempt in 1.. {
            let reason = match self.connect() {
                Ok(()) => return Ok(()),
                Err(Failed::Final(reason)) => reason,
                Err(Failed::Retry(_)) if attempt < TRIES => {
                    thread::sleep(pause);
                    pause *= 2;
                    continue;
                }
                Err(Failed::Retry(reason)) => {
                    format!("{reason} ({attempt} tries); the same command resumes it")
                }
            };
            return Err(DataError::Fetch { url: self.url.clone(), reason });
        }
        Ok(())
    }

    /// Asks for the bytes behind those that are stored.
    fn connect(&mut self) -> Result<(), Failed> {
        let mut request = self.agent.get(&self.url).header("Accept-Encoding", "identity");
        if self.stored > 0 {
            request = request.header("Range", format!("bytes={}-", self.stored));
            if let Some(tag) = &self.version.tag {
                request = request.header("If-Range", tag);
            }
        }
        let response = request.call().map_err(unreachable)?;
        let status = response.status();
        let version = Version::of(response.headers(), status);
        let mut body = response.into_body().into_reader();
        match status {
            StatusCode::PARTIAL_CONTENT if self.stored > 0 => {
                if version.begin != Some(self.stored) || !version.version.may_be(&self.version) {
                    return self.start_over("the server sent another part than was asked for");
                }
            }
            StatusCode::OK if self.stored == 0 => self.begin(version.version)?,
            // The server knows no ranges, or has another version by now.
            StatusCode::OK if version.version.is(&self.version) => skip(&mut body, self.stored)?,
            StatusCode::OK if self.read == 0 => {
                self.file.set_len(0).map_err(|error| Failed::Final(error.to_string()))?;
                self.stored = 0;
                self.begin(version.version)?;
            }
            StatusCode::OK => {
                let _ = self.discard();
                return Err(Failed::Final(
                    "the file on the server changed meanwhile; the same command starts over".to_owned(),
                ));
            }
            StatusCode::RANGE_NOT_SATISFIABLE if self.stored > 0 => {
                return self.start_over("the file on the server is shorter than what was received");
            }
            status => {
                let text = format!("the server answers {status}");
                let server_busy = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
                return Err(if server_busy { Failed::Retry(text) } else { Failed::Final(text) });
            }
        }
        self.body = Some(body);
        Ok(())
    }

    /// Remembers which version it is, before the first byte of it is stored.
    fn begin(&mut self, version: Version) -> Result<(), Failed> {
        let note = Note { url: &self.url, version: &version };
        note.write(&self.note()).map_err(|error| Failed::Final(error.to_string()))?;
        self.version = version;
        Ok(())
    }

    /// Forgets what was received: at once if nobody has read of it yet, else the next run begins anew.
    fn start_over(&mut self, why: &str) -> Result<(), Failed> {
        if self.read > 0 {
            let _ = self.discard();
            return Err(Failed::Final(format!("{why}; the same command starts over")));
        }
        self.file.set_len(0).map_err(|error| Failed::Final(error.to_string()))?;
        self.stored = 0;
        self.version = Version::default();
        self.connect()
    }

    /// Stores more bytes; 0 at the end.
    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, DataError> {
        let mut fruitless = 0;
        let mut pause = self.pause;
        loop {
            if self.version.length == Some(self.stored) {
                return Ok(0);
            }
            let reason = match self.body.as_mut().map(|body| body.read(buffer)) {
                Some(Ok(0)) if self.version.length.is_none() => return Ok(0),
                Some(Ok(0)) | None => "the connection was closed too early".to_owned(),
                Some(Ok(received)) => {
                    let length = self.version.length.unwrap_or(u64::MAX);
                    if self.stored + received as u64 > length {
                        let reason = format!("the server sent more than the {length} bytes it named");
                        let _ = self.discard();
                        return Err(DataError::Fetch { url: self.url.clone(), reason });
                    }
                    let unwritable = |error| DataError::write(&self.part, error);
                    self.file.seek(SeekFrom::Start(self.stored)).map_err(unwritable)?;
                    self.file.write_all(&buffer[..received]).map_err(unwritable)?;
                    self.stored += received as u64;
                    (self.received)(self.stored, self.version.length);
                    return Ok(received);
                }
                Some(Err(error)) if error.kind() == ErrorKind::Interrupted => continue,
                Some(Err(error)) => error.to_string(),
            };
            self.body = None;
            fruitless += 1;
            if fruitless == TRIES {
                let reason = format!(
                    "{reason} after {} bytes ({TRIES} tries); the same command resumes it",
                    self.stored
                );
                return Err(DataError::Fetch { url: self.url.clone(), reason });
            }
            thread::sleep(pause);
            pause *= 2;
            self.connect_persistently()?;
        }
    }
}

impl Read for Download<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.read < self.stored {
            self.file.seek(SeekFrom::Start(self.read))?;
            let wanted =
                buffer.len().min(usize::try_from(self.stored - self.read).unwrap_or(usize::MAX));
            let read = self.file.read(&mut buffer[..wanted])?;
            self.read += read as u64;
            return Ok(read);
        }
        match self.receive(buffer) {
            Ok(received) => {
                self.read += received as u64;
                Ok(received)
            }
            Err(error) => {
                let text = error.to_string();
                self.failure = Some(error);
                Err(io::Error::other(text))
            }
        }
    }
}

fn unreachable(error: ureq::Error) -> Failed {
    match error {
        ureq::Error::HostNotFound => {
            Failed::Final("the host is unknown; is this machine offline? --mirror names another".into())
        }
        ureq::Error::BadUri(what) => Failed::Final(format!("the address is no good: {what}")),
        ureq::Error::Io(error) if is_offline(&error) => {
            Failed::Final(format!("{error}; is this machine offline? --mirror names another host"))
        }
        error => Failed::Retry(error.to_string()),
    }
}

fn is_offline(error: &io::Error) -> bool {
    let text = error.to_string();
    matches!(error.kind(), ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable)
        || text.contains("failed to lookup address")
}

/// Reads away what is stored already.
fn skip(body: &mut BodyReader<'static>, bytes: u64) -> Result<(), Failed> {
    let skipped = io::copy(&mut body.take(bytes), &mut io::sink());
    match skipped {
        Ok(skipped) if skipped == bytes => Ok(()),
        Ok(_) => Err(Failed::Retry("the connection was closed too early".to_owned())),
        Err(error) => Err(Failed::Retry(error.to_string())),
    }
}

/// A version, and where in the file the answer begins.
struct Answer {
    version: Version,
    begin: Option<u64>,
}

impl Version {
    fn of(headers: &HeaderMap, status: StatusCode) -> Answer {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        // A weak tag does not promise the same bytes.
        let strong = text("etag").filter(|tag| !tag.starts_with("W/"));
        let tag = strong.or_else(|| text("last-modified")).map(str::to_owned);
        if status == StatusCode::PARTIAL_CONTENT {
            // bytes 17-99/100
            let range = text("content-range").and_then(|range| range.strip_prefix("bytes "));
            let (place, length) = range.and_then(|range| range.split_once('/')).unwrap_or_default();
            let begin = place.split_once('-').and_then(|(begin, _)| begin.parse().ok());
            return Answer { version: Version { tag, length: length.parse().ok() }, begin };
        }
        let length = text("content-length").and_then(|length| length.parse().ok());
        Answer { version: Version { tag, length }, begin: Some(0) }
    }

    /// Whether both are certainly the same.
    fn is(&self, other: &Version) -> bool {
        self.length.is_some() && self == other
    }

    /// Whether nothing speaks against it.
    fn may_be(&self, other: &Version) -> bool {
        let agree = |a: &Option<String>, b: &Option<String>| a.is_none() || b.is_none() || a == b;
        agree(&self.tag, &other.tag)
            && (self.length.is_none() || other.length.is_none() || self.length == other.length)
    }
}

/// Three lines: the address, the length, the tag; the last two may be empty.
struct Note<'a> {
    url: &'a str,
    version: &'a Version,
}

impl Note<'_> {
    fn write(&self, file: &Path) -> io::Result<()> {
        let length = self.version.length.map_or_else(String::new, |length| length.to_string());
        let tag = self.version.tag.as_deref().unwrap_or_default();
        fs::write(file, format!("{}\n{length}\n{tag}\n", self.url))
    }

    /// The version, if the note is whole and of this address.
    fn read(file: &Path, url: &str) -> Option<Version> {
        let text = fs::read_to_string(file).ok()?;
        let [of, length, tag, ""] = text.split('\n').collect::<Vec<_>>()[..] else { return None };
        let length = if length.is_empty() { None } else { Some(length.parse().ok()?) };
        let tag = (!tag.is_empty()).then(|| tag.to_owned());
        (of == url && (length.is_some() || tag.is_some())).then_some(Version { tag, length })
    }
}
