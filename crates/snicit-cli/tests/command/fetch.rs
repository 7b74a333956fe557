use crate::server::{Answer, Server};
use crate::support::Folder;

/// A server that has one file under any name, or answers 404.
fn server(content: Option<&'static str>) -> String {
    let answer = move |_: &_| match content {
        Some(body) => Answer::whole(body.as_bytes()),
        None => Answer::status("404 Not Found"),
    };
    Server::new(answer).address
}

#[test]
fn what_cannot_be_fetched_is_said_in_one_sentence() {
    let folder = Folder::new();
    let (missing, other) = (server(None), server(Some("1\n2\n")));
    for (line, message) in [
        ("data fetch sdgc 1000", "expected 1024, 4096, 16384 or 65536".to_owned()),
        (
            &format!("data fetch sdgc 1024 --mirror {missing}"),
            format!(
                "{missing}/dnn/neuron1024-l120-categories.tsv: could not be fetched: the server answers 404"
            ),
        ),
        (
            &format!("data fetch sdgc 1024 --what truth --mirror {other}"),
            "was removed: there are 2 categories, expected 1812".to_owned(),
        ),
        (
            &format!("data fetch sdgc 1024 --what images --mirror {other}"),
            "line 1: the line has 1 tab-separated fields, expected 3 fields".to_owned(),
        ),
        (&format!("data fetch mnist --mirror {other}"), "it has 4 bytes, expected 47040016".to_owned()),
        (&format!("data fetch cifar10 --mirror {other}"), "was removed: ".to_owned()),
        ("data fetch mnist --mirror http://nowhere.invalid", "is this machine offline?".to_owned()),
    ] {
        let ran = folder.run(line);
        ran.expect(2);
        assert!(ran.stderr.contains(&message), "snicit {line}: {}", ran.stderr);
        assert!(line.ends_with("1000") || ran.stderr.trim_end().lines().count() == 1, "{}", ran.stderr);
    }
}

#[test]
fn what_is_there_is_not_fetched() {
    let folder = Folder::new();
    folder.done("data generate -l 3");
    let said = folder.done("data fetch sdgc 1024 --what networks --mirror http://nowhere.invalid");
    assert!(said.contains("neuron1024 is there already; --force fetches it again"), "{said}");
}
