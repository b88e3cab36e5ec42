//! Writing many records at once.

mod faults;
mod repeated;
mod round_trip;
