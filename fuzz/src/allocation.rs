//! An allocator that counts, and stops the program before an execution takes memory without bound.
//!
//! All threads are counted together, because some readers use several. So one execution runs at a
//! time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

/// No single execution gets more, whatever its target allows; a program that asks for terabytes would
/// only be told that there are none, and end without a word.
const CEILING: usize = 1 << 30;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);
static CEILING_NOW: AtomicUsize = AtomicUsize::new(usize::MAX);
/// What to do when the ceiling is reached.
static ALARM: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// The system's allocator with a count.
pub struct Counting;

fn grow(size: usize) {
    let held = HELD.fetch_add(size, Relaxed) + size;
    if held > MOST.load(Relaxed) {
        MOST.fetch_max(held, Relaxed);
        if held > CEILING_NOW.load(Relaxed) {
            sound_alarm(size);
        }
    }
}

fn shrink(size: usize) {
    HELD.fetch_sub(size, Relaxed);
}

#[cold]
fn sound_alarm(size: usize) {
    // What follows allocates, too.
    CEILING_NOW.store(usize::MAX, Relaxed);
    let alarm = ALARM.load(Relaxed);
    eprintln!("an execution takes more than {CEILING} bytes; the last {size} of them at once");
    if !alarm.is_null() {
        // SAFETY: `on_alarm` is the only one to store here, and stores such a function.
        let alarm: fn() = unsafe { std::mem::transmute(alarm) };
        alarm();
    }
    std::process::abort();
}

// SAFETY: everything is done by the system's allocator; counting touches none of its memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        shrink(layout.size());
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        grow(size);
        shrink(layout.size());
        unsafe { System.realloc(place, layout, size) }
    }
}

/// What is called, once, when an execution reaches the ceiling; the program ends afterwards.
pub fn on_alarm(alarm: fn()) {
    ALARM.store(alarm as *mut (), Relaxed);
}

/// What `work` gives, and the most memory that was held meanwhile beyond what was held before. May be
/// nested.
pub fn measure<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let (before, most, ceiling) = (
        HELD.load(Relaxed),
        MOST.load(Relaxed),
        CEILING_NOW.load(Relaxed),
    );
    MOST.store(before, Relaxed);
    CEILING_NOW.store(ceiling.min(before + CEILING), Relaxed);
    let done = work();
    CEILING_NOW.store(ceiling, Relaxed);
    let taken = MOST.load(Relaxed) - before;
    MOST.fetch_max(most, Relaxed);
    (done, taken)
}
