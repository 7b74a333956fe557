use crate::support::{Folder, official_subset};

#[test]
fn every_method_gives_the_official_categories() {
    let Some(subset) = official_subset() else { return };
    let subset = subset.display();
    let folder = Folder::new();
    for method in ["BF", "SNIG", "XY", "SNICIT"] {
        let extras = "--merge-equal-neurons --merge-equal-columns --early-exit";
        for (threshold_layer, extras) in [(8, ""), (20, ""), (30, ""), (8, extras), (25, extras)] {
            let line = format!(
                "sdgc -m {method} -l 30 -t {threshold_layer} {extras} --weights {subset} \
                 --inputs {subset}/sparse-images-1024-first1200.tsv.gz \
                 --truth {subset}/neuron1024-l120-categories-first1200.tsv --json"
            );
            let report = folder.done(&line);
            assert!(report.contains(r#""truth": "match""#), "{line}: {report}");
            assert!(report.contains(r#""categories": 19"#), "{line}: {report}");
        }
    }
}
