//! The order of the connections of streams that load at the same time.

use super::{Connection, TileShape};

/// Puts the connections of streams that load in the same cycle into an order in which they seldom meet in a
/// bank; each stream becomes `length` long by connections of weight 0 to rows of zeros.
pub(super) fn arrange(
    lists: &[Vec<Connection>],
    length: usize,
    shape: TileShape,
) -> Vec<Vec<Connection>> {
    let banks = shape.together();
    let mut waiting: Vec<Vec<Vec<Connection>>> = lists
        .iter()
        .map(|list| {
            let mut by_bank = vec![Vec::new(); banks];
            // Taken from the end: the first comes first.
            for &(row, weight) in list.iter().rev() {
                by_bank[row % banks].push((row, weight));
            }
            by_bank
        })
        .collect();
    let mut left: Vec<usize> = lists.iter().map(Vec::len).collect();
    let mut arranged = vec![Vec::with_capacity(length); lists.len()];
    let mut streams: Vec<usize> = (0..lists.len()).collect();
    for place in 0..length {
        let mut taken = vec![false; banks];
        // Who has least slack chooses first.
        streams.sort_by_key(|&stream| std::cmp::Reverse(left[stream]));
        for &stream in &streams {
            let fullest = |free: bool, taken: &[bool]| {
                let banks = (0..banks).filter(|&bank| !free || !taken[bank]);
                let waiting = &waiting[stream];
                banks.filter(|&bank| !waiting[bank].is_empty()).max_by_key(|&bank| waiting[bank].len())
            };
            let idle = (0..banks).find(|&bank| !taken[bank]);
            let must = left[stream] == length - place;
            let bank = match (fullest(true, &taken), idle) {
                (Some(bank), _) => Some(bank),
                // There is time left: rather wait than meet another stream.
                (None, Some(_)) if !must => None,
                _ => fullest(false, &taken),
            };
            if let Some(bank) = bank
                && let Some(connection) = waiting[stream][bank].pop()
            {
                taken[bank] = true;
                left[stream] -= 1;
                arranged[stream].push(connection);
            } else {
                let bank = idle.unwrap_or(0);
                taken[bank] = true;
                arranged[stream].push((shape.chunk_rows + bank, 0.0));
            }
        }
    }
    arranged
}
