//! A queue in one file: records behind one another, each synced before it counts.
//! Never leaves half a record behind: what could not be written whole is cut off at once, and what a crash
//! left half written is cut off when the file is opened.
//! Enter at [`Log::open`].
//!
//! A record lies as its length (4 bytes, little-endian), 8 bytes of its SHA-256, and itself. What has been
//! taken out stays in the file until all of it has been, so a crash offers it again: whoever takes it out
//! has to know it again.

use std::io;

use sha2::{Digest, Sha256};

const HEAD: u64 = 12;
/// A longer record is damage: no request is.
const RECORD_BYTES_MAX: u32 = 64 * 1024 * 1024;

/// What a log lies on.
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

pub struct Log<D> {
    disk: D,
    /// Where the oldest record begins that is still in the queue.
    first: u64,
    /// Where the next one is written.
    end: u64,
    waiting: u64,
}

impl<D: Disk> Log<D> {
    /// Also says how many bytes of a torn tail were cut off.
    pub fn open(disk: D) -> io::Result<(Self, u64)> {
        let mut log = Self { disk, first: 0, end: 0, waiting: 0 };
        let bytes = log.disk.bytes()?;
        while let Some(record) = log.record(log.end, bytes)? {
            log.end += HEAD + record.len() as u64;
            log.waiting += 1;
        }
        let torn = bytes - log.end;
        if torn > 0 {
            log.disk.cut(log.end)?;
            log.disk.sync()?;
        }
        Ok((log, torn))
    }

    /// Records in the queue.
    pub fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Bytes on the disk.
    pub fn bytes(&self) -> u64 {
        self.end
    }

    /// What a record takes up.
    pub fn cost(record: &[u8]) -> u64 {
        HEAD + record.len() as u64
    }

    /// Behind all others; durable when it returns. After an error nothing of it is there.
    pub fn push(&mut self, record: &[u8]) -> io::Result<()> {
        let length = u32::try_from(record.len()).ok().filter(|length| *length <= RECORD_BYTES_MAX);
        let length = length.ok_or_else(|| io::Error::other("the record is too long"))?;
        let mut frame = Vec::with_capacity(record.len() + HEAD as usize);
        frame.extend_from_slice(&length.to_le_bytes());
        frame.extend_from_slice(&mark(record));
        frame.extend_from_slice(record);
        let written = self.disk.write_at(&frame, self.end).and_then(|()| self.disk.sync());
        if let Err(error) = written {
            // Where even this fails, the next record is written over it, and a torn one is cut at the start.
            let _ = self.disk.cut(self.end).and_then(|()| self.disk.sync());
            return Err(error);
        }
        self.end += frame.len() as u64;
        self.waiting += 1;
        Ok(())
    }

    /// The oldest.
    pub fn first(&self) -> io::Result<Option<Vec<u8>>> {
        if self.waiting == 0 {
            return Ok(None);
        }
        let damaged = || io::Error::other("a record was damaged on the disk");
        self.record(self.first, self.end)?.ok_or_else(damaged).map(Some)
    }

    /// Takes the oldest out, which is `record`; an empty queue takes no space.
    pub fn shift(&mut self, record: &[u8]) {
        self.first += Self::cost(record);
        self.waiting = self.waiting.saturating_sub(1);
        if self.waiting == 0 {
            // What stays after an error is offered again at the next start, and known again.
            let _ = self.disk.cut(0).and_then(|()| self.disk.sync());
            (self.first, self.end) = (0, 0);
        }
    }

    /// A whole record that begins at `at` and ends at `until` at the latest.
    fn record(&self, at: u64, until: u64) -> io::Result<Option<Vec<u8>>> {
        if until < at + HEAD {
            return Ok(None);
        }
        let mut head = [0; HEAD as usize];
        self.disk.read_at(&mut head, at)?;
        let [a, b, c, d, known @ ..] = head;
        let length = u32::from_le_bytes([a, b, c, d]);
        if length > RECORD_BYTES_MAX || until < at + HEAD + u64::from(length) {
            return Ok(None);
        }
        let mut record = vec![0; length as usize];
        self.disk.read_at(&mut record, at + HEAD)?;
        Ok((mark(&record) == known).then_some(record))
    }
}

fn mark(record: &[u8]) -> [u8; 8] {
    let hash = Sha256::digest(record);
    std::array::from_fn(|at| hash[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk in memory that takes so many bytes.
    #[derive(Clone, Default)]
    struct Brittle {
        bytes: Vec<u8>,
        room: usize,
    }

    impl Disk for Brittle {
        fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
            let at = at as usize;
            bytes.copy_from_slice(self.bytes.get(at..at + bytes.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        }

        fn write_at(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
            let fits = bytes.len().min(self.room.saturating_sub(at as usize));
            self.bytes.truncate(at as usize);
            self.bytes.extend_from_slice(&bytes[..fits]);
            if fits == bytes.len() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
        }

        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn cut(&mut self, bytes: u64) -> io::Result<()> {
            self.bytes.truncate(bytes as usize);
            Ok(())
        }

        fn bytes(&self) -> io::Result<u64> {
            Ok(self.bytes.len() as u64)
        }
    }

    fn all(log: &mut Log<Brittle>) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(record) = log.first().unwrap() {
            log.shift(&record);
            all.push(record);
        }
        all
    }

    fn filled(records: &[&[u8]]) -> Brittle {
        let (mut log, _) = Log::open(Brittle { room: 1 << 20, ..Brittle::default() }).unwrap();
        records.iter().for_each(|record| log.push(record).unwrap());
        log.disk
    }

    #[test]
    fn records_come_out_in_order_and_an_empty_queue_takes_no_space() {
        let (mut log, torn) = Log::open(filled(&[b"one", b"", b"three"])).unwrap();
        assert_eq!((log.waiting(), torn), (3, 0));
        assert_eq!(all(&mut log), [b"one".to_vec(), Vec::new(), b"three".to_vec()]);
        assert_eq!((log.waiting(), log.bytes(), log.disk.bytes.len()), (0, 0, 0));
    }

    #[test]
    fn what_was_not_taken_out_when_the_process_died_comes_again() {
        let (mut log, _) = Log::open(filled(&[b"one", b"two"])).unwrap();
        let first = log.first().unwrap().unwrap();
        log.shift(&first);
        let (mut log, _) = Log::open(log.disk).unwrap();
        assert_eq!(all(&mut log), [b"one".to_vec(), b"two".to_vec()]);
    }

    /// Wherever a crash cut the last write off, and whatever byte of it is wrong.
    #[test]
    fn a_torn_tail_is_cut_and_told() {
        let whole = filled(&[b"one", b"two"]);
        let kept = HEAD as usize + 3;
        for end in kept..whole.bytes.len() {
            let mut disk = whole.clone();
            disk.bytes.truncate(end);
            let (mut log, torn) = Log::open(disk).unwrap();
            assert_eq!(torn as usize, end - kept);
            log.push(b"next").unwrap();
            assert_eq!(all(&mut log), [b"one".to_vec(), b"next".to_vec()]);
        }
        for at in kept..whole.bytes.len() {
            let mut disk = whole.clone();
            disk.bytes[at] ^= 0x55;
            let (mut log, torn) = Log::open(disk).unwrap();
            assert!(torn > 0, "byte {at}");
            assert_eq!(all(&mut log), [b"one".to_vec()]);
        }
    }

    #[test]
    fn a_full_disk_refuses_and_nothing_is_half_written() {
        for room in 16..60 {
            let (mut log, _) = Log::open(Brittle { room, ..Brittle::default() }).unwrap();
            let taken: Vec<&[u8]> = [b"one".as_slice(), b"twenty-two bytes of it", b"x"]
                .into_iter()
                .filter(|record| log.push(record).is_ok())
                .collect();
            assert_eq!(log.disk.bytes.len() as u64, log.bytes());
            let (mut log, torn) = Log::open(log.disk).unwrap();
            assert_eq!((all(&mut log), torn), (taken.iter().map(|record| record.to_vec()).collect(), 0));
        }
    }
}
