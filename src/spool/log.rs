//! A queue in one file: records one after another, each synced before it counts. Never leaves half a record,
//! and never lets a damaged record block those after it: what cannot be read is quarantined, once per run,
//! and reading continues with the next whole record. Enter at [`Log::open`].
//!
//! A record consists of a mark by which it is found again, its length (4 bytes, little-endian), 8 bytes of
//! the SHA-256 of its position and content, and its content. Records that were taken out stay in the file
//! until all of them have been, so a crash offers them again: the consumer has to recognise repeats.

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;

use sha2::{Digest, Sha256};

pub(super) const MARK: [u8; 8] = *b"\xd0\x97\x1erecd\n";
const HEAD: u64 = 20;
/// A longer record is damage: no request is this long.
const RECORD_BYTES_MAX: u32 = 64 * 1024 * 1024;
/// Bytes searched at a time for the next mark.
const CHUNK: u64 = 64 * 1024;
/// Most bytes quarantined from one damaged range; the rest of the range is only counted.
const RANGE_BYTES_MAX: u64 = 1024 * 1024;

/// The storage of a log.
pub trait Disk: Send {
    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()>;
    fn write_at(&mut self, bytes: &[u8], at: u64) -> io::Result<()>;
    /// Durable when it returns.
    fn sync(&mut self) -> io::Result<()>;
    fn cut(&mut self, bytes: u64) -> io::Result<()>;
    fn bytes(&self) -> io::Result<u64>;
}

impl Disk for std::fs::File {
    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, bytes, at)
    }

    fn write_at(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, bytes, at)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

/// Receives bytes that cannot be read, and how many there are in all.
pub type Quarantining = Box<dyn FnMut(&[u8], u64) + Send>;

pub struct Log<D> {
    disk: D,
    quarantine: Quarantining,
    /// Where the oldest record of the queue begins.
    first: u64,
    /// Where the next record is written.
    end: u64,
    waiting: u64,
    /// Starts of the damaged ranges that were already quarantined: they stay in the file until it is empty.
    reported: BTreeSet<u64>,
}

impl<D: Disk> Log<D> {
    /// Also returns how many bytes of a torn tail were cut off: a record that was never acknowledged.
    pub fn open(disk: D, quarantine: Quarantining) -> io::Result<(Self, u64)> {
        let mut log = Self { disk, quarantine, first: 0, end: 0, waiting: 0, reported: BTreeSet::new() };
        let bytes = log.disk.bytes()?;
        while let Some((at, record)) = log.next(log.end, bytes)? {
            log.quarantine_range(log.end..at)?;
            log.end = at + Self::cost(&record);
            log.waiting += 1;
        }
        let mut tail = log.end..bytes;
        if tail.is_empty() {
            return Ok((log, 0));
        }
        if !log.is_torn(tail.clone())? {
            log.quarantine_range(tail.clone())?;
            tail.start = tail.end;
        }
        log.disk.cut(log.end)?;
        log.disk.sync()?;
        Ok((log, tail.end - tail.start))
    }

    /// Records in the queue.
    pub fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Bytes on the disk.
    pub fn bytes(&self) -> u64 {
        self.end
    }

    /// The space that a record takes.
    pub fn cost(record: &[u8]) -> u64 {
        HEAD + record.len() as u64
    }

    /// Appends a record; durable when it returns. After an error nothing of it is there.
    pub fn push(&mut self, record: &[u8]) -> io::Result<()> {
        let length = u32::try_from(record.len()).ok().filter(|length| *length <= RECORD_BYTES_MAX);
        let length = length.ok_or_else(|| io::Error::other("the record is too long"))?;
        let mut frame = Vec::with_capacity(record.len() + HEAD as usize);
        frame.extend_from_slice(&MARK);
        frame.extend_from_slice(&length.to_le_bytes());
        frame.extend_from_slice(&sum(self.end, record));
        frame.extend_from_slice(record);
        let written = self.disk.write_at(&frame, self.end).and_then(|()| self.disk.sync());
        if let Err(error) = written {
            // If this fails too, the next record is written over it, and a torn one is cut at the next start.
            let _ = self.disk.cut(self.end).and_then(|()| self.disk.sync());
            return Err(error);
        }
        self.end += frame.len() as u64;
        self.waiting += 1;
        Ok(())
    }

    /// The oldest whole record; damage before it is quarantined and no longer counts.
    pub fn first(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.waiting == 0 {
            return Ok(None);
        }
        if let Some(record) = self.record(self.first, self.end)? {
            return Ok(Some(record));
        }
        let next = self.next(self.first, self.end)?;
        let at = next.as_ref().map_or(self.end, |(at, _)| *at);
        self.waiting = self.count(at)?;
        self.quarantine_range(self.first..at)?;
        self.first = at;
        if next.is_none() {
            self.clear();
        }
        Ok(next.map(|(_, record)| record))
    }

    /// Takes out the oldest record, which is `record`; an empty queue takes no space.
    pub fn shift(&mut self, record: &[u8]) {
        self.first += Self::cost(record);
        self.waiting = self.waiting.saturating_sub(1);
        if self.waiting == 0 {
            self.clear();
        }
    }

    /// Quarantines a whole record that its reader cannot use.
    pub fn quarantine_record(&mut self, record: &[u8]) {
        (self.quarantine)(record, record.len() as u64);
    }

    fn clear(&mut self) {
        // After an error, records that stay are offered again at the next start and recognised as repeats.
        let _ = self.disk.cut(0).and_then(|()| self.disk.sync());
        (self.first, self.end) = (0, 0);
        self.reported.clear();
    }

    fn quarantine_range(&mut self, range: Range<u64>) -> io::Result<()> {
        if range.is_empty() || !self.reported.insert(range.start) {
            return Ok(());
        }
        let all = range.end - range.start;
        let mut bytes = vec![0; all.min(RANGE_BYTES_MAX) as usize];
        self.disk.read_at(&mut bytes, range.start)?;
        (self.quarantine)(&bytes, all);
        Ok(())
    }

    /// Counts the whole records from `at` on.
    fn count(&self, mut at: u64) -> io::Result<u64> {
        let mut records = 0;
        while let Some((place, record)) = self.next(at, self.end)? {
            at = place + Self::cost(&record);
            records += 1;
        }
        Ok(records)
    }

    /// The first whole record at or after `at`, and where it begins.
    fn next(&self, at: u64, until: u64) -> io::Result<Option<(u64, Vec<u8>)>> {
        let mut at = Some(at);
        while let Some(place) = at {
            if let Some(record) = self.record(place, until)? {
                return Ok(Some((place, record)));
            }
            at = self.mark(place + 1, until)?;
        }
        Ok(None)
    }

    /// The position of the first mark at or after `at`.
    fn mark(&self, mut at: u64, until: u64) -> io::Result<Option<u64>> {
        while at + HEAD <= until {
            let mut chunk = vec![0; CHUNK.min(until - at) as usize];
            self.disk.read_at(&mut chunk, at)?;
            if let Some(place) = chunk.windows(MARK.len()).position(|bytes| bytes == MARK) {
                return Ok(Some(at + place as u64));
            }
            // A mark may span two chunks.
            at += (chunk.len() - (MARK.len() - 1)) as u64;
        }
        Ok(None)
    }

    /// Whether this can be one write that a crash broke off: it then begins like a record, ends before its
    /// stated length, and contains no other record; or the file had grown and nothing was written yet.
    fn is_torn(&self, tail: Range<u64>) -> io::Result<bool> {
        let bytes = tail.end - tail.start;
        let mut head = vec![0; bytes.min(HEAD) as usize];
        self.disk.read_at(&mut head, tail.start)?;
        let begins = MARK.starts_with(&head[..head.len().min(MARK.len())]);
        if self.mark(tail.start + 1, tail.end)?.is_some() {
            return Ok(false);
        }
        let Some(length) = head.get(8..12).filter(|_| begins && bytes >= HEAD) else {
            return Ok(begins || self.is_blank(tail)?);
        };
        let length = length.try_into().map(u32::from_le_bytes).unwrap_or_default();
        Ok(length <= RECORD_BYTES_MAX && bytes < HEAD + u64::from(length))
    }

    fn is_blank(&self, range: Range<u64>) -> io::Result<bool> {
        let mut at = range.start;
        while at < range.end {
            let mut chunk = vec![0; CHUNK.min(range.end - at) as usize];
            self.disk.read_at(&mut chunk, at)?;
            if chunk.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += chunk.len() as u64;
        }
        Ok(true)
    }

    /// A whole record that begins at `at` and ends at `until` at the latest.
    fn record(&self, at: u64, until: u64) -> io::Result<Option<Vec<u8>>> {
        if until < at + HEAD {
            return Ok(None);
        }
        let mut head = [0; HEAD as usize];
        self.disk.read_at(&mut head, at)?;
        let [m0, m1, m2, m3, m4, m5, m6, m7, a, b, c, d, known @ ..] = head;
        let length = u32::from_le_bytes([a, b, c, d]);
        let fits = length <= RECORD_BYTES_MAX && at + HEAD + u64::from(length) <= until;
        if [m0, m1, m2, m3, m4, m5, m6, m7] != MARK || !fits {
            return Ok(None);
        }
        let mut record = vec![0; length as usize];
        self.disk.read_at(&mut record, at + HEAD)?;
        Ok((sum(at, &record) == known).then_some(record))
    }
}

/// The sum covers the position, so a copy of a record elsewhere, inside another record's content, does not
/// count.
fn sum(at: u64, record: &[u8]) -> [u8; 8] {
    let hash = Sha256::new().chain_update(at.to_le_bytes()).chain_update(record).finalize();
    std::array::from_fn(|at| hash[at])
}

#[cfg(test)]
mod tests;
