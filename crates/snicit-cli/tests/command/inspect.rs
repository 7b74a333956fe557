use serde_json::Value;

use crate::support::Folder;

#[test]
fn a_generated_network_is_described() {
    let folder = Folder::new();
    folder.done("data generate -n 64 -l 4 -o net");
    let text = folder.done("inspect -n 64 --weights net");
    for part in
        ["4", "64 in every layer", "8,192", "50.0000 %", "all equal, 0.0625", "unknown", "mini-blocks"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json: Value =
        serde_json::from_str(&folder.done("inspect -n 64 -l 2 --weights net --bias -0.25 --json"))
            .unwrap();
    for (key, value) in [("/layers", 2), ("/connections", 4096), ("/inputs_per_neuron/min", 32)] {
        assert_eq!(json.pointer(key), Some(&value.into()), "{key}");
    }
    assert_eq!(json["bias"], -0.25);
    assert_eq!(json["mini_blocks"]["layers"], 2);
}

#[test]
fn a_network_without_structure_is_described() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("net")).unwrap();
    folder.write("net/n3-l1.tsv", "1\t1\t0.5\n2\t1\t1\n3\t2\t0.5\n");
    let text = folder.done("inspect -n 3 --weights net");
    for part in
        ["0 to 2 (mean 1.00)", "different", "none: no two outputs read the same inputs", "33.3333 %"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}
