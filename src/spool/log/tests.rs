//! Damage, torn tails, full disks: a log on a disk in memory that fails as the test wants. Never touches a
//! file. Enter at [`check`].

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;

/// A disk in memory with room for this many bytes.
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

/// The quarantined bytes, and how many there were.
type Damage = Arc<Mutex<Vec<(Vec<u8>, u64)>>>;

fn open(disk: Brittle) -> (Log<Brittle>, u64, Damage) {
    let damage = Damage::default();
    let kept = damage.clone();
    let aside = move |bytes: &[u8], all| kept.lock().unwrap().push((bytes.to_vec(), all));
    let (log, torn) = Log::open(disk, Box::new(aside)).unwrap();
    (log, torn, damage)
}

fn all(log: &mut Log<Brittle>) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(record) = log.first().unwrap() {
        log.shift(&record);
        all.push(record);
    }
    assert_eq!((log.waiting(), log.bytes(), log.disk.bytes.len()), (0, 0, 0));
    all
}

fn filled(records: &[&[u8]]) -> Brittle {
    let (mut log, ..) = open(Brittle { room: 1 << 20, ..Brittle::default() });
    records.iter().for_each(|record| log.push(record).unwrap());
    log.disk
}

#[test]
fn records_come_out_in_order_and_an_empty_queue_takes_no_space() {
    let (mut log, torn, damage) = open(filled(&[b"one", b"", b"three"]));
    assert_eq!((log.waiting(), torn), (3, 0));
    assert_eq!(all(&mut log), [b"one".to_vec(), Vec::new(), b"three".to_vec()]);
    assert!(damage.lock().unwrap().is_empty());
}

#[test]
fn what_was_not_taken_out_when_the_process_died_comes_again() {
    let (mut log, ..) = open(filled(&[b"one", b"two"]));
    let first = log.first().unwrap().unwrap();
    log.shift(&first);
    let (mut log, ..) = open(log.disk);
    assert_eq!(all(&mut log), [b"one".to_vec(), b"two".to_vec()]);
}

/// Wherever a crash cut off the last write, or if the file had only grown: not damage.
#[test]
fn a_torn_tail_is_cut_and_reported() {
    let whole = filled(&[b"one", b"two"]);
    let kept = HEAD as usize + 3;
    let torn = (kept + 1..whole.bytes.len()).map(|end| whole.bytes[..end].to_vec());
    let grown = [1, 30, 200_000].map(|blank| [&whole.bytes[..kept], &vec![0; blank]].concat());
    for bytes in torn.chain(grown) {
        let cut = bytes.len() - kept;
        let (mut log, torn, damage) = open(Brittle { bytes, ..whole.clone() });
        assert_eq!(torn as usize, cut);
        assert!(damage.lock().unwrap().is_empty(), "{cut} bytes of a tail");
        log.push(b"next").unwrap();
        assert_eq!(all(&mut log), [b"one".to_vec(), b"next".to_vec()]);
    }
}

const RECORDS: [&[u8]; 4] = [b"one", b"the second", b"", b"four"];

/// Where each of [`RECORDS`] begins, and the end.
fn places() -> [usize; 5] {
    let mut places = [0; 5];
    for (nth, record) in RECORDS.iter().enumerate() {
        places[nth + 1] = places[nth] + HEAD as usize + record.len();
    }
    places
}

/// Damages the file of [`RECORDS`], both while the log is open and before it is opened. `come` are the
/// records that must be read, `aside` is the range that must be quarantined.
#[track_caller]
fn check(damage: impl Fn(&mut [u8]), come: &[usize], aside: (usize, usize)) {
    let whole = filled(&RECORDS);
    let (living, _, told_living) = open(whole.clone());
    let mut disk = whole;
    damage(&mut disk.bytes);
    let (fresh, torn, told_fresh) = open(disk.clone());
    assert_eq!(torn, 0, "it had been acknowledged");
    let living = Log { disk: disk.clone(), ..living };
    for (mut log, told) in [(living, told_living), (fresh, told_fresh)] {
        log.push(b"next").unwrap();
        let mut expected: Vec<Vec<u8>> = come.iter().map(|nth| RECORDS[*nth].to_vec()).collect();
        expected.push(b"next".to_vec());
        assert_eq!(all(&mut log), expected);
        let bytes = disk.bytes[aside.0..aside.1].to_vec();
        assert_eq!(*told.lock().unwrap(), [(bytes.clone(), bytes.len() as u64)]);
    }
}

#[test]
fn what_is_damaged_is_set_aside_and_what_is_whole_behind_it_comes() {
    let at = places();
    // Bytes in the middle.
    check(|bytes| bytes[at[1] + HEAD as usize + 4] ^= 0x55, &[0, 2, 3], (at[1], at[2]));
    // A length that is too large, and one that is too small.
    check(|bytes| bytes[at[1] + 8..at[1] + 12].fill(0xff), &[0, 2, 3], (at[1], at[2]));
    check(|bytes| bytes[at[1] + 8] += 24, &[0, 2, 3], (at[1], at[2]));
    check(|bytes| bytes[at[1] + 8] -= 1, &[0, 2, 3], (at[1], at[2]));
    // The file's start, a mark, and a range over several records.
    check(|bytes| bytes[..3].fill(0), &[1, 2, 3], (0, at[1]));
    check(|bytes| bytes[..at[2] + 5].fill(0), &[3], (0, at[3]));
    check(|bytes| bytes[at[2] + 2] ^= 1, &[0, 1, 3], (at[2], at[3]));
    // The last record at its full length; then the whole file.
    check(|bytes| bytes[at[4] - 1] ^= 1, &[0, 1, 2], (at[3], at[4]));
    check(|bytes| bytes.iter_mut().for_each(|byte| *byte ^= 0x55), &[], (0, at[4]));
    // A copy of one record over another is not that record.
    check(|bytes| bytes.copy_within(..at[1], at[1]), &[0, 2, 3], (at[1], at[2]));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Wherever bytes flip: every untouched record is read once, in order, and nothing else is.
    #[test]
    fn every_untouched_record_arrives_once_and_in_order(
        records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..12),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 0..6),
        before in any::<bool>(),
    ) {
        let slices: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        let mut disk = filled(&slices);
        let living = open(disk.clone());
        for (place, flip) in &flips {
            let place = place.index(disk.bytes.len());
            disk.bytes[place] ^= flip;
        }
        let whole = filled(&slices);
        let mut at = 0;
        let untouched = records.iter().filter(|record| {
            let range = at..at + HEAD as usize + record.len();
            at = range.end;
            disk.bytes[range.clone()] == whole.bytes[range]
        });
        let untouched: Vec<Vec<u8>> = untouched.cloned().collect();
        let mut log = if before { open(disk).0 } else { Log { disk, ..living.0 } };
        prop_assert_eq!(all(&mut log), untouched);
    }
}

#[test]
fn a_full_disk_refuses_and_nothing_is_half_written() {
    for room in 20..90 {
        let (mut log, ..) = open(Brittle { room, ..Brittle::default() });
        let taken: Vec<&[u8]> = [b"one".as_slice(), b"twenty-two bytes of it", b"x"]
            .into_iter()
            .filter(|record| log.push(record).is_ok())
            .collect();
        assert_eq!(log.disk.bytes.len() as u64, log.bytes());
        let (mut log, torn, damage) = open(log.disk);
        assert!(damage.lock().unwrap().is_empty());
        assert_eq!((all(&mut log), torn), (taken.iter().map(|record| record.to_vec()).collect(), 0));
    }
}
