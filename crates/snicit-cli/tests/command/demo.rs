use crate::support::Folder;

#[test]
fn the_demo_needs_nothing_and_is_right() {
    let folder = Folder::new();
    let table = folder.done("demo --inputs 400 --layers 20 --device cpu");
    for method in ["BF-2019", "SNIG-2020", "XY-2021", "SNICIT"] {
        assert!(table.contains(method), "{table}");
    }
    let answer = table.lines().find(|line| line.starts_with("answer")).unwrap();
    assert_eq!(
        answer.split_whitespace().collect::<Vec<_>>(),
        ["answer", "right", "right", "right", "right"]
    );
    for row in ["pre-convergence, ms", "recovery, ms", "edges/s", "columns left", "centroids"] {
        let values = table.lines().find_map(|line| line.strip_prefix(row));
        assert!(values.is_some_and(|values| !values.trim().is_empty()), "{row}: {table}");
    }
    assert!(!folder.path("data").exists(), "the demo leaves no files");
}

#[test]
fn some_inputs_survive_and_most_do_not() {
    let folder = Folder::new();
    let text = folder.done("demo --inputs 400 --layers 20");
    let truth = text.lines().find_map(|line| line.strip_prefix("truth")).unwrap();
    let surviving: usize = truth.split_whitespace().next().unwrap().parse().unwrap();
    assert!((1..100).contains(&surviving), "{truth}");
}
