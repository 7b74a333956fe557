//! A web server that does what it is told, also wrong things.

#![allow(dead_code, reason = "not every test file needs all of it")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a client asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// How many requests came before.
    pub(crate) number: usize,
    pub(crate) path: String,
    /// The first byte wanted, if it is not the first of all.
    pub(crate) from: Option<usize>,
}

/// What to answer.
pub(crate) struct Answer {
    pub(crate) status: &'static str,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn status(status: &'static str) -> Self {
        Answer { status, headers: vec!["Content-Length: 0".to_owned()], body: vec![] }
    }

    /// All of `content`, whatever was asked for.
    pub(crate) fn whole(content: &[u8]) -> Self {
        let headers = vec![format!("Content-Length: {}", content.len()), "ETag: \"one\"".to_owned()];
        Answer { status: "200 OK", headers, body: content.to_vec() }
    }

    /// The part that was asked for, as a good server answers.
    pub(crate) fn to(request: &Request, content: &[u8]) -> Self {
        let Some(from) = request.from else { return Answer::whole(content) };
        let (end, length) = (content.len() - 1, content.len());
        let headers = vec![
            format!("Content-Length: {}", length - from),
            format!("Content-Range: bytes {from}-{end}/{length}"),
            "ETag: \"one\"".to_owned(),
        ];
        Answer { status: "206 Partial Content", headers, body: content[from..].to_vec() }
    }

    /// Closes the connection after so many bytes.
    pub(crate) fn cut_after(mut self, bytes: usize) -> Self {
        self.body.truncate(bytes);
        self
    }
}

pub(crate) struct Server {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers until the test ends.
    pub(crate) fn new(answer: impl Fn(&Request) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let Some((path, from)) = read_request(&stream) else { continue };
                let request = Request { number: seen.lock().unwrap().len(), path, from };
                seen.lock().unwrap().push(request.clone());
                send(stream, answer(&request));
            }
        });
        Server { address, requests }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn read_request(stream: &TcpStream) -> Option<(String, Option<usize>)> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let mut from = None;
    for line in lines.take_while(|line| !line.is_empty()) {
        let line = line.to_ascii_lowercase();
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().ok();
        }
    }
    Some((path, from))
}

/// A client that has gone is no failure of the test.
fn send(mut stream: TcpStream, answer: Answer) {
    let headers: String = answer.headers.iter().map(|header| format!("{header}\r\n")).collect();
    let head = format!("HTTP/1.1 {}\r\n{headers}Connection: close\r\n\r\n", answer.status);
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&answer.body));
}
