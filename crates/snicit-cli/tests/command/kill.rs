//! `kill -9` at random moments: nothing half-written is ever used, and the next run succeeds.
//!
//! `SNICIT_KILLS` sets how often each command is killed; recorded runs use 20.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::server::{Answer, Server};
use crate::support::Folder;

const LAYERS: usize = 120;

fn kills() -> u32 {
    std::env::var("SNICIT_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(3)
}

/// Kills `line` at moments spread over the time it takes, each in a state that `prepare` makes, and calls
/// `check` after it has been run again, to its end.
fn kill(folder: &Folder, line: &str, prepare: impl Fn(), check: impl Fn(&str)) {
    prepare();
    let start = Instant::now();
    folder.done(line);
    let whole = start.elapsed();
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
    let mut killed = 0;
    for kill in 0..kills() {
        prepare();
        // A random moment of each of as many equal parts.
        let random = f64::from(seed.rotate_left(kill).wrapping_mul(2_654_435_761)) / f64::from(u32::MAX);
        let moment = whole.mul_f64((f64::from(kill) + random) / f64::from(kills()));
        let mut child =
            folder.command(line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(moment);
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        let ran = folder.run(line);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "killed after {moment:?}: {line}");
        check(&ran.stdout);
    }
    // Shown although the test passes: it goes into the measurements.
    let _ = writeln!(
        std::io::stderr(),
        "{line}: {killed} of {} killed while running ({whole:?} in all), every next run succeeded",
        kills()
    );
}

fn remove(path: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    }
}

#[test]
fn a_killed_run_leaves_nothing_that_is_used() {
    let folder = Folder::new();
    let network = folder.path("data/neuron1024");
    let generate = format!("data generate -l {LAYERS}");
    let layers = || -> Vec<Vec<u8>> {
        (1..=LAYERS).map(|l| fs::read(network.join(format!("n1024-l{l}.tsv"))).unwrap()).collect()
    };
    folder.done(&generate);
    let expected = layers();

    // Fetch: through a server as slow as a network.
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    builder.append_dir_all("neuron1024", &network).unwrap();
    let archive = builder.into_inner().unwrap().finish().unwrap();
    let server = Server::new(move |request| {
        thread::sleep(Duration::from_millis(20));
        Answer::to(request, &archive)
    });
    let fetch = format!("data fetch sdgc 1024 --what networks --mirror {}", server.address);
    kill(
        &folder,
        &fetch,
        || remove(&folder.path("data")),
        |said| {
            assert!(said.contains("neuron1024"), "{said}");
            assert!(layers() == expected);
        },
    );
    let resumed = server.requests().iter().filter(|request| request.from.is_some()).count();
    let _ = writeln!(std::io::stderr(), "{resumed} fetches went on in the middle of the file");

    // Prepare and write the cache.
    let inspect = format!("inspect -l {LAYERS}");
    let truth = folder.done(&format!("{inspect} --no-cache"));
    kill(&folder, &inspect, || remove(&folder.path("cache")), |said| assert_eq!(said, truth));
    folder.done("data digits --inputs 5000");
    let infer = format!("sdgc -l {LAYERS} -b 5000 --truth none --categories-out out.tsv --json");
    folder.done(&format!("{infer} --no-cache"));
    let categories = folder.read("out.tsv");
    kill(
        &folder,
        &infer,
        || remove(&folder.path("cache")),
        |_| assert_eq!(folder.read("out.tsv"), categories),
    );

    // Write text files.
    kill(&folder, &format!("{generate} --force"), || (), |_| assert!(layers() == expected));
}
