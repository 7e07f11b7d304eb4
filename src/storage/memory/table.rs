//! A hash table that grows a frame at a time and never touches more than one page of itself.
//!
//! A page is a few frames full of [buckets](Bucket). An entry belongs to one bucket; where that is full it goes to another,
//! and where that is full too, an entry of either makes room for it by going to its own other one. So a page fills to
//! nineteen twentieths and most entries are found at the first look. Then it gets one frame more. When pages hold
//! [`PAGE_ENTRIES`] on average, one of them is split into two (linear hashing: the pages take turns), so a page has at most
//! a little more than twice as many. Entries of a bucket are packed: whoever walks or samples a table meets no gaps.

use std::marker::PhantomData;

use super::bucket::{Bucket, Entry};
use super::key::{Hash, Key};
use crate::sys::Frame;

/// Entries found by a keyed hash.
#[derive(Debug)]
pub(super) struct Table<E> {
    pages: Vec<Page<E>>,
    len: usize,
    /// No page has more buckets.
    widest: usize,
}

/// Where an entry is, until the table changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct At {
    pub(super) page: usize,
    pub(super) bucket: usize,
    pub(super) entry: usize,
}

impl<E> Default for Table<E> {
    fn default() -> Self {
        Self { pages: Vec::new(), len: 0, widest: 0 }
    }
}

impl<E: Entry> Table<E> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn pages(&self) -> &[Page<E>] {
        &self.pages
    }

    #[cfg(test)]
    pub(super) fn frames(&self) -> usize {
        self.pages.iter().map(|page| page.frames.len()).sum()
    }

    /// No page has more buckets than this.
    pub(super) fn widest(&self) -> usize {
        self.widest
    }

    /// Whether more entries are in a page than chance would bring there.
    pub(super) fn is_skewed(&self, at: At) -> bool {
        self.pages[at.page].len() > MOST_BY_CHANCE
    }

    /// The same of the page that an entry of this hash is in or would be.
    pub(super) fn is_skewed_for(&self, hash: Hash) -> bool {
        self.page_of(hash).is_some_and(|(_, page)| page.len() > MOST_BY_CHANCE)
    }

    /// Where the entry is that is `same`, if it is where it was.
    pub(super) fn look(&self, at: At, same: impl FnOnce(&E) -> bool) -> Option<At> {
        let page = self.pages.get(at.page).filter(|page| at.bucket < page.buckets())?;
        page.bucket(at.bucket).entries().get(at.entry).is_some_and(same).then_some(at)
    }

    /// Where the entry is that has this hash and is `same`.
    pub(super) fn find(&self, hash: Hash, mut same: impl FnMut(&E) -> bool) -> Option<At> {
        let page = hash.page(self.pages.len());
        let (bucket, entry) = self.pages.get(page)?.find(hash, &mut same)?;
        Some(At { page, bucket, entry })
    }

    /// How many entries there are of this hash that are the `same`.
    pub(super) fn count(&self, hash: Hash, same: impl Fn(&E) -> bool) -> usize {
        let Some((_, page)) = self.page_of(hash) else { return 0 };
        let buckets = page.choices(hash).into_iter().flatten();
        buckets.map(|bucket| page.bucket(bucket).count(hash.tag(), &same)).sum()
    }

    /// Has the processor fetch what `find` reads first: the tags.
    pub(super) fn prefetch(&self, hash: Hash) {
        if let Some((_, page)) = self.page_of(hash)
            && let Some([home, _]) = page.choices(hash)
        {
            page.bucket(home).prefetch();
        }
    }

    /// Has it fetch what `find` reads next: entries of the same tag, or the tags of the other bucket where there are none. Says
    /// where the first is.
    pub(super) fn prefetch_entry(&self, hash: Hash) -> Option<At> {
        let (number, page) = self.page_of(hash)?;
        let [home, other] = page.choices(hash)?;
        let bucket = page.bucket(home);
        let first = bucket.prefetch_entries(hash.tag());
        if first.is_none() && bucket.has_overflowed() {
            page.bucket(other).prefetch();
        }
        first.map(|entry| At { page: number, bucket: home, entry })
    }

    fn page_of(&self, hash: Hash) -> Option<(usize, &Page<E>)> {
        let number = hash.page(self.pages.len());
        self.pages.get(number).map(|page| (number, page))
    }

    pub(super) fn entry(&self, at: At) -> &E {
        &self.pages[at.page].bucket(at.bucket).entries()[at.entry]
    }

    pub(super) fn entry_mut(&mut self, at: At) -> &mut E {
        self.pages[at.page].bucket_mut(at.bucket).entry_mut(at.entry)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = E> {
        self.pages.iter().flat_map(Page::entries)
    }

    /// Adds an entry that is not there yet. Says where it is now, and how many entries were touched for it.
    pub(super) fn insert(&mut self, entry: E, key: &Key) -> (At, usize) {
        let hash = entry.hash(key);
        if self.pages.is_empty() {
            self.pages.push(Page::default());
        }
        let mut touched = 1;
        let page = hash.page(self.pages.len());
        let (bucket, place) = loop {
            if let Some(place) = self.pages[page].push(hash, entry, key) {
                break place;
            }
            let more = self.pages[page].frames.len() + 1;
            touched += self.pages[page].rebuild(more, key);
            self.widen(page);
        };
        self.len += 1;
        // Growth of one page and a split of another at once would be too much; the split can wait.
        if touched == 1 && self.len > self.pages.len() * PAGE_ENTRIES {
            touched += self.split(key);
            let at = self.find(hash, |other| other.as_bytes() == entry.as_bytes());
            return (at.expect("it has just been added"), touched);
        }
        (At { page, bucket, entry: place }, touched)
    }

    /// Removes an entry; another of its bucket takes its place.
    pub(super) fn remove(&mut self, at: At) {
        let page = &mut self.pages[at.page];
        page.bucket_mut(at.bucket).swap_remove(at.entry);
        page.len -= 1;
        self.len -= 1;
    }

    /// Removes a bucket's entries that are not to be kept. Says how many went.
    pub(super) fn retain_in_bucket(
        &mut self,
        page: usize,
        bucket: usize,
        mut keep: impl FnMut(&mut E) -> bool,
    ) -> usize {
        let page = &mut self.pages[page];
        let entries = page.bucket_mut(bucket);
        let before = entries.len();
        // From the end, so that a gap is filled by one that has been looked at.
        for at in (0..before).rev() {
            if !keep(entries.entry_mut(at)) {
                entries.swap_remove(at);
            }
        }
        let removed = before - entries.len();
        page.len -= u32::try_from(removed).expect("a bucket has some tens");
        self.len -= removed;
        removed
    }

    /// Gives frames of a page back that it no longer needs. Says how many entries were touched.
    pub(super) fn shrink_page(&mut self, page: usize, key: &Key) -> usize {
        let page = &mut self.pages[page];
        let enough = frames::<E>(page.len());
        if enough < page.frames.len() - page.frames.len() / 4 { page.rebuild(enough, key) } else { 0 }
    }

    /// Joins the newest page to the one it was split from, if pages hold few entries. Says how many entries were touched;
    /// nothing once that is enough.
    pub(super) fn merge(&mut self, key: &Key) -> Option<usize> {
        let parent = parent(self.pages.len().checked_sub(1)?)?;
        if self.len * 3 >= self.pages.len() * PAGE_ENTRIES {
            return None;
        }
        let entries = self.pages.last()?.len() + self.pages[parent].len();
        if entries > MOST_BY_CHANCE {
            return None;
        }
        let both = [self.pages.pop()?, std::mem::take(&mut self.pages[parent])];
        self.pages[parent] = Page::of(both.iter().flat_map(Page::entries), frames::<E>(entries), key);
        self.widest = self.pages.iter().map(Page::buckets).max()?;
        Some(entries)
    }

    /// One page more, which takes about half of another. Says how many entries were touched.
    fn split(&mut self, key: &Key) -> usize {
        let new = self.pages.len();
        self.pages.push(Page::default());
        let Some(parent) = parent(new) else { return 0 };
        let old = std::mem::take(&mut self.pages[parent]);
        let pages = self.pages.len();
        for page in [parent, new] {
            let entries = old.entries().filter(|entry| entry.hash(key).page(pages) == page);
            self.pages[page] = Page::of(entries, frames::<E>(old.len() / 2), key);
            self.widen(page);
        }
        old.len()
    }

    fn widen(&mut self, page: usize) {
        self.widest = self.widest.max(self.pages[page].buckets());
    }
}

/// Frames in which a page of so many entries has some room to grow.
fn frames<E: Entry>(entries: usize) -> usize {
    entries.div_ceil(E::FRAME_ENTRIES * 7 / 8)
}

/// The page that a new one is split from.
fn parent(page: usize) -> Option<usize> {
    Some(page ^ (1 << page.checked_ilog2()?))
}

/// Frames full of buckets.
#[derive(Debug)]
pub(super) struct Page<E> {
    frames: Box<[Frame]>,
    len: u32,
    entries: PhantomData<E>,
}

impl<E> Default for Page<E> {
    fn default() -> Self {
        Self { frames: Box::default(), len: 0, entries: PhantomData }
    }
}

impl<E: Entry> Page<E> {
    /// A page of these entries, in so many frames, or more if they do not fit.
    fn of(entries: impl Iterator<Item = E>, frames: usize, key: &Key) -> Self {
        let mut page = Self::empty(frames);
        for entry in entries {
            while page.push(entry.hash(key), entry, key).is_none() {
                page.rebuild(page.frames.len() + 1, key);
            }
        }
        page
    }

    fn empty(frames: usize) -> Self {
        let mut page = Self { frames: (0..frames).map(|_| Frame::stale()).collect(), ..Self::default() };
        (0..page.buckets()).for_each(|bucket| page.bucket_mut(bucket).clear());
        page
    }

    /// Puts all entries into so many frames. Says how many they are.
    fn rebuild(&mut self, frames: usize, key: &Key) -> usize {
        let old = std::mem::take(self);
        *self = Self::of(old.entries(), frames, key);
        self.len()
    }

    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    pub(super) fn buckets(&self) -> usize {
        self.frames.len() * E::FRAME_BUCKETS
    }

    pub(super) fn bucket(&self, bucket: usize) -> &Bucket<E> {
        Bucket::of(&self.frames[bucket / E::FRAME_BUCKETS], bucket % E::FRAME_BUCKETS)
    }

    fn bucket_mut(&mut self, bucket: usize) -> &mut Bucket<E> {
        Bucket::of_mut(&mut self.frames[bucket / E::FRAME_BUCKETS], bucket % E::FRAME_BUCKETS)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = E> {
        (0..self.buckets()).flat_map(|bucket| self.bucket(bucket).entries().iter().copied())
    }

    /// The bucket that an entry of this hash belongs to and the other one it may be in, unless there are none.
    fn choices(&self, hash: Hash) -> Option<[usize; 2]> {
        (!self.frames.is_empty()).then(|| hash.buckets(self.buckets()))
    }

    fn find(&self, hash: Hash, same: &mut impl FnMut(&E) -> bool) -> Option<(usize, usize)> {
        let [home, other] = self.choices(hash)?;
        if let Some(at) = self.bucket(home).find(hash.tag(), &mut *same) {
            return Some((home, at));
        }
        let elsewhere = self.bucket(home).has_overflowed();
        elsewhere.then(|| self.bucket(other).find(hash.tag(), same)).flatten().map(|at| (other, at))
    }

    /// Puts an entry into one of its buckets; nowhere if both are full of entries that cannot go elsewhere.
    fn push(&mut self, hash: Hash, entry: E, key: &Key) -> Option<(usize, usize)> {
        let [home, other] = self.choices(hash)?;
        let buckets = [home, other].into_iter();
        let bucket = buckets.clone().find(|&bucket| !self.bucket(bucket).is_full());
        let bucket = bucket.or_else(|| buckets.clone().find(|&bucket| self.make_room(bucket, key)))?;
        if bucket != home {
            self.bucket_mut(home).overflow();
        }
        self.len += 1;
        self.bucket_mut(bucket).push(hash.tag(), entry).map(|at| (bucket, at))
    }

    /// Has one of a full bucket's entries go to the other bucket that it may be in.
    fn make_room(&mut self, bucket: usize, key: &Key) -> bool {
        let moves = self.bucket(bucket).entries().iter().enumerate().take(MOVES_TRIED).find_map(|(at, entry)| {
            let hash = entry.hash(key);
            let [home, other] = hash.buckets(self.buckets());
            let to = if bucket == home { other } else { home };
            (!self.bucket(to).is_full()).then_some((at, *entry, hash, to))
        });
        let Some((at, entry, hash, to)) = moves else { return false };
        self.bucket_mut(bucket).swap_remove(at);
        if to == hash.buckets(self.buckets())[1] {
            self.bucket_mut(bucket).overflow();
        }
        self.bucket_mut(to).push(hash.tag(), entry).is_some()
    }
}

/// Entries of a full bucket that are asked to make room: of most, one in two could.
const MOVES_TRIED: usize = 16;

/// Entries of a page on average when one is split: then no page has above 4,096, and its last frame is seldom a large part.
const PAGE_ENTRIES: usize = 1_750;

/// Before it is split, a page has twice [`PAGE_ENTRIES`] on average; this is eight standard deviations more.
const MOST_BY_CHANCE: usize = 4_000;
