//! Sweeps through the command: resumed, damaged, compared, reported. On network D, which needs no data.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::Folder;

const SWEEP: &str = "bench fig12 --quick --repetitions 1 --device cpu -o results";
/// Figure 12's points of network D in the quick grid: three batch sizes, SNIG-2020 and three thresholds each.
const POINTS_OF_D: usize = 12;

/// With a data folder, though an empty one: one that is named must be there.
fn folder() -> Folder {
    let folder = Folder::new();
    fs::create_dir(folder.path("data")).unwrap();
    folder
}

fn points(folder: &Folder) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder.path("results/points")) else { return vec![] };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|file| file.extension().is_some_and(|ending| ending == "json"))
        .collect();
    files.sort_unstable();
    files
}

/// `kill -9` in the middle; what was finished is not measured again, and what was damaged is.
#[test]
fn a_killed_sweep_goes_on_where_it_was() {
    let folder = folder();
    let mut child = folder
        .command(SWEEP)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while points(&folder).len() < 3 {
        assert!(begin.elapsed() < Duration::from_secs(120), "no point is finished");
        assert!(child.try_wait().unwrap().is_none(), "the sweep ended before it could be killed");
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let finished = points(&folder);
    assert!(finished.len() < POINTS_OF_D, "the sweep was through");
    assert!(!folder.path("results/fig12.json").exists());
    let report = folder.run("report results");
    report.expect(2);
    let said = format!("{} finished points of a sweep are kept in results/points", finished.len());
    assert!(report.stderr.contains(&said), "{}", report.stderr);

    // One of the finished ones is damaged.
    let contents: Vec<String> = finished.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let damaged = contents[0].replacen("\"pre_convergence_ms\":", "\"pre_convergence_ms\":1", 1);
    fs::write(&finished[0], &damaged).unwrap();

    let ran = folder.run(SWEEP);
    // Those of the other networks need MNIST.
    ran.expect(2);
    let name = finished[0].file_name().unwrap().to_str().unwrap();
    let named = ran.stderr.lines().find(|line| line.contains(name)).expect(&ran.stderr);
    assert!(named.contains("no intact result file") && named.ends_with("measured again"), "{named}");
    let before = format!("{} of them finished before", finished.len() - 1);
    assert!(ran.stderr.contains(&before), "{}", ran.stderr);
    for (file, content) in finished.iter().zip(&contents).skip(1) {
        assert!(fs::read_to_string(file).unwrap() == *content, "{}: measured again", file.display());
    }
    assert!(fs::read_to_string(&finished[0]).unwrap() != damaged);
    assert_eq!(points(&folder).len(), POINTS_OF_D);
    for ending in ["json", "csv", "svg", "png"] {
        assert!(folder.path(&format!("results/fig12.{ending}")).is_file(), "{ending}");
    }
    // Nothing is left to do; the tables are the same.
    let again = folder.run(SWEEP);
    again.expect(2);
    assert_eq!(again.stdout, ran.stdout);
    assert!(
        again.stderr.contains(&format!("{POINTS_OF_D} of them finished before")),
        "{}",
        again.stderr
    );
}

/// Ctrl-C says what there is to go on with.
#[cfg(unix)]
#[test]
fn an_interrupted_sweep_says_what_is_kept() {
    let folder = folder();
    let mut command = folder.command(SWEEP);
    let piped = || std::process::Stdio::piped();
    let mut child = command.stdout(piped()).stderr(piped()).spawn().unwrap();
    let begin = Instant::now();
    while points(&folder).is_empty() {
        assert!(begin.elapsed() < Duration::from_secs(120), "no point is finished");
        assert!(child.try_wait().unwrap().is_none(), "the sweep ended before it could be interrupted");
        thread::sleep(Duration::from_millis(1));
    }
    let mut interrupt = std::process::Command::new("kill");
    assert!(interrupt.args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    let last = stderr.lines().last().unwrap();
    assert!(last.ends_with(" points are kept; the same command goes on"), "{stderr}");
    let kept: usize = last.split(' ').next().unwrap().parse().unwrap();
    // One more may have been kept between the last count and the end.
    assert!((kept..=kept + 1).contains(&points(&folder).len()), "{stderr}");
}

#[test]
fn what_cannot_be_run_is_said_and_the_rest_is_run() {
    let folder = folder();
    let ran = folder.run("bench fig10 --quick --repetitions 5 --device cpu -o results --json");
    ran.expect(2);
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    let result = &json["results"][0];
    assert_eq!((&json["schema"], &result["result"]), (&1.into(), &"fig10".into()));
    // Without MNIST network A has no inputs.
    assert_eq!(result["records"].as_array().unwrap().len(), 1);
    let reason = result["not_run"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("t10k-images") && reason.contains("`snicit data fetch mnist"), "{result}");
    assert_eq!(result["not_run"][0]["cause"], "data");
    for said in [
        "note: not run: SNICIT on A",
        "note: 1 of 2 points of Figure 10 were not run: MNIST's test images are missing",
        "error: one point was not run",
    ] {
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
    let record = &result["records"][0];
    assert_eq!(record["finding"]["repetitions"].as_array().unwrap().len(), 5);
    assert!(record["finding"]["accuracy"].as_f64().unwrap() > 0.5);
    for fact in ["processor", "device", "version", "compiler", "build"] {
        assert!(record["environment"][fact].is_string(), "{fact}");
    }

    // Compared with itself, nothing differs; damaged, it is not compared at all.
    let compared = folder.run("bench compare results/fig10.json results/fig10.json --json");
    compared.expect(0);
    let compared: Value = serde_json::from_str(&compared.stdout).unwrap();
    let point = &compared["points"][0];
    assert_eq!((&point["speed_up"], &point["verdict"]), (&1.0.into(), &"no difference shown".into()));
    assert!(
        folder.done("bench compare results/fig10.json results/fig10.json").contains("no difference")
    );
    folder.write("damaged.json", &folder.read("results/fig10.json").replacen("CPU", "GPU", 1));
    let refused = folder.run("bench compare results/fig10.json damaged.json");
    refused.expect(2);
    assert!(
        refused.stderr.contains("damaged.json: this is no intact result file"),
        "{}",
        refused.stderr
    );

    // The page shows what there is and names what was left out.
    fs::copy(folder.path("damaged.json"), folder.path("results/table4.json")).unwrap();
    let reported = folder.run("report results -o page.html");
    reported.expect(0);
    assert!(reported.stderr.contains("skipped: results/table4.json"), "{}", reported.stderr);
    let page = folder.read("page.html");
    assert!(page.contains("<section id=\"fig10\">") && page.contains("Skipped: results/table4.json"));
    assert!(page.contains("Table 3: no intact result"));
}

/// A budget leaves out the most expensive points, says so, and the rest is whole.
#[test]
fn a_budget_leaves_out_what_does_not_fit() {
    let folder = folder();
    let ran = folder.run("bench fig10 --quick --device cpu --budget 1min -o results --json");
    ran.expect(2);
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    let repetitions = |json: &Value| {
        json["results"][0]["records"][0]["finding"]["repetitions"].as_array().unwrap().len()
    };
    assert!((2..=9).contains(&repetitions(&json)), "{json}");

    // A hundredth of a second: of many points, at most a few are run, and every other one is named. Those of networks
    // without inputs are for want of them.
    let ran = folder.run("bench fig12 --quick --device cpu --budget 0.01s -o tight --json");
    ran.expect(2);
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    let result = &json["results"][0];
    let not_run = result["not_run"].as_array().unwrap();
    let of_budget = not_run
        .iter()
        .filter(|point| point["reason"].as_str().unwrap().contains("of the budget of 0.01"));
    let records = result["records"].as_array().unwrap().len();
    assert!(records < POINTS_OF_D && of_budget.count() + records >= POINTS_OF_D, "{result}");
}

#[test]
fn bad_requests_are_refused() {
    let folder = folder();
    for (line, said) in [
        ("bench", "<RESULT>"),
        ("bench fig2", "expected all, or one of table1"),
        ("bench compare one.json two.json", "one.json: could not be read"),
        ("report nowhere", "nowhere: could not be read"),
        ("bench fig10 --repetitions 0", "at least 1"),
        ("bench fig10 --budget 300", "with its unit, as in 300s"),
        ("bench fig10 --budget 0s", "above zero"),
        ("bench fig10 --data nowhere", "there is no folder nowhere"),
    ] {
        let ran = folder.run(line);
        ran.expect(2);
        assert!(ran.stderr.contains(said), "{line}: {}", ran.stderr);
    }
    assert!(!folder.path("results").exists());
    let mut command = folder.command("bench fig10");
    let named = command.env("SNICIT_DATA", folder.path("elsewhere")).output().unwrap();
    let stderr = String::from_utf8(named.stderr).unwrap();
    assert!(named.status.code() == Some(2) && stderr.contains("there is no folder"), "{stderr}");
    fs::create_dir(folder.path("empty")).unwrap();
    let ran = folder.run("report empty");
    ran.expect(2);
    assert!(ran.stderr.contains("there is no intact result in empty"), "{}", ran.stderr);
}
