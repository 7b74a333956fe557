use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use rayon::prelude::*;

use super::Source;
use super::lines::{BlockError, for_each_block};
use crate::DataError;

/// Blocks that wait to be parsed while others are; with them, a few hundred kilobytes a thread are in
/// memory, whatever the size of the file.
const WAITING_BLOCKS: usize = 8;

/// Why no more blocks come.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Reading failed.
    Failed(DataError),
    /// In this stream a line does not end.
    LineTooLong(usize),
    /// What came out of earlier blocks was enough, or wrong.
    NotWanted,
}

impl From<DataError> for Stop {
    fn from(error: DataError) -> Self {
        Stop::Failed(error)
    }
}

/// Where the reading thread puts its blocks.
pub(crate) struct Outlet {
    blocks: SyncSender<Block>,
    emptied: Receiver<Vec<u8>>,
}

struct Block {
    stream: usize,
    text: Vec<u8>,
}

impl Outlet {
    /// Sends all lines of `source` as those of stream `stream`.
    pub(crate) fn send(&self, stream: usize, source: &mut Source<'_>) -> Result<(), Stop> {
        let sent = for_each_block(source, |block| {
            // Buffers are used again: memory fresh from the system costs as much as parsing.
            let mut text = self.emptied.try_recv().unwrap_or_default();
            text.clear();
            text.extend_from_slice(block);
            self.blocks.send(Block { stream, text }).map_err(|_| Stop::NotWanted)
        });
        sent.map_err(|error| match error {
            BlockError::Read(error) => Stop::Failed(error),
            BlockError::LineTooLong => Stop::LineTooLong(stream),
            BlockError::Visit(stop) => stop,
        })
    }
}

/// Reads on a thread of its own, parses blocks on all threads, and merges in the order of reading.
///
/// `produce` sends the lines of one or several numbered streams, one after the other. `parse` and `merge`
/// are told the stream. An error of `merge` ends everything. Gives how reading ended, after all
/// that came before was merged.
pub(crate) fn pipeline<T: Send>(
    produce: impl FnOnce(&Outlet) -> Result<(), Stop> + Send,
    parse: impl Fn(usize, &[u8]) -> T + Sync,
    mut merge: impl FnMut(usize, T) -> Result<(), DataError> + Send,
) -> Result<Result<(), Stop>, DataError> {
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(WAITING_BLOCKS);
        let (give_back, emptied) = channel();
        let producer = scope.spawn(move || produce(&Outlet { blocks: sender, emptied }));
        merge_all(&receiver, &give_back, parse, &mut merge)?;
        // The receiver is still there, so the producer has come to its end.
        match producer.join() {
            Ok(end) => Ok(end),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn merge_all<T: Send>(
    receiver: &Receiver<Block>,
    give_back: &Sender<Vec<u8>>,
    parse: impl Fn(usize, &[u8]) -> T + Sync,
    merge: &mut (impl FnMut(usize, T) -> Result<(), DataError> + Send),
) -> Result<(), DataError> {
    let most = WAITING_BLOCKS.max(rayon::current_num_threads());
    let mut parsed: Vec<(Block, T)> = Vec::new();
    loop {
        let mut blocks: Vec<Block> = receiver.try_iter().take(most).collect();
        if blocks.is_empty() && parsed.is_empty() {
            match receiver.recv() {
                Ok(block) => blocks.push(block),
                Err(_) => return Ok(()),
            }
        }
        // One thread merges what the others have parsed, while they parse on.
        let (merged, next) = rayon::join(
            || {
                parsed.drain(..).try_fold(Vec::new(), |mut done, (block, parsed)| {
                    merge(block.stream, parsed)?;
                    done.push(block.text);
                    Ok::<_, DataError>(done)
                })
            },
            || -> Vec<(Block, T)> {
                let parse = |block: Block| {
                    let parsed = parse(block.stream, &block.text);
                    (block, parsed)
                };
                blocks.into_par_iter().map(parse).collect()
            },
        );
        for text in merged? {
            // The producer may have ended already.
            let _ = give_back.send(text);
        }
        parsed = next;
    }
}
