//! Activations in two dimensions, by exact t-SNE (van der Maaten and Hinton, 2008).

use bhtsne::tSNE;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use snicit::Activations;

use crate::record::Embedding;

const PERPLEXITY: f32 = 30.0;
const EPOCHS: usize = 750;

/// Places each input so that those with similar activations lie together. The same activations give the same
/// picture each time: the start is drawn from a fixed seed.
pub(crate) fn embed(activations: &Activations, labels: Vec<u8>) -> Embedding {
    let columns: Vec<&[f32]> = (0..activations.inputs()).map(|i| activations.column(i)).collect();
    // Too few inputs have no so many neighbours.
    let perplexity = PERPLEXITY.min((columns.len().saturating_sub(1) / 3) as f32);
    if columns.len() < 5 || perplexity < 1.0 {
        return Embedding { points: vec![[0.0; 2]; columns.len()], labels, perplexity };
    }
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut start = || (random.next_u32() as f32 / u32::MAX as f32 - 0.5) * 1e-2;
    let start: Vec<f32> = (0..columns.len() * 2).map(|_| start()).collect();
    let mut tsne = tSNE::<f32, &[f32], 2>::new(&columns);
    tsne.perplexity(perplexity).epochs(EPOCHS).initial_embedding(start).exact(|a, b| {
        let square = |(a, b): (&f32, &f32)| (a - b) * (a - b);
        a.iter().zip(b.iter()).map(square).sum::<f32>().sqrt()
    });
    let points = tsne.embedding().as_chunks::<2>().0.to_vec();
    Embedding { points, labels, perplexity }
}
