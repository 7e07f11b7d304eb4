//! A uniform random choice among the entries of a table, without duplicates, without an allocation.
//!
//! Think of all places of a table on one ring; the choice is what is met from an entry on that is drawn at random, so each is
//! as likely as any other. A page's part of the ring goes round and round its buckets, those of one frame after those of
//! another, so that few places of memory are far from each other, and takes a short run of a bucket's entries at each visit.
//! Where runs begin, and how long strides from bucket to bucket of a frame are, is drawn anew for each choice, so that
//! neighbours on one ring are strangers on the next.

use super::bucket::Entry;
use super::key::scaled;
use super::peer::Peer;
use super::sample::{Places, stride};
use super::table::{At, Page, Table};

impl<const N: usize> Table<Peer<N>> {
    /// Puts `want` peers into `places`, none of them twice and none that at `skip`. There must be so many.
    pub(super) fn sample(&self, skip: Option<At>, mut want: usize, dice: Dice, places: &mut Places<'_, N>) {
        if want == 0 {
            return;
        }
        if want + usize::from(skip.is_some()) >= self.len() {
            return self.places(0).filter(|&at| Some(at) != skip).for_each(|at| places.put(self.entry(at)));
        }
        let start = self.draw(skip, dice);
        let skip = skip.unwrap_or(At { page: usize::MAX, bucket: usize::MAX, entry: usize::MAX });
        let mut ring = Ring::new(self, start, dice);
        let mut run = start.entry..ring.run().end;
        loop {
            let peers = ring.page.bucket(ring.bucket).places();
            if ring.bucket == skip.bucket && ring.number == skip.page && run.contains(&skip.entry) {
                for run in [run.start..skip.entry, skip.entry + 1..run.end] {
                    want -= places.put_all(&peers[run.start..run.end.min(run.start + want)]);
                }
            } else {
                want -= places.put_all(&peers[run.start..run.end.min(run.start + want)]);
            }
            if want == 0 {
                return;
            }
            ring.advance();
            run = ring.run();
        }
    }

    /// Has the processor fetch what [`sample`](Self::sample) will most likely read if it is given the same dice.
    pub(super) fn prefetch_sample(&self, want: usize, dice: Dice) {
        let Some(start) = dice.places(self).next().filter(|_| want > 0) else { return };
        let mut ring = Ring::new(self, start, dice);
        let mut run = start.entry..ring.run().end;
        // Some places are vacant.
        let mut left = want + want / 4;
        loop {
            run.end = run.end.min(run.start + left);
            left -= run.len();
            ring.page.bucket(ring.bucket).prefetch_run(run);
            if left == 0 {
                return;
            }
            ring.advance();
            run = ring.run();
        }
    }

    fn is_other(&self, at: At, skip: Option<At>) -> bool {
        !self.pages()[at.page].bucket(at.bucket).places()[at.entry].is_vacant() && Some(at) != skip
    }

    /// Any entry but that at `skip`, each as likely as any other. There must be one.
    fn draw(&self, skip: Option<At>, dice: Dice) -> At {
        let drawn = dice.places(self).find(|&at| self.is_other(at, skip));
        drawn.unwrap_or_else(|| {
            // Nearly all have just gone: then the choice is no great matter.
            let mut places = self.places(dice.below(self.pages().len()));
            places.find(|&at| Some(at) != skip).expect("there is one")
        })
    }

    /// Where each entry is, beginning with those of the page `first`.
    fn places(&self, first: usize) -> impl Iterator<Item = At> {
        let pages = self.pages().iter().enumerate();
        pages.clone().skip(first).chain(pages.take(first)).flat_map(|(number, page)| {
            (0..page.buckets()).flat_map(move |bucket| {
                (0..page.bucket(bucket).len()).map(move |entry| At { page: number, bucket, entry })
            })
        })
    }
}

/// The random part of one choice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// One throw of a random seed's many.
    pub(super) fn throw(seed: u64, number: u64) -> Self {
        // A step of SplitMix64: every bit of the seed and of the number decides on every bit.
        let mut bits = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(bits ^ bits >> 31)
    }

    /// Three throws that have nothing to do with each other.
    pub(super) fn three(self) -> [Self; 3] {
        [2, 3, 4].map(|number| Self::throw(self.0, number))
    }

    fn again(self) -> Self {
        Self::throw(self.0, 1)
    }

    /// Places of the table, each as likely as any other; no more than are worth a try.
    fn places<E: Entry>(self, table: &Table<E>) -> impl Iterator<Item = At> {
        std::iter::successors(Some(self), |dice| Some(dice.again())).take(DRAWS).filter_map(|dice| dice.place(table))
    }

    /// A place of the table, whether there is an entry or not; none where the bucket is one that only other pages have.
    fn place<E: Entry>(self, table: &Table<E>) -> Option<At> {
        let (page, bucket) = (scaled(self.part(1), table.pages().len()), scaled(self.part(2), table.widest()));
        let there = table.pages().get(page).is_some_and(|page| bucket < page.buckets());
        there.then(|| At { page, bucket, entry: scaled(self.part(3), E::BUCKET_ENTRIES) })
    }

    /// Where the first run ends: half of one, or one.
    fn phase(self) -> usize {
        (RUN / 2) << (self.part(0) & 1)
    }

    /// Any number below a bound.
    pub(super) fn below(self, bound: usize) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "it is below the bound")]
        let scaled = ((u128::from(self.0) * bound as u128) >> 64) as usize;
        scaled
    }

    /// A step below `places` that leads to each of them before it leads back.
    pub(super) fn stride(self, places: usize) -> usize {
        stride(places, self.part(0) >> 8)
    }

    fn part(self, part: usize) -> u16 {
        let bytes = self.0.to_ne_bytes();
        u16::from_ne_bytes([bytes[2 * part], bytes[2 * part + 1]])
    }
}

/// A way round all places of a table.
struct Ring<'a, E> {
    table: &'a Table<E>,
    dice: Dice,
    page: &'a Page<E>,
    number: usize,
    stride: usize,
    bucket: usize,
    run: usize,
}

impl<'a, E: Entry> Ring<'a, E> {
    fn new(table: &'a Table<E>, start: At, dice: Dice) -> Self {
        let page = &table.pages()[start.page];
        let run = (start.entry + RUN - dice.phase()) / RUN;
        Self {
            table,
            dice,
            page,
            number: start.page,
            stride: usize::from(dice.part(0) >> 8 | 1),
            bucket: start.bucket,
            run,
        }
    }

    /// The places of the present run in the present bucket.
    #[inline(always)]
    fn run(&self) -> std::ops::Range<usize> {
        let end = self.run * RUN + self.dice.phase();
        end.saturating_sub(RUN)..end.min(E::BUCKET_ENTRIES)
    }

    #[inline(always)]
    fn advance(&mut self) {
        // An odd stride leads to each of them, since their number is a power of two.
        let within = E::FRAME_BUCKETS - 1;
        let place = (self.bucket + self.stride) & within;
        self.bucket = self.bucket & !within | place;
        if place == 0 {
            self.turn_frame();
        }
    }

    fn turn_frame(&mut self) {
        self.bucket += E::FRAME_BUCKETS;
        if self.bucket == self.page.buckets() {
            self.bucket = 0;
            self.run += 1;
            if self.run().is_empty() {
                self.turn_page();
            }
        }
    }

    #[cold]
    fn turn_page(&mut self) {
        self.run = 0;
        let pages = self.table.pages();
        let numbers = (self.number + 1..pages.len()).chain(0..=self.number);
        self.number = numbers.into_iter().find(|&number| pages[number].len() > 0).unwrap_or(self.number);
        self.page = &pages[self.number];
    }
}

/// Neighbours taken at one visit to a bucket: four cache lines of IPv4 peers. Longer runs cost
/// less, and part fewer neighbours.
const RUN: usize = 32;

/// Places drawn in a row that may have no entry: of most tables, seven of ten have one.
const DRAWS: usize = 64;

#[cfg(test)]
mod tests {
    use super::super::key::Key;
    use super::super::ports::Ports;
    use super::super::tests::kind::Kind;
    use super::*;

    #[test]
    fn dice_that_show_the_extremes_lead_to_peers_too() {
        let key = Key::new(b"0123456789abcdef", Ports::default());
        let parts = [0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff];
        let mut table = Table::<Peer<6>>::default();
        for number in 0..4_000 {
            table.insert(Peer::make(number, 0), &key);
            if ![1, 2, 60, 500, 1_800, 4_000].contains(&table.len()) {
                continue;
            }
            for dice in 0..6_usize.pow(4) {
                let dice = [0, 1, 2, 3].map(|place| parts[dice / 6_usize.pow(place) % 6]);
                let dice = Dice(dice.into_iter().fold(0, |bits, part: u64| bits << 16 | part));
                let (mut out, want) = (Vec::new(), table.len().min(20));
                table.prefetch_sample(want, dice);
                Places::append(&mut out, want, |places| table.sample(None, want, dice, places));
                let places = out.as_chunks_mut::<6>().0;
                places.sort_unstable();
                assert!(
                    places.len() == want && places.windows(2).all(|pair| pair[0] < pair[1]) && places[0] > [0; 6],
                    "{dice:?}"
                );
            }
        }
    }
}
