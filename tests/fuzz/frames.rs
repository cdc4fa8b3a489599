//! Reads bytes as the stream of a peer, in pieces as long as the first byte says. It is refused, or each frame
//! is written as what reads as the same frame.

use shared::wire::{Frame, frame::FrameReader};

/// Reads `data`.
pub(crate) fn read(data: &[u8]) {
    let Some((piece, stream)) = data.split_first() else { return };
    let mut reader = FrameReader::default();
    for bytes in stream.chunks(usize::from(*piece) + 1) {
        reader.push(bytes);
        loop {
            match reader.poll() {
                Ok(Some(frame)) => reads_again(&frame),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}

fn reads_again(frame: &Frame) {
    let mut reader = FrameReader::default();
    reader.push(&frame.to_bytes());
    assert_eq!(reader.poll().as_ref(), Ok(&Some(frame.clone())));
}
