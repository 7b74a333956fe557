//! What others published, to stand beside what is measured here.

use snicit_data::medium_scale::Letter;

/// Table 3 of the paper, one NVIDIA RTX A6000, ms: `(N, l, [BF-2019, SNIG-2020, XY-2021, SNICIT])`.
const TABLE_3: [(usize, usize, [f64; 4]); 12] = [
    (1024, 120, [498.0, 242.0, 14.9, 13.4]),
    (1024, 480, [1496.0, 835.0, 40.9, 25.1]),
    (1024, 1920, [5464.0, 3203.0, 143.0, 72.5]),
    (4096, 120, [1792.0, 731.0, 39.1, 32.4]),
    (4096, 480, [5387.0, 2464.0, 93.9, 44.2]),
    (4096, 1920, [19750.0, 9407.0, 312.0, 89.3]),
    (16384, 120, [6687.0, 2523.0, 143.0, 112.0]),
    (16384, 480, [20314.0, 8374.0, 333.0, 126.0]),
    (16384, 1920, [73528.0, 31656.0, 1094.0, 179.0]),
    (65536, 120, [29142.0, 9950.0, 560.0, 463.0]),
    (65536, 480, [84455.0, 28824.0, 1317.0, 507.0]),
    (65536, 1920, [305_655.0, 104_205.0, 4347.0, 689.0]),
];

/// The run time that the paper gives for a benchmark and method, ms.
pub fn run_time_ms(neurons: usize, layers: usize, method: &str) -> Option<f64> {
    let times = TABLE_3.iter().find(|(n, l, _)| (*n, *l) == (neurons, layers))?.2;
    let place = ["BF-2019", "SNIG-2020", "XY-2021", "SNICIT"].iter().position(|name| *name == method)?;
    Some(times[place])
}

/// Where the stage times come from.
pub const ARTIFACT: &str = "the paper's artifact on an H100 (docs/measurements)";

/// The four stages of the paper's artifact, run on one NVIDIA H100 80 GB, t = 30, ms.
const ARTIFACT_STAGES: [(usize, usize, [f64; 4]); 12] = [
    (1024, 120, [6.5, 0.66, 3.2, 0.03]),
    (1024, 480, [6.3, 0.65, 19.0, 0.04]),
    (1024, 1920, [6.4, 0.71, 73.2, 0.04]),
    (4096, 120, [12.8, 2.4, 3.3, 0.05]),
    (4096, 480, [12.7, 2.5, 17.5, 0.06]),
    (4096, 1920, [13.9, 2.6, 78.0, 0.05]),
    (16384, 120, [41.6, 10.3, 4.0, 0.14]),
    (16384, 480, [41.3, 10.3, 20.4, 0.18]),
    (16384, 1920, [40.8, 10.4, 77.8, 0.17]),
    (65536, 120, [154.0, 74.1, 10.0, 0.5]),
    (65536, 480, [153.0, 73.9, 49.6, 0.4]),
    (65536, 1920, [154.0, 74.2, 211.0, 0.5]),
];

/// The stage times of the paper's artifact on an H100, ms.
pub fn artifact_stages_ms(neurons: usize, layers: usize) -> Option<[f64; 4]> {
    ARTIFACT_STAGES.iter().find(|(n, l, _)| (*n, *l) == (neurons, layers)).map(|found| found.2)
}

/// XY-2021 in the paper's artifact, on the same H100, and BF-2019 on one benchmark, ms.
const ARTIFACT_TOTALS: [(usize, usize, &str, f64); 13] = [
    (1024, 120, "BF-2019", 257.0),
    (1024, 120, "XY-2021", 16.7),
    (1024, 480, "XY-2021", 45.6),
    (1024, 1920, "XY-2021", 239.0),
    (4096, 120, "XY-2021", 23.0),
    (4096, 480, "XY-2021", 86.4),
    (4096, 1920, "XY-2021", 313.0),
    (16384, 120, "XY-2021", 67.3),
    (16384, 480, "XY-2021", 173.0),
    (16384, 1920, "XY-2021", 605.0),
    (65536, 120, "XY-2021", 252.0),
    (65536, 480, "XY-2021", 661.0),
    (65536, 1920, "XY-2021", 2315.0),
];

/// The run time of the paper's artifact on an H100, ms.
pub fn artifact_ms(neurons: usize, layers: usize, method: &str) -> Option<f64> {
    if method == "SNICIT" {
        return artifact_stages_ms(neurons, layers).map(|stages| stages.iter().sum());
    }
    let is = |(n, l, name, _): &&(usize, usize, &str, f64)| (*n, *l, *name) == (neurons, layers, method);
    ARTIFACT_TOTALS.iter().find(is).map(|found| found.3)
}

/// The accuracy that the paper gives for its trained network, before SNICIT.
pub fn accuracy(network: &str) -> Option<f64> {
    network.parse::<Letter>().ok().map(|letter| letter.paper_accuracy() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookups() {
        assert_eq!(run_time_ms(4096, 480, "XY-2021"), Some(93.9));
        assert_eq!(run_time_ms(65536, 1920, "SNICIT"), Some(689.0));
        assert_eq!(run_time_ms(1024, 120, "cuSPARSE"), None);
        assert_eq!(run_time_ms(1000, 120, "SNICIT"), None);
        assert_eq!(artifact_ms(65536, 1920, "XY-2021"), Some(2315.0));
        assert!((artifact_ms(65536, 1920, "SNICIT").unwrap() - 439.7).abs() < 1e-9);
        assert_eq!(artifact_ms(1024, 120, "SNIG-2020"), None);
        assert_eq!(artifact_stages_ms(16384, 120).unwrap()[1], 10.3);
        assert!((accuracy("D").unwrap() - 0.7586).abs() < 1e-9 && accuracy("E").is_none());
    }
}
